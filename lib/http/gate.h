/* SPDX-License-Identifier: MIT */
/* The gate: our own reader of HTTP request heads in front of libwebsockets.
 *
 * It reads the head within bounds and a deadline, checks request, token, role, origin and quota in the order
 * of PROTOCOL.md, "Refusals", and answers every refusal itself as {"success":false,"error":"…"}. Only a valid
 * upgrade is handed on: with the socket, the claims and the bytes that came early. Why: libwebsockets copies
 * the subprotocol into 128 bytes, so a browser's `new WebSocket(url, [jwt, deviceId])` can't work otherwise,
 * and its header pool and a known use-after-free are never reached. It also serves /healthz, /readyz and
 * /metrics, and can be used for these alone. Each connection carries one request: every answer ends it. */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include "auth/token.h"
#include "net/listener.h"
#include "presence/quota.h"
#include "wire/message.h"

#define GATE_HEAD_MAX    16384 /* bytes of a request head; more: 431 */
#define GATE_HEADERS_MAX 64    /* likewise */

struct gate_head;

struct gate_config {
    const struct token_keys *keys; /* NULL with auth_none */
    bool auth_none;                /* PRESENCE_AUTH=none: the token is the user id, ?role= the role */
    const char *allowed_origins;   /* borrowed; see origin.h */
    const char *allowed_hosts;     /* borrowed; see host.h: with auth_none others are refused with 421 */
    int64_t head_timeout_ms;       /* from accept to the whole head; 10 s */
    size_t pending_max; /* connections that have not sent their head; more: the oldest is dropped with 503 */
    size_t pending_per_address;  /* of those of one address; more: dropped with 429; 0: any number */
    const char *trusted_proxies; /* borrowed; see proxies.h: their connections are bounded by pending_max
                                    only, and who they speak for is in their headers */
    bool upgrades;               /* false: only the plain paths below; everything else is 404 */
    /* Whether a token that is right was revoked. NULL: none is. */
    bool (*revoked)(void *arg, const struct token *token, struct span device);
    void *revoked_arg;
    /* A token named a key that is not known; perhaps it can be fetched. NULL: it can't. */
    void (*unknown_key)(void *arg);
    void *unknown_key_arg;
};

/* What a client asked for. Spans borrow from the gate's buffers: valid during the call only. */
struct gate_request {
    struct token token; /* the callee may take it over by zeroing it */
    struct span device; /* valid device id; empty: none was given */
    const char *peer;   /* the client's address, also behind a trusted proxy; "unix" */
    enum encoding encoding;
    bool speaks_v1; /* offered presence.v1.*: gets a HELLO */
    bool has_groups, has_users, has_since;
    struct span groups; /* ?groups=a,b, decoded; items separated by ',' */
    struct span users;
    struct span since;            /* "epoch:rev" */
    struct quota_place place;     /* taken by admit; the callee may take it over by zeroing it */
    const struct gate_head *head; /* what it was read from */
    const char *via;              /* the address that the request came from: the client's, or a proxy's */
};

/* Why a connection was refused, as counters label it. */
#define GATE_REASONS(X, ...)                                                                                 \
    X(REQUEST, "request", __VA_ARGS__)                                                                       \
    X(TOO_LARGE, "too_large", __VA_ARGS__)                                                                   \
    X(PATH, "path", __VA_ARGS__)                                                                             \
    X(NO_UPGRADE, "no_upgrade", __VA_ARGS__)                                                                 \
    X(TOKEN, "token", __VA_ARGS__)                                                                           \
    X(ROLE, "role", __VA_ARGS__)                                                                             \
    X(ORIGIN, "origin", __VA_ARGS__)                                                                         \
    X(QUOTA, "quota", __VA_ARGS__)                                                                           \
    X(UNAVAILABLE, "unavailable", __VA_ARGS__)                                                               \
    X(TIMEOUT, "timeout", __VA_ARGS__)                                                                       \
    X(OVERLOAD, "overload", __VA_ARGS__)                                                                     \
    X(REVOKED, "revoked", __VA_ARGS__)                                                                       \
    X(PROXY_PROTOCOL, "proxy_protocol", __VA_ARGS__) /* not by the gate, see proxy_reader.h */               \
    X(HASTY, "hasty", __VA_ARGS__)                   /* too many connects */                                 \
    X(UPSTREAM, "upstream", __VA_ARGS__)             /* by an upstream, or for want of one */
