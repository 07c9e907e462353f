/* The gate: our own reader of HTTP request heads in front of libwebsockets.
 *
 * It reads the head within bounds and a deadline, checks request, token, role, origin and quota in the order
 * of contract section 2, and answers every refusal itself as {"success":false,"error":"…"}. Only a valid
 * upgrade is handed on: with the socket, the claims and the bytes that came early. Why: libwebsockets copies
 * the subprotocol into 128 bytes, so a browser's `new WebSocket(url, [jwt, deviceId])` can't work otherwise,
 * and its header pool and a known use-after-free are never reached. It also serves /healthz, /readyz and
 * /metrics, and can be used for these alone. Each connection carries one request: every answer ends it. */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "auth/token.h"
#include "net/listener.h"
#include "wire/message.h"

#define GATE_HEAD_MAX 16384 /* bytes of a request head; more: 431 */

struct gate_config {
    const struct token_keys *keys; /* NULL with auth_none */
    bool auth_none;                /* PRESENCE_AUTH=none: the token is the user id, ?role= the role */
    const char *allowed_origins;   /* borrowed; see origin.h */
    int64_t head_timeout_ms;       /* from accept to the whole head; 10 s */
    size_t pending_max; /* connections that have not sent their head; more: the oldest is dropped with 503 */
    size_t pending_per_address;  /* of those of one address; more: dropped with 429; 0: any number */
    const char *trusted_proxies; /* borrowed; see proxies.h: their connections are bounded by pending_max
                                    only, and who they speak for is in X-Forwarded-For */
    bool upgrades;               /* false: only the plain paths below; everything else is 404 */
    /* Whether a token that is right was revoked. NULL: none is. */
    bool (*revoked)(void *arg, const struct token *token, struct span device);
    void *revoked_arg;
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
    struct span since; /* "epoch:rev" */
};

struct gate_refusal {
    int status; /* 403, 429, 503 */
    const char *error;
    const char *reason; /* a short label for the counter: "quota", "unavailable" … */
    int retry_after_s;  /* 0: none */
};

struct gate_hooks {
    /* Last checks of the program (quota, readiness): 0 admits, -1 refuses with *refusal. NULL admits all. */
    int (*admit)(void *arg, const struct gate_request *request, struct gate_refusal *refusal);
    /* Takes over the socket, with websocket_adopt. `protocol` is the subprotocol to echo, "" for none. */
    void (*upgrade)(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol);
    /* GET (and HEAD) /healthz, /readyz, /metrics: writes the body, returns the status, sets the content type.
     * NULL: 404. */
    int (*serve)(void *arg, struct span path, struct bytes *body, const char **content_type);
    /* A refusal happened; `reason` is one of gate_refusal_reasons, or admit's own. NULL: nobody counts. */
    void (*refused)(void *arg, int status, const char *reason, const char *peer);
};

struct gate;
/* Copies config and hooks; what the config points at must outlive the gate. */
struct gate *gate_create(struct loop *loop, const struct gate_config *config, const struct gate_hooks *hooks,
                         void *arg);
/* SIGHUP: the new keys apply from the next request. */
void gate_set_keys(struct gate *gate, const struct token_keys *keys);
/* A listener's accepted(): takes over the socket. */
void gate_accept(struct gate *gate, int fd, const char *peer);
/* Connections whose head has not come yet. */
size_t gate_pending(const struct gate *gate);
/* Closes what is still open. Not from within a hook. NULL is fine. */
void gate_destroy(struct gate *gate);

/* "request", "too_large", "path", "no_upgrade", "token", "role", "origin", "quota", "unavailable", "timeout",
 * "overload", "revoked", NULL */
extern const char *const gate_refusal_reasons[];

/* The head as the parser sees it, for tests and fuzzing; pure. */
struct gate_head {
    struct span method, target, path, query;
    int minor_version; /* HTTP/1.x */
    struct {
        struct span name, value;
    } headers[64];
    size_t header_count;
    size_t length; /* of the whole head with its empty line */
};
/* 0; -1: more bytes needed; else the status to refuse with (400, 431, 505). RFC 9112: CRLF or bare LF ends a
 * line; obs-fold, a space before the colon, control characters, several or missing Host are refused. */
int gate_head_parse(struct span data, struct gate_head *ret);
/* The value of the first header of that name (any case); SPAN_NONE without. */
struct span gate_head_get(const struct gate_head *head, const char *name);

#endif
