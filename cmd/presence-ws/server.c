/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "base/clock.h"
#include "base/log.h"
#include "control.h"

#define TICK_MS      20  /* from one tick to the next, at least; */
#define CALM_TICK_MS 100 /* and at most */
#define DRAIN_SLICE  200 /* connections closed a tick */

static int roster_send(void *arg, struct store_request *request, struct span command)
{
    struct server *s = arg;
    return redis_glue_send(&s->redis, request, command);
}

static void roster_changed(void *arg, const struct change *change, struct span claims)
{
    struct server *s = arg;
    subscribers_changed(s->subscribers, change, claims);
}

static void roster_restarted(void *arg, uint64_t rev)
{
    struct server *s = arg;
    subscribers_restarted(s->subscribers, rev);
}

static void roster_ready(void *arg)
{
    struct server *s = arg;
    subscribers_ready(s->subscribers);
}

static void roster_set_changed(void *arg, struct group *group, const struct span *users, size_t count)
{
    struct server *s = arg;
    subscribers_set_changed(s->subscribers, group, users, count);
}

static void roster_regrouped(void *arg, struct span user, struct span before, struct span now)
{
    struct server *s = arg;
    subscribers_regrouped(s->subscribers, user, before, now);
}

static void on_revoked(void *arg)
{
    struct server *s = arg;
    connections_check_revoked(s->connections);
}

static const struct redis_glue_hooks redis_hooks = {
    .roster = {.send = roster_send,
               .changed = roster_changed,
               .restarted = roster_restarted,
               .ready = roster_ready,
               .set_changed = roster_set_changed,
               .regrouped = roster_regrouped,
               .control = control_received},
    .revoked = on_revoked,
};

static const struct subscribers_hooks subscribers_hooks = {
    .write = connection_write,
    .full = connection_schedule,
    .sent = connection_sent,
    .too_slow = connection_too_slow,
    .kick = connection_kick,
};

static const struct websocket_hooks websocket_hooks = {
    .opened = connection_opened,
    .received = inbox_received,
    .pong = inbox_pong,
    .leaving = inbox_leaving,
    .writable = connection_writable,
    .closed = inbox_closed,
};

static void back_to_gate(void *arg, int fd, const char *peer, const struct gate_refusal *refusal)
{
    struct server *s = arg;
    gate_refuse(s->access.gate, fd, peer, refusal);
}

static void refusal_to_gate(void *arg, int fd, const char *peer, int status, struct span answer)
{
    struct server *s = arg;
    gate_pass_refusal(s->access.gate, fd, peer, status, answer);
}

static const struct handoffs_hooks handoffs_hooks = {back_to_gate, refusal_to_gate};

int server_admit(void *arg, struct gate_request *request, struct gate_refusal *refusal)
{
    struct server *s = arg;
    return admission_admit(s->admission, request, refusal);
}

bool server_revoked(void *arg, const struct token *token, struct span device)
{
    const struct server *s = arg;
    const struct bearer b = {.user = {token->user, token->user_len},
                             .device = device,
                             .token_id = span_of(token->id),
                             .issued_s = token->issued_s};
    return redis_glue_revoked(&s->redis, &b);
}

void server_upgrade(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol)
{
    struct server *s = arg;
    redis_glue_saw_issuer(&s->redis, request->token.issued_s);
    const struct arrival arrival = {.fd = fd,
                                    .request = request,
                                    .synthetic_request = synthetic_request,
                                    .protocol = protocol,
                                    .upstream = -1};
    handoffs_begin(s->handoffs, &arrival);
}

/* True when that was the last. */
static bool drain_step(struct server *s, int64_t now_ms)
{
    size_t left = connections_drain(s->connections, DRAIN_SLICE);
    bool sent = session_sync_idle(&s->redis.session_sync) || !s->redis.registry.connected;
    if ((left > 0 || !sent) && now_ms < s->drain_until_ms)
        return false;
    node_registry_leave(&s->redis.registry, now_ms);
    log_info("stopped", LOG_N("dropped", left));
    loop_stop(s->loop); /* it may run on for the last answers */
    return true;
}

