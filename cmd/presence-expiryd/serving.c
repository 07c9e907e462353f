/* SPDX-License-Identifier: MIT */
/* What an expiryd does from its start to its goodbye, apart from the process around it. */
#include "base/clock.h"
#include "server.h"

#define LEAVE_POLL_MS 5

void expiryd_rearm(struct expiryd *s)
{
    if (!s->stopping)
        loop_timer_start(s->timer, 0, 0);
}

static void on_timer(void *arg)
{
    struct expiryd *s = arg;
    int64_t now_ms = clock_mono_ms();
    if (!s->stopping) {
        int64_t delay = expiryd_redis_tick(s, now_ms) - now_ms;
        loop_timer_start(s->timer, delay, 0);
    } else if (expiryd_redis_quiet(s) || now_ms >= s->stop_ms) {
        loop_stop(s->loop);
    } else {
        loop_timer_start(s->timer, LEAVE_POLL_MS, 0);
    }
}

void expiryd_start(struct expiryd *s)
{
    s->timer = loop_timer_create(s->loop, on_timer, s);
    expiryd_redis_start(s);
    expiryd_rearm(s);
}

void expiryd_leave(struct expiryd *s)
{
    s->stopping = true;
    s->stop_ms = clock_mono_ms() + EXPIRYD_LEAVE_MS;
    expiryd_redis_leave(s);
    loop_timer_start(s->timer, 0, 0);
}

void expiryd_stop(struct expiryd *s)
{
    expiryd_redis_stop(s);
    loop_timer_destroy(s->timer);
}
