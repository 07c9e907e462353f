#include "net/redis_link.h"

#include "base/mem.h"
#include "net/redis_connector.h"

#include <stdlib.h>
#include <string.h>

#define RING_MIN 64

/* A timer that fires later than this says that this process slept, not Redis. */
#define TIMER_LATE_MS 20

struct pending {
    redis_answered *answered;
    void *arg;
    int64_t deadline_ms;
};

struct redis_link {
    struct loop *loop;
    const struct redis_config *config;
    const struct redis_link_hooks *hooks;
    void *arg;
    struct redis_connector *connector;
    bool ready;
    uint64_t generation;
    /* In flight, oldest first: a ring, since answers come in order. */
    struct pending *ring;
    size_t capacity, first, count;
    /* Runs for the oldest while any is in flight; one started for an earlier is left running and looks again.
     */
    struct loop_timer *deadline;
    int64_t deadline_planned_ms;
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
    if (pending.answered)
        pending.answered(pending.arg, reply);
}

static void answer_all_lost(struct redis_link *link)
{
    while (link->count)
        answer_oldest(link, NULL);
}

static void plan_deadline(struct redis_link *link, int64_t delay_ms)
{
    link->deadline_planned_ms = loop_now_ms(link->loop) + delay_ms;
    loop_timer_start(link->deadline, delay_ms, 0);
}

/* Time this process slept through is given back: the answer may lie in the socket unread. */
static void on_deadline(void *arg)
{
    struct redis_link *link = arg;
    if (!link->count)
        return;
    int64_t now_ms = loop_now_ms(link->loop);
    int64_t late_ms = now_ms - link->deadline_planned_ms;
    int64_t left_ms = link->ring[link->first].deadline_ms - now_ms;
    if (left_ms > 0)
        plan_deadline(link, left_ms);
    else if (late_ms > TIMER_LATE_MS)
        plan_deadline(link, late_ms < link->config->timeout_ms ? late_ms : link->config->timeout_ms);
    else
        redis_connector_reset(link->connector, "no answer in time");
}

static void on_up(void *arg, const char *run_id)
{
    struct redis_link *link = arg;
    link->ready = true;
    link->generation++;
    redis_connector_confirm(link->connector);
    link->hooks->ready(link->arg, run_id, link->generation);
}

static void on_reply(void *arg, const struct redisReply *reply)
{
    struct redis_link *link = arg;
    if (link->count)
        answer_oldest(link, reply);
}

static void on_down(void *arg, const char *why)
{
    struct redis_link *link = arg;
    link->ready = false;
    loop_timer_stop(link->deadline);
    answer_all_lost(link);
    link->hooks->lost(link->arg, why);
}

static const struct redis_connector_hooks connector_hooks = {on_up, on_reply, on_down};

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
    free(link);
}

bool redis_link_ready(const struct redis_link *link)
{
    return link->ready;
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

int redis_link_send(struct redis_link *link, struct span command, redis_answered *answered, void *arg)
{
    if (!link->ready || redis_connector_send(link->connector, command) < 0)
        return -1;
    int64_t deadline_ms = loop_now_ms(link->loop) + link->config->timeout_ms;
    ring_push(link, (struct pending){answered, arg, deadline_ms});
    if (!loop_timer_active(link->deadline))
        plan_deadline(link, link->config->timeout_ms);
    return 0;
}

void redis_link_reset(struct redis_link *link, const char *why)
{
    redis_connector_reset(link->connector, why);
}
