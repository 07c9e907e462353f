/* SPDX-License-Identifier: MIT */
#include "questions.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "counters.h"
#include "redis/redis_link.h"
#include "store/commands.h"

#include <stdio.h>
#include <stdlib.h>

/* Commands on their way, so that the time of an answer is Redis's own, and not that of a queue before it. */
#define IN_FLIGHT_MAX 2000

/* Looks for the link while it is down, as for an answer: see redis_link.c. */
#define LOOKS 8

struct questions {
    struct loop *loop;
    struct redis_config config;
    struct redis_link *link;
    struct loop_timer *timer; /* while the link is down: at the last of the looks the breaker opens */
    int looks;                /* that are left */
    struct list waiting;      /* for the link, or for room on it */
    struct list repeating;    /* likewise, in front of those: their connection has ended */
    size_t in_flight;         /* commands */
    bool open, reached, has_answered, ending;
    uint64_t opened;
    char run_id[RUN_ID_SIZE];
};

static void on_answered(void *arg, const struct redisReply *const *replies);

static void give_up(struct list *waiting)
{
    struct list lost;
    list_init(&lost);
    list_take(&lost, waiting);
    while (!list_empty(&lost)) {
        struct question *question = list_entry(lost.next, struct question, link);
        list_remove(&question->link);
        question->answered(question->arg, NULL);
    }
}

static void open_breaker(struct questions *q)
{
    if (!q->open)
        log_warn("breaker_open", LOG_T("hint", "Redis is out of reach or hangs; requests are answered 503"));
    q->opened += !q->open;
    q->open = true;
    give_up(&q->waiting);
}

/* Sends those that wait, as far as there is room. The time for an answer begins with the first sending. */
static void pump(struct questions *q)
{
    while (redis_link_ready(q->link) && q->in_flight < IN_FLIGHT_MAX && !list_empty(&q->waiting)) {
        struct question *question = list_entry(q->waiting.next, struct question, link);
        list_remove(&question->link);
        question->sent_us = clock_mono_us();
        if (!question->repeated)
            question->deadline_ms = loop_now_ms(q->loop) + q->config.timeout_ms;
        if (redis_link_send_all(q->link, bytes_span(&question->commands), question->count, on_answered,
                                question) < 0) {
            list_append(&q->waiting, &question->link);
            return;
        }
        q->in_flight += question->count;
    }
}

static void on_answered(void *arg, const struct redisReply *const *replies)
{
    struct question *question = arg;
    struct questions *q = question->questions;
    bool late = redis_link_late(q->link);
    q->in_flight -= question->count;
    if (replies) {
        q->has_answered = true;
        metric_observe_us(&counters.redis_round_trip, clock_mono_us() - question->sent_us);
    } else if (!q->ending && !q->open && !late && !question->repeated) {
        question->repeated = true;
        list_append(&q->repeating, &question->link);
        return;
    } else if (late && !q->ending) {
        open_breaker(q);
    }
    question->answered(question->arg, replies);
    pump(q);
}

static void await_link(struct questions *q, int64_t time_ms)
{
    int64_t step_ms = time_ms > LOOKS ? time_ms / LOOKS : 1;
    q->looks = LOOKS;
    loop_timer_start(q->timer, step_ms, step_ms);
}

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct questions *q = arg;
    snprintf(q->run_id, sizeof(q->run_id), "%s", run_id);
    loop_timer_stop(q->timer);
    if (q->open)
        log_info("breaker_closed");
    q->open = q->has_answered = false;
    q->reached = true;
    pump(q);
}

static void on_lost(void *arg, const char *why)
{
    struct questions *q = arg;
    int64_t left_ms = q->config.timeout_ms;
    if (!list_empty(&q->repeating))
        left_ms = list_entry(q->repeating.next, struct question, link)->deadline_ms - loop_now_ms(q->loop);
    list_take(&q->repeating, &q->waiting);
    list_take(&q->waiting, &q->repeating);
    if (q->open) {
        give_up(&q->waiting);
        return;
    }
    await_link(q, left_ms);
    if (q->has_answered)
        redis_link_hurry(q->link);
}

static void on_timer(void *arg)
{
    struct questions *q = arg;
    if (--q->looks > 0)
        return;
    loop_timer_stop(q->timer);
    open_breaker(q);
}

struct questions *questions_create(struct loop *loop, const struct redis_config *config, int64_t timeout_ms)
{
    static const struct redis_link_hooks hooks = {.ready = on_ready, .lost = on_lost};
    struct questions *q = mem_zalloc(sizeof(*q));
    q->loop = loop;
    q->config = *config;
    q->config.timeout_ms = timeout_ms;
    list_init(&q->waiting);
    list_init(&q->repeating);
    q->link = redis_link_create(loop, &q->config, &hooks, q);
    q->timer = loop_timer_create(loop, on_timer, q);
    await_link(q, timeout_ms);
    return q;
}

void questions_destroy(struct questions *q)
{
    if (!q)
        return;
    q->ending = q->open = true;
    give_up(&q->waiting);
    redis_link_destroy(q->link);
    loop_timer_destroy(q->timer);
    free(q);
}

int questions_ask(struct questions *q, struct question *question)
{
    if (q->open)
        return -1;
    question->questions = q;
    question->repeated = false;
    list_append(&q->waiting, &question->link);
    pump(q);
    return 0;
}

void questions_distrust(struct questions *q, const char *why)
{
    redis_link_reset(q->link, why);
}

bool questions_pass(const struct questions *q)
{
    return q && !q->open;
}

bool questions_reached(const struct questions *q)
{
    return questions_pass(q) && q->reached;
}

uint64_t questions_opened(const struct questions *q)
{
    return q ? q->opened : 0;
}

const char *questions_run_id(const struct questions *q)
{
    return q->run_id;
}
