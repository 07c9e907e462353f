/* SPDX-License-Identifier: MIT */
/* Reads the headers of the PROXY protocol off new connections, between a listener and who serves them.
 *
 * The specification forbids to guess whether there is a header. The address of the socket decides:
 * connections from trusted proxies must begin with one, all others have none. Not a byte beyond the header is
 * read, so that whoever comes next, whatever library it is, sees the connection as the client has sent it. */
#ifndef HTTP_PROXY_READER_H
#define HTTP_PROXY_READER_H

#include "net/loop.h"

#include <stddef.h>

struct proxy_reader_config {
    const char *trusted; /* borrowed; see proxies.h. NULL: there are no headers, all are let through */
    int64_t timeout_ms;  /* for the whole header */
    size_t pending_max;  /* connections whose header has not come; more: the oldest is closed */
};

/* Why a connection was refused, as counters label it. */
#define PROXY_REASONS(X, ...)                                                                                \
    X(PROXY_PROTOCOL, "proxy_protocol", __VA_ARGS__) /* the header is malformed, which the log tells */      \
    X(TIMEOUT, "timeout", __VA_ARGS__)                                                                       \
    X(OVERLOAD, "overload", __VA_ARGS__)
#define PROXY_REASON(id, ...) PROXY_REASON_##id,
enum proxy_reason { PROXY_REASONS(PROXY_REASON) };

struct proxy_reader_hooks {
    /* Takes over the socket; `peer` is the client's address, "unix" for a unix socket. Valid during the call.
     */
    void (*accepted)(void *arg, int fd, const char *peer);
    /* A connection was closed for its header. Those that end without a byte, as some health checks do, are no
     * refusals. */
    void (*refused)(void *arg, enum proxy_reason reason);
};

struct proxy_reader;
/* Copies config and hooks. */
struct proxy_reader *proxy_reader_create(struct loop *loop, const struct proxy_reader_config *config,
                                         const struct proxy_reader_hooks *hooks, void *arg);
/* A listener's accepted(): takes over the socket. May call the hooks at once. */
void proxy_reader_accept(struct proxy_reader *reader, int fd, const char *peer);
/* Connections whose header has not come yet. */
size_t proxy_reader_pending(const struct proxy_reader *reader);
/* Closes them. NULL is fine. */
void proxy_reader_destroy(struct proxy_reader *reader);

#endif
