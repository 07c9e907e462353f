/* SPDX-License-Identifier: MIT */
#include "redis_glue.h"

#include "base/clock.h"
#include "base/log.h"
#include "counters.h"

#include <stdio.h>
#include <string.h>

static void on_answered(void *arg, const struct redisReply *reply)
{
    store_request_answered(arg, reply, clock_mono_ms());
}

static void on_batch_answered(void *arg, const struct redisReply *const *replies)
{
    struct store_request *batch = arg;
    if (replies)
        metric_observe_us(&counters.redis_round_trip, (clock_mono_ms() - batch->sent_ms) * 1000);
    store_request_answered_all(batch, replies, clock_mono_ms());
}

int redis_glue_send(struct redis_glue *g, struct store_request *request, struct span commands)
{
    if (request == &g->session_sync.batch)
        return redis_link_send_all(g->link, commands, request->commands, on_batch_answered, request);
    return redis_link_send(g->link, commands, on_answered, request);
}

static int on_send(void *arg, struct store_request *request, struct span commands)
{
    return redis_glue_send(arg, request, commands);
}

static void on_state(void *arg, const struct store_state *state, const struct node_registry_news *news)
{
    struct redis_glue *g = arg;
    int64_t now_ms = clock_mono_ms();
    session_sync_state(&g->session_sync, news, now_ms);
    if (state->online >= 0)
        g->online = state->online;
    roster_sync_state(&g->roster_sync, state, now_ms);
    if (!news->fresh_epoch)
        return;
    revocation_sync_epoch(&g->revocation_sync);
    log_info("epoch", LOG_S("epoch", state->epoch), LOG_N("rev", (int64_t)state->rev));
    if (g->registry.recovery.waiting)
        metric_add(&counters.epochs, 1);
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct redis_glue *g = arg;
    roster_sync_nodes(&g->roster_sync, answer, clock_mono_ms());
    revocation_sync_version(&g->revocation_sync, answer->revoked_version);
    session_sync_registered(&g->session_sync, clock_mono_ms());
}

static void on_reset(void *arg, const char *why)
{
    struct redis_glue *g = arg;
    redis_link_reset(g->link, why);
}

static void on_outcome(void *arg, char outcome)
{
    if (outcome == OUTCOME_ONLINE)
        metric_add(&counters.transitions_online, 1);
    else if (outcome == OUTCOME_OFFLINE)
        metric_add(&counters.transitions_offline, 1);
    else if (outcome == OUTCOME_LATE)
        metric_add(&counters.ops_late, 1);
    else if (outcome == OUTCOME_FOREIGN)
        metric_add(&counters.ops_foreign, 1);
}

static void flush(void *arg)
{
    struct redis_glue *g = arg;
    session_sync_flush(&g->session_sync, clock_mono_ms());
}

static void on_flush_at(void *arg, int64_t due_ms)
{
    struct redis_glue *g = arg;
    int64_t delay_ms = due_ms - clock_mono_ms();
    if (delay_ms <= 0)
        loop_task_want(g->flush_task);
    else
        loop_timer_start(g->flush_timer, delay_ms, 0);
}

void redis_glue_dirty(struct redis_glue *g)
{
    session_sync_changed(&g->session_sync, clock_mono_ms());
}

static void on_revoked(void *arg)
{
    struct redis_glue *g = arg;
    g->hooks->revoked(g->arg);
}

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct redis_glue *g = arg;
    session_sync_connected(&g->session_sync, run_id, clock_mono_ms());
    node_registry_connected(&g->registry, run_id, generation, clock_mono_ms());
    roster_sync_connected(&g->roster_sync, true, clock_mono_ms());
}

static void on_lost(void *arg, const char *why)
{
    struct redis_glue *g = arg;
    node_registry_disconnected(&g->registry);
    session_sync_disconnected(&g->session_sync);
    revocation_sync_disconnected(&g->revocation_sync);
    roster_sync_connected(&g->roster_sync, false, clock_mono_ms());
}

static void on_subscribed(void *arg)
{
    struct redis_glue *g = arg;
    roster_sync_subscribed(&g->roster_sync, true, clock_mono_ms());
    node_registry_probe(&g->registry, clock_mono_ms());
}

