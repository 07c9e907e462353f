/* SPDX-License-Identifier: MIT */
/* The connections of presence-ws from their upgrade to their end (PROTOCOL.md and KEYS.md): each client's
 * session or subscription, its upstream, its timer, its HELLO, its close. What clients send is read by inbox.h,
 * what their upstreams send is passed on by relaying.h; both call the functions below that begin with
 * connection_. */
#ifndef PRESENCE_WS_CONNECTIONS_H
#define PRESENCE_WS_CONNECTIONS_H

#include "admission.h"
#include "base/wheel.h"
#include "fanout/websocket.h"
#include "inbox.h"
#include "relay/relay.h"
#include "subscribers.h"

struct client;
struct connections;

struct connections_config {
    const struct config *config;
    struct loop *loop;
    struct wheel *wheel; /* in the loop's time */
    const char *node;
    struct redis_glue *redis;
    struct subscribers *subscribers;
    struct admission *admission;
    const struct websocket_hooks *hooks; /* their arg is the connections, their owner a client */
};

/* Copies the config; what it points at outlives the connections. NULL: the WebSocket library can't start; it
 * has said why in the log. */
struct connections *connections_create(const struct connections_config *config);
void connections_destroy(struct connections *cs);
/* A client that comes from the gate: the socket and what is with it are taken over. */
struct arrival {
    int fd;
    struct gate_request *request;
    struct span synthetic_request;
    const char *protocol;    /* to echo; "": none */
    struct session *session; /* that the connection continues; NULL: a new one */
    bool kicked;             /* closed once it is open */
    int upstream;            /* the socket of its upstream; -1: it has none */
    struct span early;       /* what came of the upstream behind its answer */
};
/* As websocket_adopt. When no connection can be made the session ends. */
void connections_adopt(struct connections *cs, struct arrival *arrival);
struct session *connections_open_session(struct connections *cs, const struct gate_request *request,
                                         void *owner);
/* Tells clients that Redis is lost or back, some with each tick. */
void connections_tick(struct connections *cs);
/* Nothing is left to tell. */
bool connections_calm(const struct connections *cs);
/* All of a user, or those of one device; arriving ones are handoffs. */
void connections_kick(struct connections *cs, struct span user, struct span device);
/* Closes those whose tokens were revoked. */
void connections_check_revoked(struct connections *cs);
/* All sessions live on for the drain grace. */
void connections_drain_begin(struct connections *cs);
/* Closes up to `most` for a restart; returns how many are left. */
size_t connections_drain(struct connections *cs, size_t most);
size_t connections_count(const struct connections *cs);
void connections_gather_metrics(const struct connections *cs);

/* Hooks of the WebSocket library that are wired as they are. */
void *connection_opened(void *arg, struct websocket *ws, struct gate_request *request);
void connection_writable(void *owner);

/* For inbox.c. */
struct inbox *connection_inbox(struct client *c);
const struct config *connection_config(const struct client *c);
int64_t connection_now_ms(const struct client *c);
bool connection_closing(const struct client *c);
void connection_close(struct client *c, unsigned code, const char *reason, const char *session_reason);
/* Something came. A pong (else a message) is a heartbeat with PRESENCE_REFRESH_ON_PONG. */
void connection_heard(struct client *c, bool pong);
void connection_ponged(struct client *c);
/* Its close frame came; fault: what is wrong with that, or 0. */
void connection_leaving(struct client *c, struct span payload, unsigned fault);
void connection_closed(struct client *c, enum websocket_end end);
/* Whether a heartbeat would count: it is a phone's, with a session. */
bool connection_has_session(const struct client *c);
void connection_heartbeat(struct client *c, const struct heartbeat *h);
/* False: it can't have a subscription, with neither session nor subscription. */
bool connection_may_subscribe(const struct client *c);
void connection_subscribe(struct client *c, const struct subscribe *subscribe);
/* The hook sessions.refused. */
void connection_refused(void *arg, struct session *session);

/* For relaying.c. */
struct websocket *connection_websocket(const struct client *c);
/* NULL: it has no upstream, or not any more. */
struct relay *connection_relay(const struct client *c);
/* Whether a message of the upstream may be sent now. */
bool connection_takes_message(const struct client *c);
/* Nothing of presence's is sent while a message of the upstream is sent in fragments. */
void connection_yield(struct client *c, bool yields);
/* The relay is over: the upstream has closed with that payload, or is lost. */
void connection_upstream_closed(struct client *c, struct span payload);
void connection_upstream_lost(struct client *c, const char *why);

/* For subscribers.h. */
bool connection_write(struct client *c, const struct fanout_chunk *chunk, bool *ret_full);
void connection_schedule(struct client *c);
void connection_sent(struct client *c);
void connection_too_slow(struct client *c);
void connection_kick(struct client *c);

/* The session that this connection keeps, and the node's name; NULL: none. */
const struct session *connection_session(const struct client *c, const char **ret_node);

#endif
