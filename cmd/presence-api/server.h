/* SPDX-License-Identifier: MIT */
/* The whole of presence-api: what the parts share. One per process, on one loop; the parts are
 *   http.c     requests in, answers out                     connections.c  how long each may take
 *   router.c   which request is whose, and its reply.c      cors.c         what pages of other origins may
 *   access.c   tokens, and who may ask without              scope.c        whom a token's holder may see
 *   status.c   the bulk question                            user.c         one user
 *   lists.c    who is online, how many, a group's members   health.c       health, readiness, metrics
 *   walk.c     whom a token with groups sees                page.c         the dashboard
 *   ask.c      a question to Redis, and whether its answer is the truth, through
 *   questions.c the link that is asked, and view.c          what the registration hears each second
 *   node.c     the registration in presence:nodes           main.c         the process: start, keys, drain */
#ifndef PRESENCE_API_SERVER_H
#define PRESENCE_API_SERVER_H

#include "config.h"
#include "http.h"
#include "http/gate.h"
#include "http/jwks_fetch.h"
#include "http/proxy_reader.h"
#include "questions.h"
#include "scope.h"
#include "store/node_registry.h"
#include "store/redis_trial.h"
#include "view.h"
#include "walk.h"

struct server {
    struct config config;
    char node[DAEMON_NODE_ID_SIZE];
    char address[128];
    struct loop *loop;
    struct proxy_reader *proxy_reader;
    struct loop_timer *tick;
    struct http *http;

    struct token_keys *keys; /* NULL: none are configured, and none are needed */
    bool open;               /* others than this machine ask without a token (PRESENCE_API_AUTH=none) */
    struct jwks_fetch *jwks;
    int64_t groups_logged_ms; /* when a token's groups were complained of last */

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

/* How much of what the store knows an answer may tell. */
enum reach {
    REACH_NOBODY, /* nothing: asked by anybody */
    REACH_KNOWN,  /* the status of users whose ids the asker knows: the guide's bulk question */
    REACH_ALL,    /* lists, or more of a user */
};

struct call;
typedef void call_replies(struct call *c, const struct redisReply *const *replies);

/* One request on its way to its answer, from its head until it is over. A handler fills the answer; or it asks
 * Redis, or waits for a walk, and leaves the answer to the function that then goes on. */
struct call {
    struct server *server;
    struct http_request *request;
    struct http_answer *answer;
    const struct route_row *route; /* NULL: no such path */
    const struct scope *scope;
    struct scope held; /* of a token; else all zero */
    struct span id;    /* behind a path that ends with '/', decoded and valid, in `text` */
    struct bytes text;
    int64_t begun_us;
    struct question question;
    call_replies *then;
    struct waiting waiting;
    /* The handler's, between two answers of Redis. */
    size_t scoped; /* commands that ask whom the token sees */
    void *work;
    void (*work_finish)(void *work);
};

/* router.c */
extern const struct http_hooks router_hooks;
/* Redis, or a walk, has gone on with a call: if it is answered now, the answer goes out. */
void call_went_on(struct call *c);

/* reply.c */
/* Answers {"success":false,"error":"…"}. */
void refuse(struct call *c, int status, const char *error);
/* 503 with Retry-After. */
void refuse_for_now(struct call *c, const char *error);
/* 200 with application/json; returns the body to write. */
struct bytes *answer_json(struct call *c);

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
#define ROUTE_ROW(id, path, method, reach, handler) void handler(struct call *c);
#include "routes.def"

/* ask.c */
/* Asks Redis the `count` commands in c->question.commands and, with them, for its epoch. `then` gets the replies
 * (one or two more than commands) when they are to be believed. Else the answer is there: 503, since Redis is
 * out of reach, takes longer than PRESENCE_API_REDIS_TIMEOUT, or is not to be believed yet; or 401, since the
 * token was revoked. With no command: for answers that Redis is not needed for otherwise. */
void ask(struct call *c, size_t count, call_replies *then);

/* health.c: the gate's paths, while the server drains. */
int health_serve(void *arg, struct span path, bool near, struct bytes *body, const char **content_type);
void health_refused(void *arg, int status, enum gate_reason reason, const char *peer);

/* node.c */
void node_start(struct server *s);
void node_tick(struct server *s, int64_t now_ms);
void node_stop(struct server *s);

#endif
