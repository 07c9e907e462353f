#include "pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "counters.h"
#include "net/redis_sync.h"
#include "store/reply.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SPARE_MAX 131072 /* bytes that a thread keeps from one answer to the next */

struct slot {
    struct redis_sync *redis; /* NULL: none, or in use */
    bool used;                /* its thread has it, and brings it back or lets it go */
    uint64_t generation;      /* of the connection: one older than the pool's may be dead */
    struct arena spare;       /* memory for the next answers; its thread's */
};

struct pool {
    struct redis_config config;
    pthread_t opener;
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* for the opener: a connection is missing */
    pthread_cond_t news;   /* for the threads: a connection is there, or the breaker opened */
    struct breaker breaker;
    uint64_t generation; /* counts faults */
    bool stopping;
    unsigned count;
    struct slot slots[];
};

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_ms)
{
    struct timespec at = {.tv_sec = mono_ms / 1000, .tv_nsec = mono_ms % 1000 * 1000000};
    pthread_cond_timedwait(cond, lock, &at);
}

static struct slot *missing_slot(struct pool *p)
{
    for (unsigned i = 0; i < p->count; i++)
        if (!p->slots[i].redis && !p->slots[i].used)
            return &p->slots[i];
    return NULL;
}

static struct redis_sync *open_one(const struct pool *p)
{
    struct redis_sync *r;
    char error[600];
    if (redis_sync_open(&p->config, &r, error, sizeof(error)) != REDIS_SYNC_OK) {
        log_debug("redis_unreachable", LOG_T("error", error));
        return NULL;
    }
    return r;
}

static void note_failure(struct pool *p)
{
    bool passed = breaker_passes(&p->breaker);
    breaker_failed(&p->breaker, clock_mono_ms());
    if (passed && !breaker_passes(&p->breaker))
        log_warn("breaker_open", LOG_T("hint", "Redis is out of reach or hangs; requests are answered 503"));
    pthread_cond_broadcast(&p->news);
}

static void note_success(struct pool *p)
{
    bool passed = breaker_passes(&p->breaker);
    breaker_succeeded(&p->breaker, clock_mono_ms());
    if (!passed && breaker_passes(&p->breaker))
        log_info("breaker_closed");
    pthread_cond_broadcast(&p->news);
}

/* With the lock held, which is given up while connecting. */
static void fill(struct pool *p, struct slot *slot)
{
    uint64_t generation = p->generation;
    pthread_mutex_unlock(&p->lock);
    struct redis_sync *r = open_one(p);
    pthread_mutex_lock(&p->lock);
    if (!r) {
        note_failure(p);
        return;
    }
    slot->redis = r;
    slot->generation = generation;
    note_success(p);
}

static void *run_opener(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        int64_t now_ms = clock_mono_ms();
        struct slot *slot = missing_slot(p);
        if (slot && (breaker_passes(&p->breaker) || breaker_probes(&p->breaker, now_ms)))
            fill(p, slot);
        else if (slot)
            wait_until(&p->wanted, &p->lock, now_ms + breaker_wait_ms(&p->breaker, now_ms));
        else
            pthread_cond_wait(&p->wanted, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pool *pool_create(const struct redis_config *config, unsigned slots, int64_t timeout_ms)
{
    struct pool *p = mem_zalloc(sizeof(*p) + slots * sizeof(p->slots[0]));
    pthread_condattr_t monotonic;
    p->config = *config;
    p->config.timeout_ms = timeout_ms;
    p->count = slots;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wanted, &monotonic);
    pthread_cond_init(&p->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&p->opener, NULL, run_opener, p) != 0) {
        log_error("no_thread");
        exit(70);
    }
    return p;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wanted);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->opener, NULL);
    for (unsigned i = 0; i < p->count; i++) {
        redis_sync_close(p->slots[i].redis);
        arena_finish(&p->slots[i].spare);
    }
    pthread_cond_destroy(&p->wanted);
    pthread_cond_destroy(&p->news);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* A connection that was there when another failed is as dead as that one, most likely. */
static void drop_stale(struct pool *p, struct slot *slot)
{
    if (!slot->redis || slot->generation == p->generation)
        return;
    redis_sync_close(slot->redis);
    slot->redis = NULL;
    pthread_cond_signal(&p->wanted);
}

