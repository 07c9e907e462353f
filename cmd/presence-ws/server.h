/* SPDX-License-Identifier: MIT */
/* The whole of presence-ws. Its parts, of which each calls only those below it; what one has to tell those
 * above goes through hooks that server.c wires:
 *   main.c          the process: its start, keys, the end; health.c: /healthz, /readyz, /metrics
 *   server.c        the parts together, from the start to the end of the drain
 *   control.c       orders on presence:control
 *   inbox.c         the messages that clients send
 *   handoff.c       clients until their upstream has agreed and their session stands in Redis
 *   connections.c   a client: its session, its upstream, its timer, its end
 *   relaying.c      the messages that upstreams send
 *   admission.c     quotas, and who is admitted
 *   subscribers.c   who is sent what: views and changes; subscription.c: what one chose to see
 *   redis_glue.c    the machines of lib/store on the links of lib/redis */
#ifndef PRESENCE_WS_SERVER_H
#define PRESENCE_WS_SERVER_H

#include "handoff.h"
#include "http/jwks_fetch.h"
#include "http/proxy_reader.h"

/* What a connection passes before it is a client (main.c). */
struct server_access {
    struct proxy_reader *proxy_reader;
    struct gate *gate;
    struct token_keys *keys; /* NULL with PRESENCE_AUTH=none, as is: */
    struct jwks_fetch *jwks;
};

struct server {
    struct config config;
    struct daemon daemon;
    char node[DAEMON_NODE_ID_SIZE];
    char address[128];
    struct loop *loop;
    struct server_access access;
    /* The parts. */
    struct redis_glue redis;
    struct subscribers *subscribers;
    struct admission *admission;
    struct connections *connections;
    struct handoffs *handoffs;
    /* The life of the whole (server.c). */
    struct wheel wheel;
    struct loop_timer *timer; /* advances the wheel, ticks the parts */
    int64_t ticked_ms;        /* the last time */
    int64_t drain_until_ms;   /* INT64_MAX: it does not drain */
};

/* With config, node, address and loop set. 0, or -1 when the WebSocket library can't start. */
int server_start(struct server *s);
/* Says goodbye to all connections, and stops the loop when that is done. */
void server_drain(struct server *s);
/* The drain ends with the next tick. */
void server_hurry(struct server *s);
/* After loop_run has returned. */
void server_stop(struct server *s);

/* The gate's hooks; arg: the server. */
int server_admit(void *arg, struct gate_request *request, struct gate_refusal *refusal);
bool server_revoked(void *arg, const struct token *token, struct span device);
void server_upgrade(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol);

/* health.c */
int health_serve(void *arg, struct span path, bool near, struct bytes *body, const char **content_type);
void health_refused(void *arg, int status, enum gate_reason reason, const char *peer);
/* Likewise before there was a request, by the reader of PROXY headers. */
void health_refused_early(void *arg, enum proxy_reason reason);

#endif
