/* SPDX-License-Identifier: MIT */
/* What an expiryd does from its start to its end, apart from the process around it: the machines of lib/store on the
 * links of lib/redis. */
#include "server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "counters.h"
#include "store/keys.h"

#include <stdio.h>
#include <string.h>

#define LETTER(letter, ...) #letter

#define TICK_MAX_MS   250
#define LEAVE_POLL_MS 5

/* Has the timer run when something has become due. */
static void rearm(struct expiryd *s)
{
    if (!s->stopping)
        loop_timer_start(s->timer, 0, 0);
}

static void on_answered(void *arg, const struct redisReply *reply)
{
    struct store_request *r = arg;
    struct expiryd *s = r->arg;
    int64_t now_ms = clock_mono_ms();
    if (reply && r == &s->sweeper.request)
        metric_observe_us(&expiryd_counters.redis_round_trip, (now_ms - r->sent_ms) * 1000);
    store_request_answered(r, reply, now_ms);
    rearm(s);
}

static int send_request(void *arg, struct store_request *request, struct span command)
{
    struct expiryd *s = arg;
    return redis_link_send(s->link, command, on_answered, request);
}

static void on_state(void *arg, const struct store_state *state, const struct node_registry_news *news)
{
    struct expiryd *s = arg;
    bool first = s->online < 0;
    s->online = state->online;
    if (!news->fresh_epoch)
        return;
    log_info("epoch", LOG_S("epoch", state->epoch), LOG_N("rev", (int64_t)state->rev));
    metric_add(&expiryd_counters.epochs, !first);
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct expiryd *s = arg;
    sweeper_registered(&s->sweeper, clock_mono_ms());
    s->reconciler.config.ttl_ms = store_nodes_longest_ttl(answer->nodes, s->config.policy.ttl_ms);
}

static void on_reset(void *arg, const char *why)
{
    struct expiryd *s = arg;
    redis_link_reset(s->link, why);
}

static void on_swept(void *arg, const struct expire_answer *answer)
{
    struct expiryd *s = arg;
    size_t expired = reply_count(answer->lags);
    s->online = answer->state.online;
    if (answer->state.rev > s->store.known_rev)
        s->store.known_rev = answer->state.rev;
    metric_add(&expiryd_counters.sweeps, 1);
    metric_add(&expiryd_counters.expired, expired);
    for (size_t i = 0; i < expired; i++)
        metric_observe_us(&expiryd_counters.lag, reply_integer(reply_at(answer->lags, i), 0) * 1000);
    if (expired > 0)
        log_debug("expired", LOG_N("users", expired), LOG_N("online", answer->state.online));
}

static void on_fixed(void *arg, char outcome)
{
    static const char letters[] = REPAIR_KINDS(LETTER);
    const char *letter = strchr(letters, outcome);
    if (letter && *letter)
        metric_add(&expiryd_counters.repaired[letter - letters], 1);
}

/* Said once for a process: without the events only the wake-up is missing. */
static void events_refused(struct expiryd *s, const struct redisReply *reply)
{
    if (!reply || s->events_refused)
        return;
    s->events_refused = true;
    log_info("keyspace_events_unset", LOG_S("answer", reply_error(reply)),
             LOG_T("hint", "expiry does not need them"));
}

static void events_set(void *arg, const struct redisReply *reply)
{
    if (reply_is_error(reply))
        events_refused(arg, reply);
    else if (reply)
        log_info("keyspace_events_set");
}

static void events_known(void *arg, const struct redisReply *reply)
{
    struct expiryd *s = arg;
    struct span flags;
    if (keyspace_read(reply, &flags) < 0) {
        events_refused(s, reply);
        return;
    }
    if (keyspace_suffices(flags))
        return;
    bytes_auto command = BYTES_INIT;
    keyspace_add(flags, &command);
    redis_link_send(s->link, bytes_span(&command), events_set, s);
}

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct expiryd *s = arg;
    int64_t now_ms = clock_mono_ms();
    node_registry_connected(&s->registry, run_id, generation, now_ms);
    reconciler_connected(&s->reconciler, true, now_ms);
    if (s->config.keyspace_events) {
        bytes_auto command = BYTES_INIT;
        keyspace_ask(&command);
        redis_link_send(s->link, bytes_span(&command), events_known, s);
    }
    rearm(s);
}

static void on_lost(void *arg, const char *why)
{
    struct expiryd *s = arg;
    int64_t now_ms = clock_mono_ms();
    node_registry_disconnected(&s->registry);
    sweeper_disconnected(&s->sweeper);
    reconciler_connected(&s->reconciler, false, now_ms);
}

static void on_subscribed(void *arg)
{
    log_debug("keyspace_events_heard");
}