/* Nothing is under way that goes on with the ticks. */
static bool is_calm(const struct server *s)
{
    return s->drain_until_ms == INT64_MAX && redis_glue_calm(&s->redis) && connections_calm(s->connections) &&
           subscribers_calm(s->subscribers);
}

/* A process that wakes up 50 times a second for nothing takes more than 10,000 silent phones do. */
static void plan_tick(void *arg)
{
    struct server *s = arg;
    int64_t earliest_ms = s->ticked_ms + TICK_MS, due_ms = s->ticked_ms + CALM_TICK_MS;
    int64_t wheel_ms = wheel_next_ms(&s->wheel), delay_ms;
    if (wheel_ms < due_ms)
        due_ms = wheel_ms;
    if (due_ms < earliest_ms || !is_calm(s))
        due_ms = earliest_ms;
    s->wheel.planned_ms = due_ms;
    delay_ms = due_ms - loop_now_ms(s->loop);
    loop_timer_start(s->timer, delay_ms > 0 ? delay_ms : 0, 0);
}

static void on_tick(void *arg)
{
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    s->ticked_ms = loop_now_ms(s->loop);
    wheel_advance(&s->wheel, loop_now_ms(s->loop));
    redis_glue_tick(&s->redis, now_ms);
    subscribers_tick(s->subscribers);
    admission_tick(s->admission, now_ms);
    connections_tick(s->connections);
    if (s->drain_until_ms == INT64_MAX || !drain_step(s, now_ms))
        plan_tick(s);
}

int server_start(struct server *s)
{
    const struct config *c = &s->config;
    s->drain_until_ms = INT64_MAX;
    wheel_init(&s->wheel, loop_now_ms(s->loop));
    s->wheel.sooner = plan_tick;
    s->wheel.arg = s;
    redis_glue_start(&s->redis, c, s->loop, s->node, s->address, &redis_hooks, s);
    s->subscribers = subscribers_create(c, s->loop, &s->redis, &subscribers_hooks);
    s->admission = admission_create(c, s->loop, s->subscribers);
    const struct connections_config config = {.config = c,
                                              .loop = s->loop,
                                              .wheel = &s->wheel,
                                              .node = s->node,
                                              .redis = &s->redis,
                                              .subscribers = s->subscribers,
                                              .admission = s->admission,
                                              .hooks = &websocket_hooks};
    s->connections = connections_create(&config);
    if (!s->connections)
        return -1;
    const struct handoffs_config handoffs = {.config = c,
                                             .loop = s->loop,
                                             .wheel = &s->wheel,
                                             .redis = &s->redis,
                                             .connections = s->connections,
                                             .admission = s->admission,
                                             .hooks = &handoffs_hooks,
                                             .arg = s};
    s->handoffs = handoffs_create(&handoffs);
    s->redis.sessions.entered = handoffs_entered;
    s->redis.sessions.refused = connection_refused;
    s->redis.sessions.arg = s->handoffs;
    s->timer = loop_timer_create(s->loop, on_tick, s);
    s->ticked_ms = loop_now_ms(s->loop);
    plan_tick(s);
    return 0;
}

void server_drain(struct server *s)
{
    s->drain_until_ms = clock_mono_ms() + s->config.drain_timeout_ms;
    log_info("draining", LOG_N("connections", connections_count(s->connections)));
    handoffs_end(s->handoffs);
    connections_drain_begin(s->connections);
    plan_tick(s);
}

void server_hurry(struct server *s)
{
    s->drain_until_ms = 0;
}

void server_stop(struct server *s)
{
    loop_timer_destroy(s->timer);
    connections_destroy(s->connections);
    handoffs_destroy(s->handoffs);
    redis_glue_stop(&s->redis);
    subscribers_destroy(s->subscribers);
    admission_destroy(s->admission);
}
