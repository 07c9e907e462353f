/* SPDX-License-Identifier: MIT */
#include "redis/redis_sync.h"

#include "base/mem.h"
#include "net/loop.h"
#include "redis/redis_connector.h"
#include "redis/redis_link.h"
#include "redis/reply.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct redis_sync {
    struct loop *loop;
    struct redis_connector *connector;
    struct redis_config config; /* borrows from the caller's */
    struct loop_timer *deadline;
    int64_t timeout_ms;
    enum { OPENING, UP, ENDED } state;
    enum redis_sync_result failure; /* once ended */
    struct redisReply **replies;    /* that came and were not taken yet */
    size_t first, count, capacity;
    char run_id[REDIS_RUN_ID_SIZE];
    char error[500];
    char where[2 * REDIS_ENDPOINT_TEXT_SIZE + 300];
};

static enum redis_sync_result fail(struct redis_sync *r, enum redis_sync_result result, const char *why)
{
    snprintf(r->error, sizeof(r->error), "%s", why);
    return result;
}

static void on_up(void *arg, const char *run_id)
{
    struct redis_sync *r = arg;
    r->state = UP;
    snprintf(r->run_id, sizeof(r->run_id), "%s", run_id);
    loop_stop(r->loop);
}

static bool on_reply(void *arg, const struct redisReply *reply)
{
    struct redis_sync *r = arg;
    if (r->first + r->count == r->capacity) {
        if (r->count > 0)
            memmove(r->replies, r->replies + r->first, r->count * sizeof(struct redisReply *));
        r->first = 0;
        r->capacity = r->count * 2 + 16;
        r->replies = mem_realloc(r->replies, r->capacity * sizeof(struct redisReply *));
    }
    r->replies[r->first + r->count++] = reply_copy(reply);
    loop_stop(r->loop);
    return false;
}

static void on_down(void *arg, const char *why)
{
    struct redis_sync *r = arg;
    r->state = ENDED;
    r->failure = fail(r, REDIS_SYNC_UNREACHABLE, why);
    loop_stop(r->loop);
}

static void on_failed(void *arg, enum redis_fault fault, const char *why)
{
    struct redis_sync *r = arg;
    enum redis_sync_result result = strstr(why, " in time") ? REDIS_SYNC_TIMEOUT : REDIS_SYNC_UNREACHABLE;
    if (r->state == ENDED)
        return;
    if (fault == REDIS_FAULT_REFUSED)
        result = REDIS_SYNC_AUTH;
    else if (fault == REDIS_FAULT_SENTINELS)
        result = REDIS_SYNC_SENTINELS;
    r->state = ENDED;
    r->failure = fail(r, result, why);
    redis_connector_describe(r->connector, r->where, sizeof(r->where));
    loop_stop(r->loop);
}

static void on_deadline(void *arg)
{
    loop_stop(((struct redis_sync *)arg)->loop);
}

enum redis_sync_result redis_sync_open(const struct redis_config *config, struct redis_sync **ret,
                                       char *error, size_t size)
{
    static const struct redis_connector_hooks hooks = {on_up, on_reply, on_down, on_failed};
    struct redis_sync *r = mem_zalloc(sizeof(*r));
    struct sigaction before;
    r->config = *config;
    r->timeout_ms = config->timeout_ms;
    sigaction(SIGPIPE, NULL, &before);
    r->loop = loop_create();
    sigaction(SIGPIPE, &before, NULL); /* a command whose output is cut ends by it */
    r->deadline = loop_timer_create(r->loop, on_deadline, r);
    r->connector = redis_connector_create(r->loop, &r->config, NULL, &hooks, r);
    while (r->state == OPENING)
        loop_run(r->loop);
    if (r->state == UP) {
        redis_connector_describe(r->connector, r->where, sizeof(r->where));
        *ret = r;
        return REDIS_SYNC_OK;
    }
    enum redis_sync_result result = r->failure;
    snprintf(error, size, "Redis at %s: %s", r->where, r->error);
    redis_sync_close(r);
    return result;
}

enum redis_fault redis_sync_fault(enum redis_sync_result result, const struct redis_config *config)
{
    switch (result) {
    case REDIS_SYNC_OK: return REDIS_FAULT_NONE;
    case REDIS_SYNC_AUTH: return REDIS_FAULT_REFUSED;
    case REDIS_SYNC_SENTINELS: return REDIS_FAULT_SENTINELS;
    default: return config->sentinels.count > 0 ? REDIS_FAULT_MASTER : REDIS_FAULT_AWAY;
    }
}

const char *redis_sync_where(const struct redis_sync *r)
{
    return r->where;
}

void redis_sync_close(struct redis_sync *r)
{
    if (!r)
        return;
    redis_connector_destroy(r->connector);
    loop_timer_destroy(r->deadline);
    loop_destroy(r->loop);
    for (size_t i = 0; i < r->count; i++)
        reply_free(r->replies[r->first + i]);
    free(r->replies);
    free(r);
}

const char *redis_sync_run_id(const struct redis_sync *r)
{
    return r->run_id;
}

/* What can't be sent any more is told of by the next reply. */
void redis_sync_send(struct redis_sync *r, struct span commands)
{
    redis_connector_send(r->connector, commands);
}

enum redis_sync_result redis_sync_reply(struct redis_sync *r, struct redisReply **ret)
{
    if (r->count == 0 && r->state == UP) {
        uv_update_time(loop_uv(r->loop)); /* it has not run since the last answer */
        if (r->timeout_ms >= 0)
            loop_timer_start(r->deadline, r->timeout_ms, 0);
        loop_run(r->loop);
        loop_timer_stop(r->deadline);
    }
    if (r->count > 0) {
        *ret = r->replies[r->first++];
        if (--r->count == 0)
            r->first = 0;
        return REDIS_SYNC_OK;
    }
    return r->state == UP ? fail(r, REDIS_SYNC_TIMEOUT, "no answer in time") : r->failure;
}

void redis_sync_set_timeout(struct redis_sync *r, int64_t timeout_ms)
{
    r->timeout_ms = timeout_ms;
}

const char *redis_sync_error(const struct redis_sync *r)
{
    return r->error;
}
