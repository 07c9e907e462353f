/* The main thread's word with Redis: registers this daemon in presence:nodes each second, and hears there the
 * epoch, who else lives, and the last sweep. */
#include "base/clock.h"
#include "base/log.h"
#include "server.h"

#include <stdio.h>

static void on_answered(void *arg, const struct redisReply *reply)
{
    struct server *s = arg;
    asserter_answer(&s->asserter, ASSERTER_NODE, reply, clock_mono_ms());
}

static int on_send(void *arg, enum asserter_tag tag, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, on_answered, s);
}

static void on_state(void *arg, const struct store_state *state, bool fresh_epoch)
{
    if (fresh_epoch)
        log_info("epoch", LOG_S("epoch", state->epoch), LOG_N("rev", (int64_t)state->rev));
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct server *s = arg;
    view_hear(&s->view, answer, &s->time, s->asserter.sent_ms[ASSERTER_NODE], clock_mono_ms());
}

static void on_reset(void *arg, const char *why)
{
    struct server *s = arg;
    redis_link_reset(s->link, why);
}

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct server *s = arg;
    view_link(&s->view, true);
    asserter_connected(&s->asserter, run_id, generation, clock_mono_ms());
}

static void on_lost(void *arg, const char *why)
{
    struct server *s = arg;
    view_link(&s->view, false);
    asserter_disconnected(&s->asserter);
}

void node_start(struct server *s)
{
    static const struct asserter_hooks hooks = {
        .send = on_send, .state = on_state, .nodes = on_nodes, .reset = on_reset};
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    struct asserter_config config = {.program = "presence-api",
                                     .address = s->address,
                                     .ttl_ms = s->config.policy.ttl_ms,
                                     .sessions = false};
    snprintf(s->store.node, sizeof(s->store.node), "%s", s->node);
    asserter_init(&s->asserter, &config, &s->store, NULL, &s->time, &hooks, s);
    if (s->config.policy.enabled)
        s->link = redis_link_create(s->loop, &s->config.redis, &link_hooks, s);
}

/* While servers are waited for, their word is asked for more often. */
void node_tick(struct server *s, int64_t now_ms)
{
    bool recovering = view_recovering(&s->view, now_ms);
    if (!s->config.policy.enabled)
        return;
    s->asserter.wall_minus_mono_ms = clock_wall_ms() - now_ms;
    if (recovering && !s->asserter.hurry)
        asserter_probe(&s->asserter, now_ms);
    s->asserter.hurry = recovering;
    metric_set(&counters.redis_reconnects, (int64_t)redis_link_reconnects(s->link));
    asserter_tick(&s->asserter, now_ms);
}

void node_stop(struct server *s)
{
    redis_link_destroy(s->link);
    asserter_finish(&s->asserter);
}