static void on_message(void *arg, struct span channel, struct span payload)
{
    struct redis_glue *g = arg;
    struct span name = span_equal(channel, span_of(g->updates_channel)) ? SPAN("updates") : SPAN("control");
    roster_sync_message(&g->roster_sync, name, payload, clock_mono_ms());
}

static void on_unsubscribed(void *arg, const char *why)
{
    struct redis_glue *g = arg;
    roster_sync_subscribed(&g->roster_sync, false, clock_mono_ms());
}

static void channel_name(const struct redis_glue *g, enum key key, char *out)
{
    bytes_auto name = BYTES_INIT;
    keys_name(g->config->policy.prefix, key, &name);
    snprintf(out, KEYS_CHANNEL_SIZE, "%s", bytes_text(&name));
}

static void machines_start(struct redis_glue *g, const char *address)
{
    static const struct node_registry_hooks registry_hooks = {
        .wall_ms = clock_wall_ms, .send = on_send, .state = on_state, .nodes = on_nodes, .reset = on_reset};
    static const struct session_sync_hooks session_hooks = {
        .send = on_send, .flush_at = on_flush_at, .outcome = on_outcome};
    static const struct revocation_sync_hooks revocation_hooks = {.send = on_send, .revoked = on_revoked};
    const struct policy *p = &g->config->policy;
    struct node_registry_config registry = {
        .program = "presence-ws", .address = address, .ttl_ms = p->ttl_ms, .peers = NODE_REGISTRY_EPOCH};
    struct session_sync_config config = {.ttl_ms = p->ttl_ms,
                                         .drain_ms = p->drain_grace_ms,
                                         .holdback_ms = p->holdback_ms,
                                         .answer_ms = g->config->redis.timeout_ms};
    sessions_init(&g->sessions, g->store.node, p->ttl_ms, policy_heartbeat_min(p), p->offline_grace_ms,
                  policy_abort_grace(p));
    node_registry_init(&g->registry, &registry, &g->store, &g->time, &registry_hooks, g);
    session_sync_init(&g->session_sync, &config, &g->registry, &g->sessions, &session_hooks, g);
    revocation_sync_init(&g->revocation_sync, &g->store, &revocation_hooks, g);
    roster_sync_init(&g->roster_sync, &g->store, &g->time, &g->registry.recovery, p->group_key,
                     &g->hooks->roster, g->arg);
}

void redis_glue_start(struct redis_glue *g, const struct config *config, struct loop *loop, const char *node,
                      const char *address, const struct redis_glue_hooks *hooks, void *arg)
{
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    static const struct redis_subscriber_hooks subscriber_hooks = {
        .subscribed = on_subscribed, .message = on_message, .lost = on_unsubscribed};
    const struct policy *p = &config->policy;
    g->config = config;
    g->loop = loop;
    g->hooks = hooks;
    g->arg = arg;
    g->online = -1;
    outage_init(&g->outage, clock_wall_ms());
    g->store = (struct store){.prefix = p->prefix, .db = g->config->redis.db, .log_max = p->log_max};
    snprintf(g->store.node, sizeof(g->store.node), "%s", node);
    machines_start(g, address);
    g->flush_task = loop_task_create(g->loop, flush, g);
    g->flush_timer = loop_timer_create(g->loop, flush, g);
    channel_name(g, CHANNEL_UPDATES, g->updates_channel);
    channel_name(g, CHANNEL_CONTROL, g->control_channel);
    if (!p->enabled)
        return;
    const char *channels[] = {g->updates_channel, g->control_channel};
    g->trial = redis_trial_create(g->loop, &g->config->redis, &g->store, true, &link_hooks, g);
    g->link = redis_trial_link(g->trial);
    g->subscriber = redis_subscriber_create(g->loop, &g->config->redis, channels, 2, &subscriber_hooks, g);
}

