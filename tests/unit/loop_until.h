/* SPDX-License-Identifier: MIT */
/* Turns a loop until a condition holds; a test never waits for a time. */
#ifndef TESTS_LOOP_UNTIL_H
#define TESTS_LOOP_UNTIL_H

#include "base/clock.h"
#include "net/loop.h"

struct loop_until {
    struct loop *loop;
    bool (*holds)(void *arg);
    void *arg;
    int64_t limit_ms;
    bool held;
};

static inline void loop_until_look(void *arg)
{
    struct loop_until *u = arg;
    u->held = u->holds(u->arg);
    if (u->held || clock_mono_ms() > u->limit_ms)
        loop_stop(u->loop);
}

/* Looks each millisecond, for limit_ms at most; whether the condition held. */
static inline bool loop_until(struct loop *loop, bool (*holds)(void *arg), void *arg, int64_t limit_ms)
{
    struct loop_until u = {.loop = loop, .holds = holds, .arg = arg, .limit_ms = clock_mono_ms() + limit_ms};
    struct loop_timer *timer = loop_timer_create(loop, loop_until_look, &u);
    loop_timer_start(timer, 0, 1);
    loop_run(loop);
    loop_timer_destroy(timer);
    return u.held;
}

#endif
