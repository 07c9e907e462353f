/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include "base/bytes.h"
#include "base/log.h"
#include "net/authority.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG          4096
#define SYSTEMD_FIRST_FD 3

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
    struct sockaddr_storage room;
};

/* One item of the spec. A pair stands for the same port on both families. */
struct item {
    enum { ITEM_ONE, ITEM_PAIR, ITEM_SYSTEMD } kind;
    union address addresses[2];
    char text[128];
};

struct opening {
    struct listen_set *set;
    bool reuseport;
    char *error;
    size_t size;
};

static int fail(const struct opening *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(const struct opening *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(o->error, o->size, format, args);
    va_end(args);
    return -1;
}

static socklen_t address_length(const union address *a)
{
    switch (a->any.sa_family) {
    case AF_INET: return sizeof(a->v4);
    case AF_INET6: return sizeof(a->v6);
    default: return sizeof(a->un);
    }
}

static uint16_t address_port(const union address *a)
{
    return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
}

static void address_set_port(union address *a, uint16_t port)
{
    if (a->any.sa_family == AF_INET)
        a->v4.sin_port = htons(port);
    else
        a->v6.sin6_port = htons(port);
}

static bool address_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    if (a->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
    return a->any.sa_family == AF_UNIX;
}

static void address_name(const union address *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    if (a->any.sa_family == AF_INET)
        snprintf(out, size, "%s:%u", inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host)),
                 address_port(a));
    else if (a->any.sa_family == AF_INET6)
        snprintf(out, size, "[%s]:%u", inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host)),
                 address_port(a));
    else
        snprintf(out, size, "unix:%s", a->un.sun_path);
}

/* A set never holds a descriptor it can't name; -1 stands for "checked, not opened". */
static int add(const struct opening *o, int fd, const union address *a, bool inherited)
{
    struct listen_set *set = o->set;
    if (set->count == LISTEN_MAX) {
        if (fd >= 0)
            close(fd);
        return fail(o, "more than %d addresses to listen on", LISTEN_MAX);
    }
    set->fds[set->count] = fd;
    set->loopback[set->count] = address_loopback(a);
    set->is_unix[set->count] = a->any.sa_family == AF_UNIX;
    set->inherited[set->count] = inherited;
    address_name(a, set->names[set->count], sizeof(set->names[0]));
    set->count++;
    return 0;
}

static int parse_port(struct span text, uint16_t *ret)
{
    uint64_t port;
    if (span_to_u64(text, 65535, &port))
        return -1;
    *ret = (uint16_t)port;
    return 0;
}

static void set_v4(union address *a, uint32_t host, uint16_t port)
{
    memset(a, 0, sizeof(*a));
    a->v4.sin_family = AF_INET;
    a->v4.sin_addr.s_addr = htonl(host);
    a->v4.sin_port = htons(port);
}

static void set_v6(union address *a, const struct in6_addr *host, uint16_t port)
{
    memset(a, 0, sizeof(*a));
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_addr = *host;
    a->v6.sin6_port = htons(port);
}

static int parse_unix(const struct opening *o, struct span path, struct item *item)
{
    union address *a = &item->addresses[0];
    memset(a, 0, sizeof(*a));
    a->un.sun_family = AF_UNIX;
    if (path.len == 0)
        return fail(o, "listen address '%s' names no path", item->text);
    if (span_copy(path, a->un.sun_path, sizeof(a->un.sun_path)))
        return fail(o, "listen address '%s': a socket's path has at most %zu bytes", item->text,
                    sizeof(a->un.sun_path) - 1);
    item->kind = ITEM_ONE;
    return 0;
}

static int parse_host(const struct opening *o, struct span host, uint16_t port, struct item *item)
{
    char text[INET6_ADDRSTRLEN + 2];
    struct in6_addr v6 = IN6ADDR_ANY_INIT;
    struct in_addr v4;
    item->kind = ITEM_PAIR;
    if (host.len == 0 || span_equal_nocase(host, SPAN("localhost"))) {
        set_v4(&item->addresses[0], INADDR_LOOPBACK, port);
        set_v6(&item->addresses[1], &in6addr_loopback, port);
        return 0;
    }
    if (span_equal(host, SPAN("*"))) {
        set_v4(&item->addresses[0], INADDR_ANY, port);
        set_v6(&item->addresses[1], &in6addr_any, port);
        return 0;
    }
    item->kind = ITEM_ONE;
    if (authority_ipv6(host, v6.s6_addr) == 0) {
        set_v6(&item->addresses[0], &v6, port);
        return 0;
    }
    if (!span_copy(host, text, sizeof(text)) && inet_pton(AF_INET, text, &v4) == 1) {
        set_v4(&item->addresses[0], ntohl(v4.s_addr), port);
        return 0;
    }
    return fail(o,
                "listen address '%s': expected a port, ADDRESS:PORT, [ADDRESS]:PORT, localhost:PORT, *:PORT, "
                "unix:/path or systemd",
                item->text);
}

