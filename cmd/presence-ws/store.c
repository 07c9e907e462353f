/* Redis for presence-ws: the asserter and the follower of lib/store, on the links of lib/net. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "counters.h"
#include "server.h"
#include "store/keys.h"
#include "wire/control.h"

#include <stdio.h>
#include <string.h>

#define BEAT_GATHER_MS 50
#define OPEN_GATHER_MS                                                                                       \
    5 /* comings and goings: the first after a quiet time leaves at once, then those of so long together */

static void asserter_answered(void *arg, const struct redisReply *reply)
{
    struct request *r = arg;
    struct server *s = r->server;
    int64_t now_ms = clock_mono_ms();
    if (reply && r->tag == ASSERTER_BATCH)
        metric_observe_us(&counters.redis_round_trip, (now_ms - s->asserter.sent_ms[ASSERTER_BATCH]) * 1000);
    asserter_answer(&s->asserter, (enum asserter_tag)r->tag, reply, now_ms);
    store_dirty(s);
}

static int asserter_send(void *arg, enum asserter_tag tag, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, asserter_answered, &s->asserter_requests[tag]);
}

static void on_state(void *arg, const struct store_state *state, bool fresh_epoch)
{
    struct server *s = arg;
    if (state->online >= 0)
        s->online = state->online;
    follower_state(&s->follower, state, clock_mono_ms());
    s->asserter.hurry = follower_recovering(&s->follower);
    if (!fresh_epoch)
        return;
    revoker_epoch(&s->revoker);
    log_info("epoch", LOG_S("epoch", state->epoch), LOG_N("rev", (int64_t)state->rev));
    if (s->follower.recovery.waiting)
        metric_add(&counters.epochs, 1);
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct server *s = arg;
    follower_nodes(&s->follower, answer, clock_mono_ms());
    revoker_version(&s->revoker, answer->revoked_version);
    s->asserter.hurry = follower_recovering(&s->follower);
}

static void on_reset(void *arg, const char *why)
{
    struct server *s = arg;
    redis_link_reset(s->link, why);
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

static const struct asserter_hooks asserter_hooks = {
    .send = asserter_send,
    .state = on_state,
    .nodes = on_nodes,
    .reset = on_reset,
    .outcome = on_outcome,
};

static void follower_answered(void *arg, const struct redisReply *reply)
{
    struct request *r = arg;
    follower_answer(&r->server->follower, (enum follower_tag)r->tag, reply, clock_mono_ms());
}

int store_follower_send(void *arg, enum follower_tag tag, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, follower_answered, &s->follower_requests[tag]);
}

static void revoker_answered(void *arg, const struct redisReply *reply)
{
    struct server *s = arg;
    if (reply)
        revoker_answer(&s->revoker, reply);
}

static int revoker_send(void *arg, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, revoker_answered, s);
}

static void on_revoked(void *arg)
{
    clients_check_revoked(arg);
}

static const struct revoker_hooks revoker_hooks = {.send = revoker_send, .revoked = on_revoked};

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct server *s = arg;
    asserter_connected(&s->asserter, run_id, generation, clock_mono_ms());
    follower_connected(&s->follower, true, clock_mono_ms());
}

static void on_lost(void *arg, const char *why)
{
    struct server *s = arg;
    asserter_disconnected(&s->asserter);
    revoker_disconnected(&s->revoker);
    follower_connected(&s->follower, false, clock_mono_ms());
}

static void on_subscribed(void *arg)
{
    struct server *s = arg;
    follower_subscribed(&s->follower, true, clock_mono_ms());
}

static void on_message(void *arg, struct span channel, struct span payload)
{
    struct server *s = arg;
    struct span name = span_equal(channel, span_of(s->updates_channel)) ? SPAN("updates") : SPAN("control");
    follower_message(&s->follower, name, payload, clock_mono_ms());
}

static void on_unsubscribed(void *arg, const char *why)
{
    struct server *s = arg;
    follower_subscribed(&s->follower, false, clock_mono_ms());
}

static void flush(void *arg)
{
    struct server *s = arg;
    s->flushed_ms = clock_mono_ms();
    asserter_flush(&s->asserter, s->flushed_ms);
}

static void flush_within(struct server *s, int64_t delay_ms)
{
    int64_t due_ms = clock_mono_ms() + delay_ms;
    if (loop_timer_active(s->flush_timer) && s->flush_ms <= due_ms)
        return;
    s->flush_ms = due_ms;
    loop_timer_start(s->flush_timer, delay_ms, 0);
}

