/* SPDX-License-Identifier: MIT */
/* Registers this daemon in presence:nodes each second, and hears there the epoch, who else lives, and the last
 * sweep. */
#include "base/clock.h"
#include "base/log.h"
#include "server.h"

#include <stdio.h>

static void on_answered(void *arg, const struct redisReply *reply)
{
    store_request_answered(arg, reply, clock_mono_ms());
}

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, on_answered, request);
}

static void on_state(void *arg, const struct store_state *state, const struct node_registry_news *news)
{
    if (news->fresh_epoch)
        log_info("epoch", LOG_S("epoch", state->epoch), LOG_N("rev", (int64_t)state->rev));
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct server *s = arg;
    view_hear(&s->view, answer, &s->time, s->registry.request.sent_ms, clock_mono_ms());
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
    node_registry_connected(&s->registry, run_id, generation, clock_mono_ms());
}

static void on_lost(void *arg, const char *why)
{
    struct server *s = arg;
    view_link(&s->view, false);
    node_registry_disconnected(&s->registry);
}

static void start_trial(struct server *s)
{
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    s->trial = redis_trial_create(s->loop, &s->config.redis, &s->store, false, &link_hooks, s);
    s->link = redis_trial_link(s->trial);
}

void node_start(struct server *s)
{
    static const struct node_registry_hooks hooks = {
        .wall_ms = clock_wall_ms, .send = on_send, .state = on_state, .nodes = on_nodes, .reset = on_reset};
    struct node_registry_config config = {.program = "presence-api", .address = s->address};
    snprintf(s->store.node, sizeof(s->store.node), "%s", s->node);
    node_registry_init(&s->registry, &config, &s->store, &s->time, &hooks, s);
    if (s->config.policy.enabled)
        start_trial(s);
}

static void tell_view(struct server *s)
{
    const char *why;
    enum redis_fault fault = redis_trial_fault(s->trial, &why);
    view_fault(&s->view, why, fault == REDIS_FAULT_REPLICA);
}

/* While servers are waited for, their word is asked for more often. */
void node_tick(struct server *s, int64_t now_ms)
{
    bool recovering = view_recovering(&s->view, now_ms);
    if (!s->config.policy.enabled)
        return;
    if (recovering && !s->registry.hurry)
        node_registry_probe(&s->registry, now_ms);
    s->registry.hurry = recovering;
    tell_view(s);
    metric_set(&counters.redis_reconnects, (int64_t)redis_link_reconnects(s->link));
    node_registry_ahead(&s->registry, view_ahead_s(&s->view, now_ms), now_ms);
    node_registry_tick(&s->registry, now_ms);
}

void node_stop(struct server *s)
{
    redis_trial_destroy(s->trial);
    node_registry_finish(&s->registry);
}