static int parse_item(const struct opening *o, struct span text, struct item *item)
{
    struct span host, port_text;
    uint16_t port;
    if (span_copy(text, item->text, sizeof(item->text)) || text.len == 0)
        return fail(o, "an empty or overlong listen address");
    if (span_equal(text, SPAN("systemd"))) {
        item->kind = ITEM_SYSTEMD;
        return 0;
    }
    if (text.len >= 5 && !memcmp(text.data, "unix:", 5))
        return parse_unix(o, (struct span){text.data + 5, text.len - 5}, item);
    if (!authority_split(text, &host, &port_text)) {
        port_text = text;
        host = SPAN_NONE;
    } else if (host.len == 0) {
        return fail(o, "listen address '%s' names no host before ':'", item->text);
    }
    if (parse_port(port_text, &port))
        return fail(o, "listen address '%s': the port is a number from 0 to 65535", item->text);
    return parse_host(o, host, port, item);
}

/* A socket file on which nobody answers is what a killed process leaves behind. */
static int clear_stale(const struct opening *o, const union address *a, const char *name)
{
    struct stat st;
    int fd, rc, saved;
    if (lstat(a->un.sun_path, &st))
        return errno == ENOENT ? 0 : fail(o, "%s: %s", name, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return fail(o, "%s: there is a file that is no socket", name);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(o, "%s: %s", name, strerror(errno));
    rc = connect(fd, &a->any, sizeof(a->un));
    saved = errno;
    close(fd);
    if (rc == 0 || saved != ECONNREFUSED)
        return fail(o, "%s is in use by another process", name);
    if (unlink(a->un.sun_path) && errno != ENOENT)
        return fail(o, "%s: %s", name, strerror(errno));
    return 0;
}

static int bind_failed(const struct opening *o, const union address *a, const char *name)
{
    if (errno != EADDRINUSE || a->any.sa_family == AF_UNIX)
        return fail(o, "can't listen on %s: %s", name, strerror(errno));
    return fail(o, "port %u is in use (%s)", address_port(a), name);
}

static void prepare_socket(const struct opening *o, int fd, const union address *a)
{
    static const int on = 1;
    if (a->any.sa_family == AF_UNIX) {
        /* The mode a bound file gets is the descriptor's: no moment with a wider one. */
        fchmod(fd, 0660);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (o->reuseport)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

enum opened { OPENED, REFUSED, LACKING };

/* REFUSED, LACKING (the machine has no such family or address): the error is filled. */
static enum opened open_address(const struct opening *o, const union address *wanted)
{
    union address bound = *wanted;
    socklen_t len = sizeof(bound);
    char name[128];
    enum opened failure;
    int fd;
    address_name(wanted, name, sizeof(name));
    if (wanted->any.sa_family == AF_UNIX && clear_stale(o, wanted, name))
        return REFUSED;
    fd = socket(wanted->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        failure = errno == EAFNOSUPPORT ? LACKING : REFUSED;
        fail(o, "can't listen on %s: %s", name, strerror(errno));
        return failure;
    }
    prepare_socket(o, fd, wanted);
    if (bind(fd, &wanted->any, address_length(wanted)) || listen(fd, BACKLOG)) {
        failure = errno == EADDRNOTAVAIL ? LACKING : REFUSED;
        bind_failed(o, wanted, name);
        close(fd);
        return failure;
    }
    if (wanted->any.sa_family == AF_UNIX)
        chmod(wanted->un.sun_path, 0660);
    else
        getsockname(fd, &bound.any, &len);
    return add(o, fd, &bound, false) ? REFUSED : OPENED;
}

static uint16_t last_port(const struct listen_set *set)
{
    union address a;
    socklen_t len = sizeof(a);
    return getsockname(set->fds[set->count - 1], &a.any, &len) ? 0 : address_port(&a);
}

/* Port 0: the second family takes the port the kernel gave to the first, if it is free there. */
static enum opened open_second(const struct opening *o, union address *second, bool any_port)
{
    enum opened opened;
    if (any_port)
        address_set_port(second, last_port(o->set));
    opened = open_address(o, second);
    if (opened != REFUSED || !any_port || o->set->count == LISTEN_MAX)
        return opened;
    address_set_port(second, 0);
    return open_address(o, second);
}

static void warn_lacking(const struct opening *o, const union address *a)
{
    char name[128];
    address_name(a, name, sizeof(name));
    log_warn("listen_partial", LOG_T("address", name), LOG_T("error", o->error));
}

/* One family is enough for a name that stands for both: a machine may lack the other, as containers often do.
 */
static int open_pair(const struct opening *o, struct item *item)
{
    bool any_port = address_port(&item->addresses[0]) == 0;
    enum opened first = open_address(o, &item->addresses[0]), second;
    if (first == REFUSED)
        return -1;
    second = open_second(o, &item->addresses[1], any_port && first == OPENED);
    if (second == REFUSED || (first == LACKING && second == LACKING))
        return -1;
    if (first == LACKING || second == LACKING)
        warn_lacking(o, &item->addresses[first == LACKING ? 0 : 1]);
    return 0;
}

static size_t systemd_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t number;
    if (!pid || !fds || span_to_u64(span_of(pid), INT32_MAX, &number) || (pid_t)number != getpid())
        return 0;
    return span_to_u64(span_of(fds), LISTEN_MAX, &number) ? 0 : (size_t)number;
}

static int adopt_systemd(const struct opening *o)
{
    size_t count = systemd_count();
    if (count == 0)
        return fail(o, "listen address 'systemd': no sockets were handed over (LISTEN_PID, LISTEN_FDS)");
    for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + (int)count; fd++) {
        union address a = {0};
        socklen_t len = sizeof(a) - 1;
        int accepting = 0;
        socklen_t size = sizeof(accepting);

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size) || !accepting ||
            getsockname(fd, &a.any, &len))
            return fail(o, "listen address 'systemd': descriptor %d is no listening stream socket", fd);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        if (add(o, fd, &a, true))
            return -1;
    }
    return 0;
}

