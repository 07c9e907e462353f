#include "net/http_get.h"

#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX  16384
#define READ_SIZE 16384

struct target {
    struct sockaddr_storage at;
    socklen_t len;
    char host[300]; /* for the Host header */
};

static int target_unix(const char *path, struct target *ret)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->at;

    if (strlen(path) >= sizeof(un->sun_path))
        return -1;
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    ret->len = sizeof(*un);
    strcpy(ret->host, "localhost");
    return 0;
}

/* "[::1]:3000" and "127.0.0.1:3000" taken apart. */
static int split_address(const char *address, char *host, size_t size, const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    struct span name = {address, colon ? (size_t)(colon - address) : 0};

    if (!colon || colon[1] == '\0')
        return -1;
    if (name.len > 1 && name.data[0] == '[' && name.data[name.len - 1] == ']')
        name = (struct span){name.data + 1, name.len - 2};
    *ret_port = colon + 1;
    return name.len ? span_copy(name, host, size) : -1;
}

static int target_tcp(const char *address, struct target *ret)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    char host[256];
    const char *port, *name = host;

    if (split_address(address, host, sizeof(host), &port) < 0)
        return -1;
    if (!strcmp(host, "*") || !strcmp(host, "0.0.0.0"))
        name = "127.0.0.1";
    else if (!strcmp(host, "::"))
        name = "::1";
    if (getaddrinfo(name, port, &hints, &list) != 0)
        return -1;
    memcpy(&ret->at, list->ai_addr, list->ai_addrlen);
    ret->len = list->ai_addrlen;
    freeaddrinfo(list);
    snprintf(ret->host, sizeof(ret->host), "%s", address);
    return 0;
}

static int target_of(const char *address, struct target *ret)
{
    memset(ret, 0, sizeof(*ret));
    return strncmp(address, "unix:", 5) == 0 ? target_unix(address + 5, ret) : target_tcp(address, ret);
}

/* 0, or a negative errno. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wanted = {.fd = fd, .events = events};

    for (;;) {
        int64_t left_ms = deadline_ms - clock_mono_ms();
        int n = poll(&wanted, 1, left_ms > 0 ? (int)left_ms : 0);
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

static int connect_to(int fd, const struct target *target, int64_t deadline_ms)
{
    int code = 0;
    socklen_t len = sizeof(code);

    if (connect(fd, (const struct sockaddr *)&target->at, target->len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    int r = wait_for(fd, POLLOUT, deadline_ms);
    if (r < 0)
        return r;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 ? -errno : -code;
}

static int send_all(int fd, struct span text, int64_t deadline_ms)
{
    while (text.len) {
        ssize_t n = send(fd, text.data, text.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0) {
            text.data += n;
            text.len -= (size_t)n;
            continue;
        }
        int r = wait_for(fd, POLLOUT, deadline_ms);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Takes the value of a header off a head; SPAN_NONE when it has none. */
static struct span header(struct span head, struct span name)
{
    while (head.len) {
        struct span line = span_split(&head, '\n');
        struct span key = span_split(&line, ':');
        if (span_equal_nocase(key, name)) {
            if (line.len && line.data[line.len - 1] == '\r')
                line.len--;
            return span_trim(line);
        }
    }
    return SPAN_NONE;
}

static int status_of(struct span head)
{
    uint64_t status;
    struct span version = span_split(&head, ' ');

    if (version.len != 8 || memcmp(version.data, "HTTP/1.", 7) != 0 || head.len < 3 ||
        span_to_u64((struct span){head.data, 3}, 599, &status) < 0 || status < 100)
        return -1;
    return (int)status;
}

int http_get_parse(struct span text, bool ended, int *ret_status, struct span *ret_body)
{
    const char *gap = text.len ? memmem(text.data, text.len, "\r\n\r\n", 4) : NULL;
    uint64_t length;

    if (!gap)
        return ended || text.len > HEAD_MAX ? -1 : 0;
    struct span head = {text.data, (size_t)(gap - text.data) + 2};
    struct span body = {gap + 4, text.len - head.len - 2};
    int status = status_of(head);
    struct span said = header(head, SPAN("Content-Length"));
    if (status < 0 || header(head, SPAN("Transfer-Encoding")).data)
        return -1;
    if (said.data) {
        if (span_to_u64(said, HTTP_GET_BODY_MAX, &length) < 0)
            return -1;
        if (body.len < length)
            return ended ? -1 : 0;
        body.len = length;
    } else if (!ended) {
        return body.len > HTTP_GET_BODY_MAX ? -1 : 0;
    }
    *ret_status = status;
    *ret_body = body;
    return 1;
}

/* 0, or a negative errno; EPROTO: no answer we understand. */
static int receive(int fd, int64_t deadline_ms, int *ret_status, struct bytes *ret_body)
{
    bytes_auto text = BYTES_INIT;
    struct span body;
    int done = 0;

    while (done == 0) {
        int r = wait_for(fd, POLLIN, deadline_ms);
        if (r < 0)
            return r;
        ssize_t n = recv(fd, bytes_reserve(&text, READ_SIZE), READ_SIZE, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        text.len += n > 0 ? (size_t)n : 0;
        done = http_get_parse(bytes_span(&text), n == 0, ret_status, &body);
        if (done < 0 || text.len > HTTP_GET_BODY_MAX + HEAD_MAX)
            return -EPROTO;
    }
    bytes_append_span(ret_body, body);
    return 0;
}

static int ask(int fd, const struct target *target, const char *path, int64_t deadline_ms, int *ret_status,
               struct bytes *ret_body)
{
    bytes_auto request = BYTES_INIT;
    int r = connect_to(fd, target, deadline_ms);

    if (r < 0)
        return r;
    bytes_printf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, target->host);
    r = send_all(fd, bytes_span(&request), deadline_ms);
    return r < 0 ? r : receive(fd, deadline_ms, ret_status, ret_body);
}

static const char *sentence(int r)
{
    if (r == -EPROTO)
        return "does not answer as HTTP";
    return r == -ETIMEDOUT ? "no answer in time" : strerror(-r);
}

int http_get(const char *address, const char *path, int64_t timeout_ms, int *ret_status,
             struct bytes *ret_body, char *error, size_t size)
{
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    struct target target;

    if (target_of(address, &target) < 0) {
        snprintf(error, size, "%s: no address of a daemon", address);
        return -1;
    }
    int fd = socket(target.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = fd < 0 ? -errno : ask(fd, &target, path, deadline_ms, ret_status, ret_body);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        return 0;
    snprintf(error, size, "%s: %s", address, sentence(r));
    return -1;
}