void redis_glue_tick(struct redis_glue *g, int64_t now_ms)
{
    if (!g->config->policy.enabled)
        return;
    node_registry_ahead(&g->registry, revocation_issuer_lead_s(&g->issuer_lead, redis_glue_now(g)), now_ms);
    node_registry_tick(&g->registry, now_ms);
    session_sync_tick(&g->session_sync, now_ms);
    roster_sync_tick(&g->roster_sync, now_ms);
    if (g->registry.registered)
        revocation_sync_tick(&g->revocation_sync, redis_glue_now(g));
    if (g->roster_sync.stale_subscription) {
        g->roster_sync.stale_subscription = false;
        redis_subscriber_reset(g->subscriber, "changes did not arrive");
    }
}

bool redis_glue_up(const struct redis_glue *g)
{
    return g->trial && redis_trial_passed(g->trial);
}

int64_t redis_glue_now(const struct redis_glue *g)
{
    return redis_time_at(&g->time, clock_mono_ms());
}

void redis_glue_saw_issuer(struct redis_glue *g, int64_t issued_s)
{
    if (g->time.known && revocation_issuer_lead_see(&g->issuer_lead, issued_s, redis_glue_now(g)))
        node_registry_ahead(&g->registry, revocation_issuer_lead_s(&g->issuer_lead, redis_glue_now(g)),
                            clock_mono_ms());
}

bool redis_glue_revoked(const struct redis_glue *g, const struct bearer *bearer)
{
    return revocations_refuse(&g->revocation_sync.list, bearer, redis_glue_now(g));
}

const char *redis_glue_state(const struct redis_glue *g)
{
    if (!g->config->policy.enabled)
        return "off";
    return g->outage.lost ? "lost" : "up";
}

const char *redis_glue_missing(const struct redis_glue *g)
{
    const char *missing = NULL, *unfit = NULL;
    if (!g->config->policy.enabled)
        missing = "presence is switched off (PRESENCE_ENABLED=false)";
    else if (redis_trial_fault(g->trial, &unfit) != REDIS_FAULT_NONE)
        missing = unfit;
    else if (!redis_glue_up(g))
        missing = "Redis can't be reached";
    else if (!redis_subscriber_ready(g->subscriber))
        missing = "not subscribed to Redis";
    else if (roster_sync_recovering(&g->roster_sync))
        missing = "Redis has lost its memory; waiting for the servers to assert who is online";
    else if (g->outage.lost)
        missing = "catching up with Redis";
    return missing;
}

bool redis_glue_calm(const struct redis_glue *g)
{
    bool up = !g->config->policy.enabled || !redis_glue_missing(g);
    return up && !g->roster_sync.wanted && !g->revocation_sync.due && !sessions_urgent(&g->sessions);
}

void redis_glue_gather_metrics(const struct redis_glue *g)
{
    const struct roster_sync *r = &g->roster_sync;
    const struct group_queue *q = &r->groups.queue;
    metric_set(&counters.online_users, g->online < 0 ? 0 : g->online);
    metric_set(&counters.redis_up, redis_glue_up(g));
    metric_set(&counters.store_lost, g->config->policy.enabled && g->outage.lost);
    if (g->link) {
        metric_set(&counters.redis_reconnects, (int64_t)redis_link_reconnects(g->link));
        metric_set(&counters.redis_queue, (int64_t)redis_link_queued(g->link));
    }
    metric_set(&counters.gaps, (int64_t)r->gaps);
    metric_set(&counters.loads, (int64_t)r->loads);
    metric_set(&counters.events_dropped, (int64_t)r->dropped);
    metric_set(&counters.groups_waiting, (int64_t)group_queue_waiting(q));
    metric_set(&counters.groups_deferred, (int64_t)q->deferred);
    metric_set(&counters.groups_read, (int64_t)q->first_reads);
    metric_set(&counters.groups_reread, (int64_t)q->repeated_reads);
    metric_set(&counters.groups_denied, roster_sync_groups_denied(r, clock_mono_ms()));
}

void redis_glue_stop(struct redis_glue *g)
{
    redis_trial_destroy(g->trial);
    redis_subscriber_destroy(g->subscriber);
    loop_task_destroy(g->flush_task);
    loop_timer_destroy(g->flush_timer);
    node_registry_finish(&g->registry);
    session_sync_finish(&g->session_sync);
    roster_sync_finish(&g->roster_sync);
    revocation_sync_finish(&g->revocation_sync);
    sessions_finish(&g->sessions);
}