static int open_item(const struct opening *o, struct item *item)
{
    switch (item->kind) {
    case ITEM_PAIR: return open_pair(o, item);
    case ITEM_SYSTEMD: return adopt_systemd(o);
    default: return open_address(o, &item->addresses[0]) == OPENED ? 0 : -1;
    }
}

static int check_item(const struct opening *o, struct item *item)
{
    struct listen_set *set = o->set;
    if (item->kind == ITEM_SYSTEMD) {
        set_v4(&item->addresses[0], INADDR_ANY, 0);
        if (add(o, -1, &item->addresses[0], true))
            return -1;
        snprintf(set->names[set->count - 1], sizeof(set->names[0]), "systemd");
        return 0;
    }
    if (add(o, -1, &item->addresses[0], false))
        return -1;
    return item->kind == ITEM_PAIR ? add(o, -1, &item->addresses[1], false) : 0;
}

static int each_item(const struct opening *o, const char *spec,
                     int (*use)(const struct opening *, struct item *))
{
    struct span rest = span_of(spec);
    if (span_trim(rest).len == 0)
        return fail(o, "no address to listen on");
    while (rest.len > 0) {
        struct item item = {0};

        if (parse_item(o, span_trim(span_split(&rest, ',')), &item) || use(o, &item))
            return -1;
    }
    return 0;
}

int listener_open(const char *spec, bool reuseport, struct listen_set *ret, char *error, size_t size)
{
    struct listen_set set = {0};
    struct opening o = {&set, reuseport, error, size};
    if (each_item(&o, spec, open_item)) {
        listener_close_socket(&set);
        return -1;
    }
    *ret = set;
    return 0;
}

int listener_check(const char *spec, struct listen_set *ret, char *error, size_t size)
{
    struct listen_set set = {0};
    struct opening o = {&set, false, error, size};
    if (each_item(&o, spec, check_item))
        return -1;
    *ret = set;
    return 0;
}

void listener_unlink(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->fds[i] < 0 || !set->is_unix[i] || set->inherited[i] || set->unlinked[i])
            continue;
        unlink(set->names[i] + strlen("unix:"));
        set->unlinked[i] = true;
    }
}

/* Files first: once a socket is closed, the next instance may have bound the name anew. */
void listener_close_socket(struct listen_set *set)
{
    listener_unlink(set);
    for (size_t i = 0; i < set->count; i++)
        if (set->fds[i] >= 0)
            close(set->fds[i]);
    set->count = 0;
}
