/* What a server does from its start to the end of its drain, apart from the process around it. */
#include "base/clock.h"
#include "base/log.h"
#include "server.h"

#define TICK_MS     20
#define DRAIN_SLICE 200 /* connections closed a tick */

void serving_upgrade(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                     const char *protocol)
{
    struct server *s = arg;
    if (arrival_awaits(s, request))
        arrival_begin(s, fd, request, synthetic_request, protocol);
    else
        websocket_adopt(s->endpoint, fd, request, synthetic_request, protocol);
}

static void drain_step(struct server *s, int64_t now_ms)
{
    size_t left = clients_drain(s, DRAIN_SLICE);
    bool said = asserter_idle(&s->asserter) || !s->asserter.connected;
    if ((left > 0 || !said) && now_ms < s->drain_until_ms)
        return;
    asserter_leave(&s->asserter, now_ms);
    log_info("stopped", LOG_N("dropped", left));
    loop_stop(s->loop);
}

static void on_tick(void *arg)
{
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    wheel_advance(&s->wheel, loop_now_ms(s->loop));
    store_tick(s, now_ms);
    watchers_tick(s);
    if (s->draining)
        drain_step(s, now_ms);
}

int serving_start(struct server *s)
{
    list_init(&s->clients);
    wheel_init(&s->wheel, loop_now_ms(s->loop));
    s->endpoint = websocket_endpoint_create(s->loop, &client_hooks, s);
    if (!s->endpoint)
        return -1;
    store_start(s);
    watchers_start(s);
    arrivals_start(s);
    s->wheel_timer = loop_timer_create(s->loop, on_tick, s);
    loop_timer_start(s->wheel_timer, TICK_MS, TICK_MS);
    return 0;
}

void serving_drain(struct server *s)
{
    s->draining = true;
    s->drain_until_ms = clock_mono_ms() + s->config.drain_timeout_ms;
    log_info("draining", LOG_N("connections", websocket_count(s->endpoint)));
    arrivals_let_in(s);
    clients_drain_begin(s);
}

void serving_stop(struct server *s)
{
    loop_timer_destroy(s->wheel_timer);
    arrivals_stop(s);
    websocket_endpoint_destroy(s->endpoint);
    store_stop(s);
    watchers_stop(s);
}
