/* SPDX-License-Identifier: MIT */
/* A call: one request on its way to its answer. */
#ifndef PRESENCE_API_CALL_H
#define PRESENCE_API_CALL_H

#include "counters.h"
#include "http.h"
#include "questions.h"
#include "scope.h"
#include "walk.h"

struct server;

/* How much of what the store knows an answer may tell. */
enum reach {
    REACH_NOBODY, /* nothing: asked by anybody */
    REACH_KNOWN,  /* the status of users whose ids the asker knows: the guide's bulk question */
    REACH_ALL,    /* lists, or more of a user */
};

struct call;
typedef void call_replies(struct call *c, const struct redisReply *const *replies);

struct route_row {
    const char *path; /* with a '/' at the end: an id follows */
    enum route id;
    enum http_method method;
    enum reach reach;
    void (*answer)(struct call *c);
};

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

/* Answers {"success":false,"error":"…"}. */
void call_refuse(struct call *c, int status, const char *error);
/* 503 with Retry-After. */
void call_refuse_for_now(struct call *c, const char *error);
/* 200 with application/json; returns the body to write. */
struct bytes *call_answer_json(struct call *c);
/* Asks Redis the `count` commands in c->question.commands and, with them, for its epoch. `then` gets the replies
 * (one or two more than commands) when they are to be believed. Else the answer is there: 503, since Redis is
 * out of reach, takes longer than PRESENCE_API_REDIS_TIMEOUT, or is not to be believed yet; or 401, since the
 * token was revoked. With no command: for answers that Redis is not needed for otherwise. */
void call_ask(struct call *c, size_t count, call_replies *then);
/* If it is answered, counts it and logs it. */
void call_count(const struct call *c);
/* Redis, or a walk, has gone on with a call: if it is answered now, the answer goes out. */
void call_resume(struct call *c);

#endif
