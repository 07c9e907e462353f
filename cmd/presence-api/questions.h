/* SPDX-License-Identifier: MIT */
/* Questions to Redis, over a link of their own on the loop, apart from the registration: a Redis that can't be
 * written to can still be asked.
 *
 * A question is some commands, sent together with those of the same turn, and answered or given up within the
 * time for an answer. Where the connection ends under it, it is asked once more on the next one. At the first
 * that is not answered in time, and when the link does not come up in that time, a breaker opens: until Redis
 * has answered on a new connection all are refused at once, and nobody waits for it in vain. */
#ifndef PRESENCE_API_QUESTIONS_H
#define PRESENCE_API_QUESTIONS_H

#include "base/bytes.h"
#include "base/list.h"
#include "net/loop.h"
#include "redis/redis_config.h"

struct redisReply;

/* The asker's, zeroed before its first use; nothing of it may change while it is asked. */
struct question {
    struct bytes commands; /* whole ones, to be filled before questions_ask and finished by the asker */
    size_t count;          /* of them */
    /* Their replies in order, valid during the call; NULL: Redis is out of reach. May ask again. */
    void (*answered)(void *arg, const struct redisReply *const *replies);
    void *arg;
    int64_t sent_us; /* monotonic: when the commands went out, or a little earlier */
    /* Of the machine. */
    struct questions *questions;
    struct list link;
    int64_t deadline_ms;
    bool repeated;
};

struct questions;
/* `config` must outlive them; timeout_ms: for each answer. */
struct questions *questions_create(struct loop *loop, const struct redis_config *config, int64_t timeout_ms);
/* Gives up all that are asked. NULL is fine. */
void questions_destroy(struct questions *q);
/* 0: `answered` will be called once, from the loop; -1: Redis is out of reach, and it will not. */
int questions_ask(struct questions *q, struct question *question);
/* These answers show that the connection is of no use (LOADING and the like): takes a new one. */
void questions_distrust(struct questions *q, const char *why);
/* The breaker lets questions pass; false for NULL. */
bool questions_pass(const struct questions *q);
/* Likewise, and there has been a connection: before the first one nobody knows whether Redis can be reached. */
bool questions_reached(const struct questions *q);
/* Times the breaker opened. */
uint64_t questions_opened(const struct questions *q);
/* Of the Redis process that answers: see redis_link.h. */
const char *questions_run_id(const struct questions *q);

#endif
