/* SPDX-License-Identifier: MIT */
#include "redis/redis_link.h"

#include "base/mem.h"
#include "redis/redis_connector.h"
#include "redis/reply.h"

#include <stdlib.h>
#include <string.h>

#define RING_MIN 64

/* Looks at the socket while an answer is waited for, evenly over the time for it. */
#define LOOKS 8

struct pending {
    redis_answered *answered;
    redis_answered_all *answered_all;
    void *arg;
    uint64_t looks; /* of the link, when it was sent */
    size_t count;   /* of its answers */
};

struct redis_link {
    struct loop *loop;
    const struct redis_config *config;
    const struct redis_link_hooks *hooks;
    void *arg;
    struct redis_connector *connector;
    bool ready, late;
    uint64_t generation;
    /* In flight, oldest first: a ring, since answers come in order. */
    struct pending *ring;
    size_t capacity, first, count;
    /* Those of the oldest that have come, of one that takes them all at once. */
    const struct redisReply **replies;
    size_t replies_capacity, reply_count;
    struct loop_timer *deadline; /* runs while any is in flight */
    uint64_t looks;
};

static void ring_grow(struct redis_link *link)
{
    size_t capacity = link->capacity ? link->capacity * 2 : RING_MIN;
    struct pending *ring = mem_array(capacity, sizeof(*ring));
    for (size_t i = 0; i < link->count; i++)
        ring[i] = link->ring[(link->first + i) & (link->capacity - 1)];
    free(link->ring);
    link->ring = ring;
    link->capacity = capacity;
    link->first = 0;
}

static void ring_push(struct redis_link *link, struct pending pending)
{
    if (link->count == link->capacity)
        ring_grow(link);
    link->ring[(link->first + link->count++) & (link->capacity - 1)] = pending;
}

static struct pending ring_pop(struct redis_link *link)
{
    struct pending pending = link->ring[link->first];
    link->first = (link->first + 1) & (link->capacity - 1);
    link->count--;
    return pending;
}

static void answer_oldest(struct redis_link *link, const struct redisReply *reply)
{
    struct pending pending = ring_pop(link);
    link->reply_count = 0;
    if (pending.answered_all)
        pending.answered_all(pending.arg, reply ? link->replies : NULL);
    else if (pending.answered)
        pending.answered(pending.arg, reply);
}

static void answer_all_lost(struct redis_link *link)
{
    while (link->count)
        answer_oldest(link, NULL);
}

/* Between two looks the loop has written what there was and read what had come, however late it is: the time in
 * which this process slept, or was busy, is not taken for the time of Redis. */
static void on_deadline(void *arg)
{
    struct redis_link *link = arg;
    link->looks++;
    if (!link->count) {
        loop_timer_stop(link->deadline);
    } else if (link->looks - link->ring[link->first].looks > LOOKS) {
        link->late = true;
        redis_connector_reset(link->connector, "no answer in time");
    }
}

static void on_up(void *arg, const char *run_id)
{
    struct redis_link *link = arg;
    link->ready = true;
    link->late = false;
    link->generation++;
    redis_connector_confirm(link->connector);
    link->hooks->ready(link->arg, run_id, link->generation);
}

/* True: more of the same answer is to come, and all of it must stay. */
static bool gather(struct redis_link *link, const struct redisReply *reply)
{
    size_t count = link->ring[link->first].count;
    if (count > link->replies_capacity) {
        link->replies = mem_realloc(link->replies, count * sizeof(link->replies[0]));
        link->replies_capacity = count;
    }
    link->replies[link->reply_count++] = reply;
    return link->reply_count < count;
}

static bool on_reply(void *arg, const struct redisReply *reply)
{
    struct redis_link *link = arg;
    if (!link->count)
        redis_connector_reset(link->connector, "protocol");
    else if (reply_error_is(reply, "NOSCRIPT"))
        redis_connector_reset(link->connector, "it has forgotten the scripts (NOSCRIPT)");
    else if (gather(link, reply))
        return true;
    else
        answer_oldest(link, reply);
    return false;
}

static void on_down(void *arg, const char *why)
{
    struct redis_link *link = arg;
    link->ready = false;
    loop_timer_stop(link->deadline);
    answer_all_lost(link);
    link->hooks->lost(link->arg, why);
}

static const struct redis_connector_hooks connector_hooks = {.up = on_up, .reply = on_reply, .down = on_down};

struct redis_link *redis_link_create(struct loop *loop, const struct redis_config *config,
                                     const struct redis_link_hooks *hooks, void *arg)
{
    struct redis_link *link = mem_zalloc(sizeof(*link));
    link->loop = loop;
    link->config = config;
    link->hooks = hooks;
    link->arg = arg;
    link->deadline = loop_timer_create(loop, on_deadline, link);
    link->connector = redis_connector_create(loop, config, "commands", &connector_hooks, link);
    return link;
}

void redis_link_destroy(struct redis_link *link)
{
    if (!link)
        return;
    link->ready = false;
    redis_connector_destroy(link->connector);
    answer_all_lost(link);
    loop_timer_destroy(link->deadline);
    free(link->ring);
    free(link->replies);
    free(link);
}

bool redis_link_ready(const struct redis_link *link)
{
    return link->ready;
}

bool redis_link_late(const struct redis_link *link)
{
    return link->late;
}

uint64_t redis_link_reconnects(const struct redis_link *link)
{
    return link->generation ? link->generation - 1 : 0;
}

size_t redis_link_in_flight(const struct redis_link *link)
{
    return link->count;
}

size_t redis_link_queued(const struct redis_link *link)
{
    return redis_connector_queued(link->connector);
}

static int send_pending(struct redis_link *link, struct span commands, struct pending pending)
{
    if (!link->ready || redis_connector_send(link->connector, commands) < 0)
        return -1;
    pending.looks = link->looks;
    ring_push(link, pending);
    if (!loop_timer_active(link->deadline)) {
        int64_t step_ms = (link->config->timeout_ms + LOOKS - 1) / LOOKS;
        loop_timer_start(link->deadline, step_ms, step_ms);
    }
    return 0;
}

int redis_link_send(struct redis_link *link, struct span command, redis_answered *answered, void *arg)
{
    return send_pending(link, command, (struct pending){.answered = answered, .arg = arg, .count = 1});
}

int redis_link_send_all(struct redis_link *link, struct span commands, size_t count,
                        redis_answered_all *answered, void *arg)
{
    return send_pending(link, commands,
                        (struct pending){.answered_all = answered, .arg = arg, .count = count});
}

void redis_link_hurry(struct redis_link *link)
{
    redis_connector_hurry(link->connector);
}

void redis_link_reset(struct redis_link *link, const char *why)
{
    redis_connector_reset(link->connector, why);
}
