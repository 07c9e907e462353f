/* SPDX-License-Identifier: MIT */
/* Outgoing WebSocket connections on the loop, for simulated phones and dashboards: cheap enough for 15,000 in
 * one process (no buffer while idle, one receive buffer for all), and able to misbehave as networks and
 * phones do.
 *
 * A connection has no deadline of its own: who wants one calls ws_client_abort. Pings are answered by
 * themselves. */
#ifndef SIM_WS_CLIENT_H
#define SIM_WS_CLIENT_H

#include "net/loop.h"
#include "ws_frame.h"
#include "ws_handshake.h"

#define WS_QUEUE_MAX (1 << 20) /* bytes a stalled peer lets pile up before ws_client_send refuses */

struct ws_pool; /* what connections share: the loop, the receive buffer, the masks */
struct ws_pool *ws_pool_create(struct loop *loop, size_t message_max);
/* After the last connection is gone. */
void ws_pool_destroy(struct ws_pool *pool);

enum ws_end {
    WS_END_UNREACHABLE, /* no connection; code: errno */
    WS_END_REFUSED,     /* answered, but no upgrade; code: the HTTP status, 0 when it was no HTTP */
    WS_END_CLOSED,      /* a close frame came; code: its code, 1005 without one */
    WS_END_LOST,        /* FIN or RST without a close frame; code: errno, 0 for FIN */
    WS_END_BROKEN,      /* the server broke the RFC or a bound; code: 1002, 1007, 1009 */
};

struct ws_client;

struct ws_client_hooks {
    /* `protocol`: the subprotocol chosen, empty for none. */
    void (*opened)(void *arg, struct span protocol);
    void (*message)(void *arg, struct span data, bool binary);
    /* Last call; the connection is gone. `reason`: of the close frame or the body of a refusal, cut. */
    void (*closed)(void *arg, enum ws_end end, int code, struct span reason);
};

/* Begins to connect, from `source` (NULL: the kernel chooses; its port is 0). The hooks' struct must outlive
 * the connection; target and request are copied. Hooks are never called from within. 0, or a negative errno.
 */
int ws_client_open(struct ws_pool *pool, const struct ws_target *target,
                   const struct sockaddr_storage *source, const struct ws_request *request,
                   const struct ws_client_hooks *hooks, void *arg, struct ws_client **ret);

/* One message. 0; -1 when not open, closing, or WS_QUEUE_MAX is reached. A frozen connection queues. */
int ws_client_send(struct ws_client *c, struct span payload, bool binary);
/* Sends a close frame; `closed` comes with the server's, or when TCP ends. */
void ws_client_close(struct ws_client *c, unsigned code, const char *reason);

/* The unkind ends: no hook is called any more, c is gone. */
void ws_client_abort(struct ws_client *c); /* RST */
void ws_client_drop(struct ws_client *c);  /* FIN without a close frame, as when an app is killed */

/* FIN in our direction only; what the server sends still arrives. */
void ws_client_half_close(struct ws_client *c);
/* Neither reads nor writes until thawed, as behind a dead network. */
void ws_client_freeze(struct ws_client *c);
void ws_client_thaw(struct ws_client *c);

#endif
