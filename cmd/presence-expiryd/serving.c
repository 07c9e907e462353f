/* What an expiryd does from its start to its goodbye, apart from the process around it. */
#include "base/clock.h"
#include "server.h"

#define LEAVE_MS      1000 /* for Redis to hear the goodbye */
#define LEAVE_POLL_MS 5

void server_rearm(struct server *s)
{
    if (!s->stopping)
        loop_timer_start(s->timer, 0, 0);
}

static void on_timer(void *arg)
{
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    if (!s->stopping) {
        int64_t delay = redis_tick(s, now_ms) - now_ms;
        loop_timer_start(s->timer, delay, 0);
    } else if (redis_quiet(s) || now_ms >= s->stop_ms) {
        loop_stop(s->loop);
    } else {
        loop_timer_start(s->timer, LEAVE_POLL_MS, 0);
    }
}

void serving_start(struct server *s)
{
    s->timer = loop_timer_create(s->loop, on_timer, s);
    redis_start(s);
    server_rearm(s);
}

void serving_leave(struct server *s)
{
    s->stopping = true;
    s->stop_ms = clock_mono_ms() + LEAVE_MS;
    redis_leave(s);
    loop_timer_start(s->timer, 0, 0);
}

void serving_stop(struct server *s)
{
    redis_stop(s);
    loop_timer_destroy(s->timer);
}
