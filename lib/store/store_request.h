/* SPDX-License-Identifier: MIT */
/* A question to Redis, as the machines of this layer ask it: the command, whether an answer is awaited, and
 * who takes it. One machine has one for each kind of question, and asks each one again only after the answer.
 *
 * The owner of a machine sends commands through a hook that gets the request, and hands the answer back with
 * it, so that one pair of functions serves all machines on one connection. */
#ifndef STORE_STORE_REQUEST_H
#define STORE_STORE_REQUEST_H

#include "base/bytes.h"
#include "redis/reply.h"

struct store_request;

/* Sends request->commands commands; the answer is given to store_request_answered, those of several to
 * store_request_answered_all. -1: not connected. */
typedef int (*store_send)(void *arg, struct store_request *request, struct span commands);

struct store_request {
    store_send send;
    void *arg; /* of send */
    void (*answered)(void *machine, const struct redisReply *reply, int64_t now_ms);
    /* Instead, where a question may be several commands: a reply for each. */
    void (*answered_all)(void *machine, const struct redisReply *const *replies, int64_t now_ms);
    void *machine;
    size_t commands; /* that are written to `command` */
    size_t waiting;  /* answers that are awaited: 0 or 1, unless a machine asks several at a time */
    int64_t sent_ms; /* the last one; 0: never yet */
    struct bytes command;
};

void store_request_init(struct store_request *r, store_send send, void *arg,
                        void (*answered)(void *machine, const struct redisReply *reply, int64_t now_ms),
                        void *machine);
void store_request_finish(struct store_request *r);
/* Where the command is to be written. */
struct bytes *store_request_begin(struct store_request *r);
/* Sends it. False: the link takes nothing. */
bool store_request_send(struct store_request *r, int64_t now_ms);
/* The answer; NULL, or one that is not awaited any more, is ignored. */
void store_request_answered(struct store_request *r, const struct redisReply *reply, int64_t now_ms);
void store_request_answered_all(struct store_request *r, const struct redisReply *const *replies,
                                int64_t now_ms);
/* The connection is lost: no answer will come. */
void store_request_lost(struct store_request *r);

#endif