static struct redis_sync *take(struct pool *p, unsigned index, int64_t deadline_ms)
{
    struct slot *slot = &p->slots[index];
    pthread_mutex_lock(&p->lock);
    drop_stale(p, slot);
    while (!slot->redis && breaker_passes(&p->breaker) && clock_mono_ms() < deadline_ms)
        wait_until(&p->news, &p->lock, deadline_ms);
    struct redis_sync *r = breaker_passes(&p->breaker) ? slot->redis : NULL;
    if (!r && breaker_passes(&p->breaker))
        note_failure(p);
    if (r) {
        slot->redis = NULL;
        slot->used = true;
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

static void give_back(struct pool *p, unsigned index, struct redis_sync *r)
{
    pthread_mutex_lock(&p->lock);
    p->slots[index].redis = r;
    p->slots[index].used = false;
    pthread_mutex_unlock(&p->lock);
}

static void let_go(struct pool *p, unsigned index, struct redis_sync *r, bool timeout)
{
    redis_sync_close(r);
    pthread_mutex_lock(&p->lock);
    struct slot *slot = &p->slots[index];
    slot->used = false;
    if (slot->generation == p->generation) {
        p->generation++;
        if (timeout)
            note_failure(p);
    }
    pthread_cond_signal(&p->wanted);
    pthread_mutex_unlock(&p->lock);
}

void pool_distrust(struct pool *p, unsigned index)
{
    pthread_mutex_lock(&p->lock);
    p->generation++;
    drop_stale(p, &p->slots[index]);
    pthread_mutex_unlock(&p->lock);
}

static enum redis_sync_result exchange(struct redis_sync *r, struct span commands, int64_t deadline_ms,
                                       struct pool_answers *a, size_t count)
{
    int64_t left_ms = deadline_ms - clock_mono_ms();
    redis_sync_send(r, commands);
    redis_sync_set_timeout(r, left_ms > 0 ? left_ms : 0);
    return redis_sync_replies(r, &a->arena, a->replies, count);
}

void pool_answers_finish(struct pool_answers *a)
{
    if (!a->home)
        return;
    arena_reset(&a->arena, SPARE_MAX);
    arena_finish(a->home);
    *a->home = a->arena;
    a->arena = (struct arena){0};
}

/* One try: REDIS_SYNC_UNREACHABLE also when there is no connection to try with. */
static enum redis_sync_result try_once(struct pool *p, unsigned slot, struct span commands, size_t count,
                                       int64_t deadline_ms, struct pool_answers *a)
{
    struct redis_sync *r = take(p, slot, deadline_ms);
    if (!r)
        return REDIS_SYNC_TIMEOUT;
    a->sent_ms = clock_mono_ms();
    int64_t begun_us = clock_mono_us();
    enum redis_sync_result result = exchange(r, commands, deadline_ms, a, count);
    if (result != REDIS_SYNC_OK) {
        let_go(p, slot, r, result == REDIS_SYNC_TIMEOUT);
        return result;
    }
    metric_observe_us(&counters.redis_round_trip, clock_mono_us() - begun_us);
    snprintf(a->run_id, sizeof(a->run_id), "%s", redis_sync_run_id(r));
    give_back(p, slot, r);
    return result;
}

int pool_ask(struct pool *p, unsigned slot, struct span commands, size_t count, int64_t deadline_ms,
             struct pool_answers *ret)
{
    struct arena *spare = &p->slots[slot].spare;
    struct pool_answers a = {.arena = *spare, .home = spare};
    *spare = (struct arena){0};
    a.replies = arena_alloc(&a.arena, count * sizeof(struct redisReply *));
    enum redis_sync_result result = try_once(p, slot, commands, count, deadline_ms, &a);
    if (result == REDIS_SYNC_UNREACHABLE)
        result = try_once(p, slot, commands, count, deadline_ms, &a);
    if (result != REDIS_SYNC_OK) {
        pool_answers_finish(&a);
        return -1;
    }
    *ret = a;
    return 0;
}

void pool_read_breaker(struct pool *p, struct breaker *ret)
{
    pthread_mutex_lock(&p->lock);
    *ret = p->breaker;
    pthread_mutex_unlock(&p->lock);
}
