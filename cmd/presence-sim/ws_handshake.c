/* SPDX-License-Identifier: MIT */
#include "ws_handshake.h"
#include "net/authority.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static int refuse(char *error, size_t size, const char *url, const char *why)
{
    snprintf(error, size, "server \"%.200s\": %s", url, why);
    return -1;
}

static int unix_target(const char *url, struct span path, struct ws_target *ret, char *error, size_t size)
{
    struct ws_target t = {.host = "localhost", .path = "/"};
    struct sockaddr_un *un = (struct sockaddr_un *)&t.addr;
    if (!path.len || span_copy(path, un->sun_path, sizeof(un->sun_path)))
        return refuse(error, size, url, "a unix socket's path has 1 to 107 bytes");
    un->sun_family = AF_UNIX;
    t.addr_len = sizeof(*un);
    *ret = t;
    return 0;
}

static int resolve(const char *url, struct span host, struct span port, struct ws_target *t, char *error,
                   size_t size)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char name[256], service[8];
    uint64_t number;
    if (span_to_u64(port, 65535, &number) || !number)
        return refuse(error, size, url, "the port is none of 1-65535");
    if (!host.len || span_copy(host, name, sizeof(name)) || span_copy(port, service, sizeof(service)))
        return refuse(error, size, url, "the host is missing or too long");
    int result = getaddrinfo(name, service, &hints, &found);
    if (result)
        return refuse(error, size, url, gai_strerror(result));
    memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
    t->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static bool printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

int ws_target_parse(const char *url, struct ws_target *ret, char *error, size_t size)
{
    struct ws_target t = {.path = "/"};
    struct span rest = span_of(url), host, port;
    if (!strncmp(url, "unix:", 5))
        return unix_target(url, span_of(url + 5), ret, error, size);
    if (!strncmp(url, "wss://", 6))
        return refuse(error, size, url,
                      "TLS is not spoken here; put stunnel or nginx in between and name it with ws://");
    if (!strncmp(url, "ws://", 5))
        rest = span_of(url + 5);
    const char *slash = memchr(rest.data, '/', rest.len);
    struct span authority = slash ? (struct span){rest.data, (size_t)(slash - rest.data)} : rest;
    if (!printable(rest) || span_copy(authority, t.host, sizeof(t.host)) ||
        (slash && span_copy(span_of(slash), t.path, sizeof(t.path))))
        return refuse(error, size, url, "no URL, or too long");
    if (authority_parse(authority, &host, &port) < 0)
        return refuse(error, size, url, "an IPv6 address stands in brackets, as in ws://[::1]:80");
    if (resolve(url, host, port.len ? port : SPAN("80"), &t, error, size))
        return -1;
    *ret = t;
    return 0;
}

static void write_header(struct bytes *out, const char *name, const char *value)
{
    if (!value)
        return;
    bytes_append_text(out, name);
    bytes_append_text(out, ": ");
    bytes_append_text(out, value);
    bytes_append_text(out, "\r\n");
}

void ws_request_write(const struct ws_target *target, const struct ws_request *request,
                      const char key[WS_KEY_LEN + 1], struct bytes *out)
{
    bytes_append_text(out, "GET ");
    bytes_append_text(out, target->path);
    if (request->query && request->query[0]) {
        bytes_append_char(out, strchr(target->path, '?') ? '&' : '?');
        bytes_append_text(out, request->query);
    }
    bytes_append_text(out, " HTTP/1.1\r\n");
    write_header(out, "Host", target->host);
    write_header(out, "Upgrade", "websocket");
    write_header(out, "Connection", "Upgrade");
    write_header(out, "Sec-WebSocket-Version", "13");
    write_header(out, "Sec-WebSocket-Key", key);
    write_header(out, "Sec-WebSocket-Protocol", request->protocols);
    write_header(out, "Origin", request->origin);
    write_header(out, "token", request->token);
    write_header(out, "device_id", request->device);
    bytes_append_text(out, "\r\n");
}