#define GATE_REASON(id, ...) GATE_REASON_##id,
enum gate_reason { GATE_REASONS(GATE_REASON) };
extern const char *const gate_reason_names[];

struct gate_refusal {
    int status; /* 403, 429, 502, 503 */
    const char *error;
    enum gate_reason reason;
    int retry_after_s; /* 0: none */
};

struct gate_hooks {
    /* Last checks of the program (quota, readiness): 0 admits, and `upgrade` follows at once; -1 refuses with
     * *refusal. NULL admits all. */
    int (*admit)(void *arg, struct gate_request *request, struct gate_refusal *refusal);
    /* Takes over the socket, with websocket_adopt. `protocol` is the subprotocol to echo, "" for none. */
    void (*upgrade)(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol);
    /* GET (and HEAD) /healthz, /readyz, /metrics: writes the body, returns the status, sets the content type.
     * `near`: a program of this machine asks, for itself: neither through a proxy nor for a page under a
     * foreign name. NULL: 404. */
    int (*serve)(void *arg, struct span path, bool near, struct bytes *body, const char **content_type);
    /* A refusal happened. NULL: nobody counts. */
    void (*refused)(void *arg, int status, enum gate_reason reason, const char *peer);
};

struct gate;
/* Copies config and hooks; what the config points at must outlive the gate. */
struct gate *gate_create(struct loop *loop, const struct gate_config *config, const struct gate_hooks *hooks,
                         void *arg);
/* SIGHUP: the new keys apply from the next request. */
void gate_set_keys(struct gate *gate, const struct token_keys *keys);
/* A listener's accepted(): takes over the socket. */
void gate_accept(struct gate *gate, int fd, const char *peer);
/* A socket that `upgrade` had handed over, and that is not to become a WebSocket after all: takes it back, and
 * answers as the gate does. */
void gate_refuse(struct gate *gate, int fd, const char *peer, const struct gate_refusal *refusal);
/* The same with a whole HTTP answer of somebody else's, which ends the connection. */
void gate_pass_refusal(struct gate *gate, int fd, const char *peer, int status, struct span answer);
/* From now on all but /healthz, /readyz and /metrics is refused with 503 "draining". */
void gate_drain(struct gate *gate);
/* Runs the loop until nobody waits for an answer any more, within these bounds. After gate_drain and
 * loop_run. */
void gate_linger(struct gate *gate, int64_t least_ms, int64_t most_ms);
/* Connections whose head has not come yet. */
size_t gate_pending(const struct gate *gate);
/* Closes what is still open. Not from within a hook. NULL is fine. */
void gate_destroy(struct gate *gate);

/* The head as the parser sees it, for tests and fuzzing; pure. */
struct gate_head {
    struct span method, target, path, query;
    int minor_version; /* HTTP/1.x */
    struct {
        struct span name, value;
    } headers[GATE_HEADERS_MAX];
    size_t header_count;
    size_t length; /* of the whole head with its empty line */
};
/* 0; -1: more bytes needed; else the status to refuse with (400, 431, 505). RFC 9112: CRLF or bare LF ends a
 * line; obs-fold, a space before the colon, control characters, several or missing Host are refused. */
int gate_head_parse(struct span data, struct gate_head *ret);
/* A token, as header names are (RFC 9110, 5.6.2). */
bool gate_token_valid(struct span text);
/* What a header's value may hold: no control characters but tabs (RFC 9110, 5.5). */
bool gate_value_valid(struct span text);
/* The value of the first header of that name (any case); SPAN_NONE without. */
struct span gate_head_get(const struct gate_head *head, const char *name);

#endif
