/* The whole of presence-api: what the parts share. One per process; the parts are
 *   http.c     requests in, answers out, on its threads     connections.c  how long each may take
 *   router.c   which request is whose; CORS, tokens         scope.c        whom a token's holder may see
 *   status.c   the bulk question                            user.c         one user
 *   lists.c    who is online, how many, a group's members   health.c       health, readiness, metrics
 *   page.c     the dashboard
 *   ask.c      a question to Redis, and whether its answer is the truth, through
 *   pool.c     the threads' connections, and view.c         what the main thread hears each second
 *   node.c     the main thread's registration in presence:nodes
 *   main.c     start, signals, drain */
#ifndef PRESENCE_API_SERVER_H
#define PRESENCE_API_SERVER_H

#include "config.h"
#include "http.h"
#include "net/listener.h"
#include "net/redis_link.h"
#include "pool.h"
#include "scope.h"
#include "store/asserter.h"
#include "view.h"

struct server {
    struct config config;
    int argc;
    char **argv;
    char node[DAEMON_NODE_ID_SIZE];
    char address[128];
    struct loop *loop;
    struct listen_set listen;
    struct listener *listener;
    struct loop_timer *tick;
    struct http *http;

    /* For tokens; replaced on SIGHUP while threads verify. */
    pthread_rwlock_t keys_lock;
    struct token_keys *keys;

    /* Redis: for the threads, and for the main thread. */
    struct pool *pool; /* NULL while presence is switched off */
    struct view view;
    struct store store; /* names of keys; not changed after the start but by the main thread */
    struct redis_link *link;
    struct redis_time time;
    struct asserter asserter;

    bool draining; /* atomic */
    int64_t drain_until_ms;
    int64_t reap_ms;
};

/* One request on its way to its answer. */
struct call {
    struct server *server;
    struct http_request *request;
    struct http_answer *answer;
    const struct scope *scope;
};

/* router.c: the hooks of http.h */
extern const struct http_hooks router_hooks;
/* Answers {"success":false,"error":"…"}. */
void refuse(struct call *c, int status, const char *error);
/* 503 with Retry-After. */
void refuse_for_now(struct call *c, const char *error);
/* 200 with application/json; returns the body to write. */
struct bytes *answer_json(struct call *c);

/* Handlers of routes. `id` is what stands behind a path that ends with '/', decoded and valid. */
void status_answer(struct call *c, struct span id);
void user_answer(struct call *c, struct span id);
void online_answer(struct call *c, struct span id);
void count_answer(struct call *c, struct span id);
void group_answer(struct call *c, struct span id);
void health_answer(struct call *c, struct span id);
void ready_answer(struct call *c, struct span id);
void metrics_answer(struct call *c, struct span id);
void page_answer(struct call *c, struct span id);

/* ask.c */
/* Asks Redis `count` commands and, in the same pipeline, for its epoch. 0: the caller finishes the answers
 * (there are one or two more than commands). -1: the answer is already there: 503, since Redis is out of
 * reach, takes longer than PRESENCE_API_REDIS_TIMEOUT, or is not to be believed yet; or 401, since the token
 * was revoked. */
int ask(struct call *c, struct bytes *commands, size_t count, struct pool_answers *ret);

/* node.c */
void node_start(struct server *s);
void node_tick(struct server *s, int64_t now_ms);
void node_stop(struct server *s);

#endif