static void on_event(void *arg, struct span channel, struct span payload)
{
    struct expiryd *s = arg;
    struct span user;
    if (keys_user_of(s->config.policy.prefix, USER_KEY_PRESENCE, payload, &user) < 0)
        return;
    metric_add(&expiryd_counters.wakeups, 1);
    sweeper_wake(&s->sweeper, clock_mono_ms());
    rearm(s);
}

static void on_unsubscribed(void *arg, const char *why)
{
    log_debug("keyspace_events_unheard", LOG_T("why", why));
}

static void machines_start(struct expiryd *s)
{
    static const struct node_registry_hooks registry_hooks = {.wall_ms = clock_wall_ms,
                                                              .send = send_request,
                                                              .state = on_state,
                                                              .nodes = on_nodes,
                                                              .reset = on_reset};
    static const struct sweeper_hooks sweeper_hooks = {
        .send = send_request, .swept = on_swept, .reset = on_reset};
    static const struct reconciler_hooks reconciler_hooks = {.send = send_request, .fixed = on_fixed};
    const struct policy *p = &s->config.policy;
    struct node_registry_config registry = {.program = "presence-expiryd",
                                            .address = s->daemon.listen.names[0],
                                            .ttl_ms = p->ttl_ms,
                                            .peers = p->holdback_ms > 0 ? NODE_REGISTRY_CONNECTION
                                                                        : NODE_REGISTRY_NO_PEERS};
    struct sweeper_config sweeper = {.interval_ms = s->config.sweep_interval_ms,
                                     .holdback_ms = p->holdback_ms};
    struct reconciler_config reconciler = {
        .interval_ms = p->repair_interval_ms, .ttl_ms = p->ttl_ms, .seed = random_u64()};
    s->store = (struct store){.prefix = p->prefix, .db = s->config.redis.db, .log_max = p->log_max};
    snprintf(s->store.node, sizeof(s->store.node), "%s", s->node);
    node_registry_init(&s->registry, &registry, &s->store, &s->time, &registry_hooks, s);
    sweeper_init(&s->sweeper, &sweeper, &s->store, &s->registry.recovery, &sweeper_hooks, s);
    reconciler_init(&s->reconciler, &reconciler, &s->store, &reconciler_hooks, s);
}

static void redis_start(struct expiryd *s)
{
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    static const struct redis_subscriber_hooks subscriber_hooks = {
        .subscribed = on_subscribed, .message = on_event, .lost = on_unsubscribed};
    s->online = -1;
    machines_start(s);
    if (!s->config.policy.enabled)
        return;
    s->trial = redis_trial_create(s->loop, &s->config.redis, &s->store, true, &link_hooks, s);
    s->link = redis_trial_link(s->trial);
    if (!s->config.keyspace_events)
        return;
    const char *channels[] = {s->channel};
    keyspace_channel(s->config.redis.db, s->channel);
    s->subscriber = redis_subscriber_create(s->loop, &s->config.redis, channels, 1, &subscriber_hooks, s);
}

bool expiryd_redis_up(const struct expiryd *s)
{
    return s->trial && redis_trial_passed(s->trial);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Does what is due; returns when to be called again. */
static int64_t tick(struct expiryd *s, int64_t now_ms)
{
    node_registry_tick(&s->registry, now_ms);
    sweeper_tick(&s->sweeper, now_ms);
    reconciler_tick(&s->reconciler, now_ms);
    return earlier(now_ms + TICK_MAX_MS, earlier(sweeper_due(&s->sweeper), reconciler_due(&s->reconciler)));
}

static bool is_quiet(const struct expiryd *s)
{
    return !expiryd_redis_up(s) || redis_link_in_flight(s->link) == 0;
}

static void on_timer(void *arg)
{
    struct expiryd *s = arg;
    int64_t now_ms = clock_mono_ms();
    if (!s->stopping) {
        int64_t delay = tick(s, now_ms) - now_ms;
        loop_timer_start(s->timer, delay, 0);
    } else if (is_quiet(s) || now_ms >= s->stop_ms) {
        loop_stop(s->loop);
    } else {
        loop_timer_start(s->timer, LEAVE_POLL_MS, 0);
    }
}

void expiryd_start(struct expiryd *s)
{
    s->timer = loop_timer_create(s->loop, on_timer, s);
    redis_start(s);
    rearm(s);
}

void expiryd_leave(struct expiryd *s)
{
    s->stopping = true;
    s->stop_ms = clock_mono_ms() + EXPIRYD_LEAVE_MS;
    node_registry_leave(&s->registry, clock_mono_ms());
    loop_timer_start(s->timer, 0, 0);
}

void expiryd_stop(struct expiryd *s)
{
    redis_trial_destroy(s->trial);
    redis_subscriber_destroy(s->subscriber);
    node_registry_finish(&s->registry);
    sweeper_finish(&s->sweeper);
    reconciler_finish(&s->reconciler);
    loop_timer_destroy(s->timer);
}
