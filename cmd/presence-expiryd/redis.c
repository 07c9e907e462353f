/* Redis for presence-expiryd: the sweeper, the mender and the asserter of lib/store, on the links of lib/net.
 */
#include "base/clock.h"
#include "base/log.h"
#include "counters.h"
#include "server.h"
#include "store/keys.h"

#include <stdio.h>
#include <string.h>

#define TICK_MAX_MS 50

static void registered(void *arg, const struct redisReply *reply)
{
    struct server *s = arg;
    asserter_answer(&s->asserter, ASSERTER_NODE, reply, clock_mono_ms());
    server_rearm(s);
}

static int send_registration(void *arg, enum asserter_tag tag, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, registered, s);
}

static void on_state(void *arg, const struct store_state *state, bool fresh_epoch)
{
    struct server *s = arg;
    bool first = s->online < 0;
    s->online = state->online;
    if (!fresh_epoch)
        return;
    log_info("epoch", LOG_S("epoch", state->epoch), LOG_N("rev", (int64_t)state->rev));
    metric_add(&counters.epochs, !first);
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct server *s = arg;
    sweeper_nodes(&s->sweeper, answer, clock_mono_ms());
    s->asserter.hurry = sweeper_recovering(&s->sweeper);
}

static void on_reset(void *arg, const char *why)
{
    struct server *s = arg;
    redis_link_reset(s->link, why);
}

static const struct asserter_hooks asserter_hooks = {
    .send = send_registration, .state = on_state, .nodes = on_nodes, .reset = on_reset};

static void sweep_answered(void *arg, const struct redisReply *reply)
{
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    if (reply)
        metric_observe_us(&counters.redis_round_trip, (now_ms - s->sweeper.sent_ms) * 1000);
    sweeper_answer(&s->sweeper, reply, now_ms);
    server_rearm(s);
}

static int send_sweep(void *arg, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, sweep_answered, s);
}

static void on_swept(void *arg, const struct expire_answer *answer)
{
    struct server *s = arg;
    size_t expired = reply_count(answer->lags);
    s->online = answer->state.online;
    if (answer->state.rev > s->store.known_rev)
        s->store.known_rev = answer->state.rev;
    metric_add(&counters.sweeps, 1);
    metric_add(&counters.expired, expired);
    for (size_t i = 0; i < expired; i++)
        metric_observe_us(&counters.lag, reply_integer(reply_at(answer->lags, i), 0) * 1000);
    if (expired > 0)
        log_debug("expired", LOG_N("users", expired), LOG_N("online", answer->state.online));
}

static const struct sweeper_hooks sweeper_hooks = {.send = send_sweep, .swept = on_swept, .reset = on_reset};

static void repair_answered(void *arg, const struct redisReply *reply)
{
    struct server *s = arg;
    mender_answer(&s->mender, reply, clock_mono_ms());
    server_rearm(s);
}

static int send_repair(void *arg, struct span command)
{
    struct server *s = arg;
    return redis_link_send(s->link, command, repair_answered, s);
}

static void on_mended(void *arg, char outcome)
{
    const char *letter = strchr(counters_repair_letters, outcome);
    if (letter && *letter)
        metric_add(&counters.repaired[letter - counters_repair_letters], 1);
}

static const struct mender_hooks mender_hooks = {.send = send_repair, .mended = on_mended};

/* Said once for a process: without the events only the wake-up is missing. */
static void events_refused(struct server *s, const struct redisReply *reply)
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
    struct server *s = arg;
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
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    asserter_connected(&s->asserter, run_id, generation, now_ms);
    sweeper_connected(&s->sweeper, true, now_ms);
    mender_connected(&s->mender, true, now_ms);
    if (s->config.keyspace_events) {
        bytes_auto command = BYTES_INIT;
        keyspace_ask(&command);
        redis_link_send(s->link, bytes_span(&command), events_known, s);
    }
    server_rearm(s);
}

static void on_lost(void *arg, const char *why)
{
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    asserter_disconnected(&s->asserter);
    sweeper_connected(&s->sweeper, false, now_ms);
    mender_connected(&s->mender, false, now_ms);
}

static void on_subscribed(void *arg)
{
    log_debug("keyspace_events_heard");
}

static void on_event(void *arg, struct span channel, struct span payload)
{
    struct server *s = arg;
    struct span user;
    if (keys_user_of(s->config.policy.prefix, USER_KEY_PRESENCE, payload, &user) < 0)
        return;
    metric_add(&counters.wakeups, 1);
    sweeper_wake(&s->sweeper, clock_mono_ms());
    server_rearm(s);
}

static void on_unsubscribed(void *arg, const char *why)
{
    log_debug("keyspace_events_unheard", LOG_T("why", why));
}

static void machines_start(struct server *s)
{
    const struct policy *p = &s->config.policy;
    struct asserter_config asserter = {.program = "presence-expiryd", .address = s->listen.names[0]};
    struct sweeper_config sweeper = {.interval_ms = config_sweep_interval(&s->config),
                                     .holdback_ms = p->holdback_ms};
    struct mender_config mender = {.interval_ms = p->repair_interval_ms,
                                   .ttl_ms = p->ttl_ms,
                                   .longest_ms = policy_longest(p),
                                   .seed = random_u64()};
    s->store = (struct store){.prefix = p->prefix, .db = s->config.redis.db, .log_max = p->log_max};
    snprintf(s->store.node, sizeof(s->store.node), "%s", s->node);
    asserter_init(&s->asserter, &asserter, &s->store, NULL, &s->time, &asserter_hooks, s);
    sweeper_init(&s->sweeper, &sweeper, &s->store, &sweeper_hooks, s);
    mender_init(&s->mender, &mender, &s->store, &mender_hooks, s);
}

void redis_start(struct server *s)
{
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    static const struct redis_subscriber_hooks subscriber_hooks = {
        .subscribed = on_subscribed, .message = on_event, .lost = on_unsubscribed};
    s->online = -1;
    machines_start(s);
    if (!s->config.policy.enabled)
        return;
    s->link = redis_link_create(s->loop, &s->config.redis, &link_hooks, s);
    if (!s->config.keyspace_events)
        return;
    const char *channels[] = {s->channel};
    keyspace_channel(s->config.redis.db, s->channel);
    s->subscriber = redis_subscriber_create(s->loop, &s->config.redis, channels, 1, &subscriber_hooks, s);
}

bool redis_up(const struct server *s)
{
    return s->link && redis_link_ready(s->link);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t redis_tick(struct server *s, int64_t now_ms)
{
    s->asserter.wall_minus_mono_ms = clock_wall_ms() - now_ms;
    asserter_tick(&s->asserter, now_ms);
    sweeper_tick(&s->sweeper, now_ms);
    mender_tick(&s->mender, now_ms);
    return earlier(now_ms + TICK_MAX_MS, earlier(sweeper_due(&s->sweeper), mender_due(&s->mender)));
}

void redis_leave(struct server *s)
{
    asserter_leave(&s->asserter, clock_mono_ms());
}

bool redis_quiet(const struct server *s)
{
    return !redis_up(s) || redis_link_in_flight(s->link) == 0;
}

void redis_stop(struct server *s)
{
    redis_link_destroy(s->link);
    redis_subscriber_destroy(s->subscriber);
    asserter_finish(&s->asserter);
    sweeper_finish(&s->sweeper);
    mender_finish(&s->mender);
}
