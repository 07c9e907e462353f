/* SPDX-License-Identifier: MIT */
#include "loop_until.h"

#include "base/clock.h"

struct loop_until {
    struct loop *loop;
    bool (*holds)(void *arg);
    void *arg;
    int64_t limit_ms;
    bool held;
};

static void look(void *arg)
{
    struct loop_until *u = arg;
    u->held = u->holds(u->arg);
    if (u->held || clock_mono_ms() > u->limit_ms)
        loop_stop(u->loop);
}

bool loop_until(struct loop *loop, bool (*holds)(void *arg), void *arg, int64_t limit_ms)
{
    struct loop_until u = {.loop = loop, .holds = holds, .arg = arg, .limit_ms = clock_mono_ms() + limit_ms};
    struct loop_timer *timer = loop_timer_create(loop, look, &u);
    loop_timer_start(timer, 0, 1);
    loop_run(loop);
    loop_timer_destroy(timer);
    return u.held;
}