void store_dirty(struct server *s)
{
    int64_t wait_ms = s->flushed_ms + OPEN_GATHER_MS - clock_mono_ms();
    if (ledger_urgent(&s->ledger) && wait_ms <= 0)
        loop_task_want(s->flush_task);
    else if (ledger_urgent(&s->ledger))
        flush_within(s, wait_ms);
    else if (ledger_dirty(&s->ledger))
        flush_within(s, s->beat_gather_ms);
}

static void channel_name(const struct server *s, enum key key, char *out)
{
    bytes_auto name = BYTES_INIT;
    keys_name(s->config.policy.prefix, key, &name);
    snprintf(out, KEYS_CHANNEL_SIZE, "%s", bytes_text(&name));
}

static void machines_start(struct server *s)
{
    const struct policy *p = &s->config.policy;
    struct asserter_config config = {
        .program = "presence-ws",
        .address = s->address,
        .ttl_ms = p->ttl_ms,
        .grace_ms = p->offline_grace_ms,
        .drain_ms = p->drain_grace_ms,
        .holdback_ms = p->holdback_ms,
        .answer_ms = s->config.redis.timeout_ms,
        .gather_ms = OPEN_GATHER_MS,
        .beat_gather_ms = s->beat_gather_ms,
        .sessions = true,
    };
    ledger_init(&s->ledger, s->node, p->ttl_ms, policy_heartbeat_min(p), p->offline_grace_ms > 0);
    asserter_init(&s->asserter, &config, &s->store, &s->ledger, &s->time, &asserter_hooks, s);
    revoker_init(&s->revoker, &s->store, &revoker_hooks, s);
    follower_init(&s->follower, &s->store, &s->time, p->group_key, &watcher_hooks_of_follower, s);
    for (int i = 0; i < ASSERTER_TAGS; i++)
        s->asserter_requests[i] = (struct request){s, i};
    for (int i = 0; i < FOLLOWER_TAGS; i++)
        s->follower_requests[i] = (struct request){s, i};
}

void store_start(struct server *s)
{
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    static const struct redis_subscriber_hooks subscriber_hooks = {
        .subscribed = on_subscribed, .message = on_message, .lost = on_unsubscribed};
    const struct policy *p = &s->config.policy;
    s->online = -1;
    s->store = (struct store){.prefix = p->prefix, .db = s->config.redis.db, .log_max = p->log_max};
    snprintf(s->store.node, sizeof(s->store.node), "%s", s->node);
    s->beat_gather_ms = p->ttl_ms / 20 < BEAT_GATHER_MS ? p->ttl_ms / 20 : BEAT_GATHER_MS;
    machines_start(s);
    s->flush_task = loop_task_create(s->loop, flush, s);
    s->flush_timer = loop_timer_create(s->loop, flush, s);
    channel_name(s, CHANNEL_UPDATES, s->updates_channel);
    channel_name(s, CHANNEL_CONTROL, s->control_channel);
    if (!p->enabled)
        return;
    const char *channels[] = {s->updates_channel, s->control_channel};
    s->link = redis_link_create(s->loop, &s->config.redis, &link_hooks, s);
    s->subscriber = redis_subscriber_create(s->loop, &s->config.redis, channels, 2, &subscriber_hooks, s);
}

void store_tick(struct server *s, int64_t now_ms)
{
    if (!s->config.policy.enabled)
        return;
    s->asserter.wall_minus_mono_ms = clock_wall_ms() - now_ms;
    asserter_tick(&s->asserter, now_ms);
    follower_tick(&s->follower, now_ms);
    if (s->asserter.registered)
        revoker_tick(&s->revoker, store_now(s));
    if (s->follower.deaf) {
        s->follower.deaf = false;
        redis_subscriber_reset(s->subscriber, "changes did not arrive");
    }
}

bool store_up(const struct server *s)
{
    return s->link && redis_link_ready(s->link);
}

int64_t store_now(const struct server *s)
{
    return redis_time_at(&s->time, clock_mono_ms());
}

void store_stop(struct server *s)
{
    redis_link_destroy(s->link);
    redis_subscriber_destroy(s->subscriber);
    loop_task_destroy(s->flush_task);
    loop_timer_destroy(s->flush_timer);
    asserter_finish(&s->asserter);
    follower_finish(&s->follower);
    revoker_finish(&s->revoker);
    ledger_finish(&s->ledger);
}
