/* The threads' connections to Redis: one each, opened and opened again by a thread of their own, so that
 * nobody who answers a client ever waits for a resolver, a connect or a probe. In front of them one breaker
 * for the whole process: at the first timeout it opens, and all are refused at once until the opener has got
 * through again. */
#ifndef PRESENCE_API_POOL_H
#define PRESENCE_API_POOL_H

#include "base/arena.h"
#include "net/redis_config.h"
#include "presence/breaker.h"

struct redisReply;
struct pool;

/* `config` must outlive the pool. timeout_ms: for each step of connecting. */
struct pool *pool_create(const struct redis_config *config, unsigned slots, int64_t timeout_ms);
/* Waits for the opener, which may be in the middle of a timeout. No thread may ask any more. NULL is fine. */
void pool_destroy(struct pool *p);

struct pool_answers {
    struct redisReply **replies; /* one for each command */
    struct arena arena;          /* which has them */
    struct arena *home;          /* where its memory goes back to */
    int64_t sent_ms;             /* monotonic; when the commands went out, or a little earlier */
    char run_id[41];             /* of the Redis process that answered */
};

/* Sends `count` whole commands over the slot's connection and waits for their answers until deadline_ms
 * (monotonic). A connection that proves to be dead is replaced once. 0: the caller frees the answers. -1:
 * Redis is out of reach; *ret is untouched. Each slot is one thread's. */
int pool_ask(struct pool *p, unsigned slot, struct span commands, size_t count, int64_t deadline_ms,
             struct pool_answers *ret);
/* Zeroed ones are none. */
void pool_answers_finish(struct pool_answers *a);
/* These answers show that the connection is of no use (LOADING and the like): opens a new one. */
void pool_distrust(struct pool *p, unsigned slot);

void pool_read_breaker(struct pool *p, struct breaker *ret);

#endif
