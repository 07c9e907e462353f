/* SPDX-License-Identifier: MIT */
#include "net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A dead peer is noticed after 30 s. */
#define KEEPALIVE_IDLE_S     15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES     3

void dial_addresses_take(const struct addrinfo *list, struct dial_addresses *ret)
{
    ret->count = 0;
    for (; list && ret->count < DIAL_ADDRESSES_MAX; list = list->ai_next) {
        char *ip = ret->ip[ret->count];
        if (getnameinfo(list->ai_addr, list->ai_addrlen, ip, DIAL_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
            ret->count++;
    }
}

bool dial_addresses_known(const char *host, struct dial_addresses *ret)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    if (!strcasecmp(host, "localhost")) {
        *ret = (struct dial_addresses){2, {"::1", "127.0.0.1"}};
        return true;
    }
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    dial_addresses_take(list, ret);
    freeaddrinfo(list);
    return ret->count > 0;
}

/* -1 closes the socket and keeps errno. */
static int begin_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    if (fd < 0 || connect(fd, to, len) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int dial_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    return begin_connect(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                         (struct sockaddr *)&at, sizeof(at));
}

int dial_tcp(const char *ip, int port)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *to;
    const int on = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
    char port_text[8];
    snprintf(port_text, sizeof(port_text), "%d", port);
    errno = EADDRNOTAVAIL;
    if (getaddrinfo(ip, port_text, &hints, &to) != 0)
        return -1;
    int fd = begin_connect(socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), to->ai_addr,
                           to->ai_addrlen);
    freeaddrinfo(to);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    return fd;
}
