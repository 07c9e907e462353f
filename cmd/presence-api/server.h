/* SPDX-License-Identifier: MIT */
/* The whole of presence-api: what the parts share. One per process, on one loop; the parts are
 *   http.c     requests in, answers out                     connections.c  how long each may take
 *   router.c   which request is whose                       cors.c         what pages of other origins may
 *   access.c   tokens, and who may ask without              scope.c        whom a token's holder may see
 *   status.c   the bulk question                            user.c         one user
 *   lists.c    who is online, how many, a group's members   health.c       health, readiness, metrics
 *   walk.c     whom a token with groups sees, in seen.c     page.c         the dashboard
 *   call.c     one request: its answer, and what it asks Redis, through
 *   questions.c the link that is asked, and view.c          what the registration hears each second
 *   node.c     the registration in presence:nodes           main.c         the process: start, keys, drain */
#ifndef PRESENCE_API_SERVER_H
#define PRESENCE_API_SERVER_H

#include "call.h"
#include "config.h"
#include "http/gate.h"
#include "http/jwks_fetch.h"
#include "http/proxy_reader.h"
#include "store/node_registry.h"
#include "store/redis_trial.h"
#include "view.h"

/* How tokens are checked. */
struct access {
    struct token_keys *keys; /* NULL: none are configured, and none are needed */
    bool open;               /* others than this machine ask without a token (PRESENCE_API_AUTH=none) */
    struct jwks_fetch *jwks;
    int64_t groups_logged_ms; /* when a token's groups were complained of last */
};

struct server {
    struct config config;
    char node[DAEMON_NODE_ID_SIZE];
    char address[128];
    struct loop *loop;
    struct proxy_reader *proxy_reader;
    struct loop_timer *tick;
    struct http *http;
    struct access access;

    struct questions *questions; /* NULL while presence is switched off, as are the walker, */
    struct walker *walker;
    struct redis_trial *trial; /* this, and its link */
    struct redis_link *link;
    struct view view;
    struct store store; /* names of keys; changed by the registration alone */
    struct redis_time time;
    struct node_registry registry;

    struct daemon daemon;
    struct gate *gate; /* takes new connections while the server drains, and refuses what they ask */
    bool draining;
    int64_t drain_begun_ms, drain_until_ms;
    int64_t reap_ms;
};

/* router.c */
extern const struct http_hooks router_hooks;

/* access.c */
/* Whether who sent the request may ask for so much: 0, with call->scope; -1: the answer is there. */
int access_check(struct call *c, enum reach reach);
/* Whether c->scope allows REACH_ALL about that user (empty: about others): 0; -1: the answer is there, or will
 * be. */
int access_check_user(struct call *c, struct span user);
/* Of what anybody may ask: 1 when he may be told how many are online, too, as a program of this machine; 0 when
 * he may not; -1 when a dashboard asks, who may (with call->scope) if Redis knows no better of the token. */
int access_numbers(struct call *c);
/* Says once in the log that anybody may ask, when that is so and others than this machine can. */
void access_warn_open(struct server *s);

/* cors.c */
/* Adds the headers by which browsers let pages of allowed origins read the answer, and to the answer of a
 * preflight what they may ask; `methods`: those of the route. */
void cors_add(struct call *c, struct span methods);

/* Handlers of the routes. */
#define ROUTE_HANDLER(id, label, path, method, reach, handler, ...) void handler(struct call *c);
ROUTE_TABLE(ROUTE_HANDLER)

/* health.c: the gate's paths, while the server drains. */
int health_serve(void *arg, struct span path, bool near, struct bytes *body, const char **content_type);
void health_refused(void *arg, int status, enum gate_reason reason, const char *peer);

/* node.c */
void node_start(struct server *s);
void node_tick(struct server *s, int64_t now_ms);
void node_stop(struct server *s);

#endif
