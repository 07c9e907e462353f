/* SPDX-License-Identifier: MIT */
#include "connections.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/random.h"
#include "counters.h"
#include "relaying.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOSE_RESTART       1012
#define CLOSE_TRY_AGAIN     1013
#define CLOSE_TOKEN_EXPIRED 4401
#define CLOSE_KICKED        4403

#define CLOSE_HEADER  2   /* bytes of a close frame before its payload */
#define HELLOS_A_TICK 400 /* clients: about 2 ms of a tick of 20 */
#define PINGS_MS                                                                                             \
    200 /* pings of one such time go together: a process that is awake sends them at half the cost */

struct client {
    struct list link; /* in connections.all */
    struct wheel_timer timer;
    struct connections *of;
    struct websocket *ws;
    struct session *session; /* of a phone, while it may end by this connection */
    struct subscription *subscription;
    struct relay *relay; /* to its upstream; NULL: none */
    struct inbox inbox;
    char *token_id; /* NULL: it has none */
    struct quota_place place;
    int64_t heard_ms;
    int64_t
        checked_ms; /* when a ping was sent that waits for its answer; else the last pong, or the beginning */
    int64_t expires_ms;  /* of the token; 0: never */
    uint32_t issued_s;   /* of the token; 0: not said */
    uint8_t hello_round; /* connections.hello_round, when it was last examined */
    bool speaks_v1 : 1;
    bool closing : 1;
    bool hello_due : 1; /* a HELLO is to be sent as soon as one may be */
    bool pinged : 1;    /* a ping waits for its answer */
    bool deferred : 1;  /* a heartbeat waits for session_release_due */
};

static struct pool clients;

struct connections {
    struct connections_config with;
    const struct config *config; /* of `with`, as the next one */
    struct redis_glue *redis;
    struct websocket_endpoint *endpoint;
    struct list all; /* who was examined in this round of HELLOs stands behind who was not */
    size_t phones;
    uint8_t hello_round;   /* grows when all are to be told again */
    struct relays *relays; /* NULL: there are no upstreams */
    struct log_limit upstreams_lost;
    struct arrival *arrival; /* of connections_adopt, whose callbacks run within the call */
};

struct inbox *connection_inbox(struct client *c)
{
    return &c->inbox;
}

const struct config *connection_config(const struct client *c)
{
    return c->of->config;
}

int64_t connection_now_ms(const struct client *c)
{
    return loop_now_ms(c->of->with.loop);
}

bool connection_closing(const struct client *c)
{
    return c->closing;
}

struct websocket *connection_websocket(const struct client *c)
{
    return c->ws;
}

struct relay *connection_relay(const struct client *c)
{
    return c->relay;
}

bool connection_takes_message(const struct client *c)
{
    if (c->closing)
        return true; /* it is thrown away */
    return websocket_ready(c->ws) && (!c->subscription || !subscribers_in_message(c->subscription));
}

bool connection_has_session(const struct client *c)
{
    return c->session;
}

bool connection_may_subscribe(const struct client *c)
{
    return c->subscription || c->session;
}

const struct session *connection_session(const struct client *c, const char **ret_node)
{
    *ret_node = c->of->with.node;
    return c->session;
}

static void end_session(struct client *c, const char *reason, enum session_ending how)
{
    if (!c->session)
        return;
    session_end(&c->of->redis->sessions, c->session, reason, how, connection_now_ms(c));
    c->session = NULL;
    redis_glue_dirty(c->of->redis);
}

static void abandon_session(struct client *c)
{
    if (!c->session)
        return;
    session_abandon(&c->of->redis->sessions, c->session);
    c->session = NULL;
    redis_glue_dirty(c->of->redis);
}

/* The client goes away: so does its upstream, with the same close frame, or without one. */
static void leave_upstream(struct client *c, unsigned code, const char *reason)
{
    bytes_auto frame = BYTES_INIT;
    struct relay *relay = c->relay;
    c->relay = NULL;
    if (!relay)
        return;
    if (code == 0) {
        relay_end(relay);
        return;
    }
    frame_write_close(code, reason, &frame);
    relay_close(relay, (struct span){frame.data + CLOSE_HEADER, frame.len - CLOSE_HEADER});
}

static void say_goodbye(struct client *c, unsigned code, const char *reason)
{
    c->closing = true;
    log_debug("client_closed", LOG_N("code", code), LOG_T("reason", reason),
              LOG_T("peer", websocket_peer(c->ws)));
    websocket_close(c->ws, code, reason);
}

void connection_close(struct client *c, unsigned code, const char *reason, const char *session_reason)
{
    if (c->closing)
        return;
    end_session(c, session_reason, SESSION_REFUSED);
    leave_upstream(c, code, reason);
    say_goodbye(c, code, reason);
}

/* As at a drain: the client will come back. */
static void keep_session(struct client *c)
{
    if (!c->session)
        return;
    session_drain(&c->of->redis->sessions, c->session);
    abandon_session(c);
}

/* Going away, internal error, restart, try again later, bad gateway: of a server that goes or can't go on, not
 * the client's own end (RFC 6455, 7.4.1). */
static bool means_trouble(unsigned code)
{
    return code == 1001 || (code >= 1011 && code <= 1014);
}

void connection_upstream_closed(struct client *c, struct span payload)
{
    unsigned code =
        payload.len < 2 ? 0 : (unsigned)((uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1]);
    c->relay = NULL;
    metric_add(&counters.upstream_closed, 1);
    if (means_trouble(code))
        keep_session(c);
    else
        end_session(c, "upstream", SESSION_REFUSED);
    c->closing = true;
    log_debug("upstream_closed", LOG_N("code", code), LOG_T("peer", websocket_peer(c->ws)));
    websocket_close_with(c->ws, payload);
}

void connection_upstream_lost(struct client *c, const char *why)
{
    int64_t left_out;
    c->relay = NULL;
    metric_add(&counters.upstream_lost, 1);
    keep_session(c);
    if (log_limit_pass(&c->of->upstreams_lost, connection_now_ms(c), &left_out))
        log_warn("upstream_lost", LOG_T("why", why), LOG_T("peer", websocket_peer(c->ws)),
                 LOG_N("left_out", left_out));
    say_goodbye(c, CLOSE_RESTART, "Upstream lost");
}

void connection_too_slow(struct client *c)
{
    connection_close(c, CLOSE_TRY_AGAIN, "Too slow", "policy");
}

void connection_kick(struct client *c)
{
    if (c->closing)
        return;
    metric_add(&counters.closed_kick, 1);
    connection_close(c, CLOSE_KICKED, "Kicked", "kicked");
}

static void drop(struct client *c, struct metric *counter)
{
    metric_add(counter, 1);
    log_debug("client_given_up", LOG_T("reason", counter == &counters.viewers_stuck ? "stuck" : "no_pong"),
              LOG_T("peer", websocket_peer(c->ws)));
    c->closing = true;
    abandon_session(c);
    leave_upstream(c, 0, NULL);
    websocket_drop(c->ws);
}

bool connection_write(struct client *c, const struct fanout_chunk *chunk, bool *ret_full)
{
    enum websocket_written written = WEBSOCKET_GONE;
    if (!c->closing && chunk->fragment)
        written = websocket_write_frame(c->ws, chunk->first_byte, chunk->parts, chunk->count);
    else if (!c->closing)
        written = websocket_write(c->ws, chunk->parts[0]);
    *ret_full = written == WEBSOCKET_FULL;
    return written != WEBSOCKET_GONE;
}

/* The first message to clients of presence.v1.*, and again whenever Redis is lost or back. */
static void write_hello(const struct client *c, struct bytes *out)
{
    const struct connections *cs = c->of;
    const struct hello hello = {
        .heartbeat_interval_ms = policy_heartbeat_interval(&cs->config->policy),
        .ttl_ms = cs->config->policy.ttl_ms,
        .server_time_ms = clock_wall_ms(),
        .node = span_of(cs->with.node),
        .store = span_of(redis_glue_state(cs->redis)),
        .store_since_ms = cs->redis->outage.since_wall_ms,
    };
    message_write_hello((enum encoding)c->inbox.encoding, &hello, out);
}

static void send_hello(struct client *c)
{
    bytes_auto frame = BYTES_INIT;
    if (!c->hello_due || c->closing || !websocket_ready(c->ws) || (c->relay && relay_in_message(c->relay)) ||
        (c->subscription && !subscribers_may_send(c->of->with.subscribers, c->subscription)))
        return;
    c->hello_due = false;
    write_hello(c, &frame);
    if (c->subscription)
        subscribers_send(c->of->with.subscribers, c->subscription, bytes_span(&frame));
    else
        websocket_write(c->ws, bytes_span(&frame));
}

void connections_tick(struct connections *cs)
{
    struct outage *outage = &cs->redis->outage;
    if (!cs->config->policy.enabled)
        return;
    if (outage_look(outage, roster_sync_current(&cs->redis->roster_sync), clock_mono_ms(), clock_wall_ms())) {
        cs->hello_round++;
        if (outage->lost)
            log_warn("store_lost", LOG_T("hint", "viewers keep what was known before, and are told so"));
        else
            log_info("store_back");
    }
    for (int i = 0; i < HELLOS_A_TICK && !list_empty(&cs->all); i++) {
        struct client *c = list_entry(cs->all.next, struct client, link);
        if (c->hello_round == cs->hello_round)
            return;
        list_remove(&c->link);
        list_append(&cs->all, &c->link);
        c->hello_round = cs->hello_round;
        c->hello_due = c->speaks_v1;
        send_hello(c);
    }
}

bool connections_calm(const struct connections *cs)
{
    return list_empty(&cs->all) ||
           list_entry(cs->all.next, const struct client, link)->hello_round == cs->hello_round;
}

static bool beats_by_pong(const struct client *c)
{
    return c->session && c->of->config->refresh_on_pong;
}

/* When to ping, or to drop. A phone may send all the time, but only its pongs are heartbeats, which must come
 * within the TTL. */
static int64_t check_due(const struct client *c)
{
    const struct config *config = c->of->config;
    int64_t interval_ms = config->ping_interval_ms, bound_ms = config->policy.ttl_ms * 3 / 4;
    if (interval_ms == 0)
        return INT64_MAX;
    if (c->pinged)
        return (c->heard_ms > c->checked_ms ? c->heard_ms : c->checked_ms) + config->pong_timeout_ms;
    if (config->refresh_on_pong && interval_ms > bound_ms)
        interval_ms = bound_ms;
    int64_t due_ms = (beats_by_pong(c) ? c->checked_ms : c->heard_ms) + interval_ms;
    return interval_ms < PINGS_MS * 10 ? due_ms : (due_ms + PINGS_MS - 1) / PINGS_MS * PINGS_MS;
}

static int64_t stuck_at(const struct client *c)
{
    return c->subscription ? subscribers_stuck_at(c->of->with.subscribers, c->subscription) : INT64_MAX;
}

static int64_t release_due(const struct client *c)
{
    return c->deferred && c->session ? session_release_due(&c->of->redis->sessions, c->session) : INT64_MAX;
}

/* Something with a deadline has begun: plans the next examination. */
void connection_schedule(struct client *c)
{
    const int64_t others[] = {c->expires_ms, release_due(c), stuck_at(c),
                              c->relay ? relay_check_due(c->relay) : INT64_MAX};
    int64_t due_ms = check_due(c);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i] > 0 && others[i] < due_ms)
            due_ms = others[i];
    if (due_ms != INT64_MAX && !c->closing)
        wheel_start(c->of->with.wheel, &c->timer, due_ms);
}

static void on_timer(struct wheel_timer *timer, int64_t now_ms)
{
    struct client *c = list_entry(timer, struct client, timer);
    if (c->closing)
        return;
    if (c->expires_ms && now_ms >= c->expires_ms) {
        metric_add(&counters.closed_token, 1);
        connection_close(c, CLOSE_TOKEN_EXPIRED, "Token expired", "token_expired");
        return;
    }
    if (now_ms >= release_due(c)) {
        c->deferred = false;
        session_release(&c->of->redis->sessions, c->session);
        redis_glue_dirty(c->of->redis);
    }
    if (stuck_at(c) <= now_ms) {
        drop(c, &counters.viewers_stuck);
        return;
    }
    if (c->relay)
        relay_check(c->relay, now_ms);
    if (c->closing)
        return;
    if (now_ms >= check_due(c)) {
        if (c->pinged) {
            drop(c, &counters.dropped_silent);
            return;
        }
        c->pinged = true;
        c->checked_ms = now_ms;
        websocket_ping(c->ws);
    }
    connection_schedule(c);
}

void connection_heard(struct client *c, bool pong)
{
    c->heard_ms = connection_now_ms(c);
    if (pong)
        c->checked_ms = c->heard_ms;
    if (pong || !beats_by_pong(c))
        c->pinged = false;
}

/* A sign of life that counts. */
static void beat(struct client *c, struct span metadata)
{
    int64_t release_ms = session_beat(&c->of->redis->sessions, c->session, metadata, connection_now_ms(c));
    if (release_ms == 0) {
        redis_glue_dirty(c->of->redis);
    } else if (!c->deferred) {
        c->deferred = true;
        connection_schedule(c);
    }
}

void connection_ponged(struct client *c)
{
    if (beats_by_pong(c))
        beat(c, SPAN_NONE);
    connection_schedule(c); /* the next ping may be due before this one's answer was */
}

/* The first of a connection is worth a line; all the others are the same. */
static void log_refusal(const struct client *c)
{
    static const char *const reasons[] = {
        [REFUSAL_FROM] = "fromId is not the token's user",
        [REFUSAL_LATE] = "it reached Redis later than a TTL after it was sent",
        [REFUSAL_FOREIGN] = "keys of this user hold other types",
    };
    const struct refusal *r = c->session->refusal;
    LOG_AT(r->count == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "heartbeat_refused",
           LOG_S("user", session_user(c->session)), LOG_S("from", ((struct span){r->from, r->from_len})),
           LOG_T("reason", reasons[r->reason]), LOG_N("count", r->count),
           LOG_T("peer", websocket_peer(c->ws)));
}

void connection_refused(void *arg, struct session *session)
{
    if (session->owner && !session->arriving)
        log_refusal(session->owner);
}

/* A client that mistakes its token for its name: that stands in no log and in no store. A JWT begins with
 * `{"` in base64url. */
static struct span without_token(struct span from)
{
    const char *jwt = from.len > 0 ? memmem(from.data, from.len, "eyJ", 3) : NULL;
    bool token = jwt && memchr(jwt, '.', from.len - (size_t)(jwt - from.data));
    return token ? SPAN("(a token)") : from;
}

void connection_heartbeat(struct client *c, const struct heartbeat *h)
{
    struct span user = session_user(c->session);
    if (!span_equal(h->from, user)) {
        metric_add(&counters.heartbeats_refused, 1);
        session_refuse(&c->of->redis->sessions, c->session, REFUSAL_FROM, without_token(h->from),
                       connection_now_ms(c));
        redis_glue_dirty(c->of->redis);
        log_refusal(c);
        return;
    }
    if (h->metadata_dropped) {
        metric_add(&counters.metadata_dropped, 1);
        log_debug("metadata_dropped", LOG_S("user", user), LOG_T("peer", websocket_peer(c->ws)));
    }
    log_debug("heartbeat", LOG_S("user", user), LOG_S("device", session_device(c->session)),
              LOG_N("timestamp", h->timestamp_ms), LOG_S("metadata", h->metadata));
    beat(c, h->metadata);
}

void connection_subscribe(struct client *c, const struct subscribe *subscribe)
{
    if (!c->subscription)
        c->subscription =
            subscribers_add_phone(c->of->with.subscribers, c, c->session, (enum encoding)c->inbox.encoding);
    subscribers_choose(c->of->with.subscribers, c->subscription, subscribe);
}

struct session *connections_open_session(struct connections *cs, const struct gate_request *request,
                                         void *owner)
{
    const struct token *t = &request->token;
    bytes_auto groups = BYTES_INIT;
    char made_up[24] = "auto-"; /* apply.lua knows them by it */
    struct span device = request->device;
    if (device.len == 0) {
        random_hex(made_up + 5, 12);
        device = span_of(made_up);
    }
    control_groups_write(t->groups, t->group_count, &groups);
    struct session *session = session_open(&cs->redis->sessions, (struct span){t->user, t->user_len}, device,
                                           bytes_span(&groups), owner, loop_now_ms(cs->with.loop));
    redis_glue_dirty(cs->redis);
    return session;
}

/* Never before its time: the loop's own time is that of the turn's beginning. */
static int64_t token_expiry(const struct token *t)
{
    int64_t left_ms = t->expires_s * 1000 - clock_wall_ms();
    if (t->expires_s == 0)
        return 0;
    return clock_mono_ms() + (left_ms > 0 ? left_ms : left_ms + 60000);
}

static void check_revoked(struct client *c)
{
    struct connections *cs = c->of;
    struct bearer b = {.token_id = span_of(c->token_id), .issued_s = c->issued_s};
    if (c->closing || cs->redis->revocation_sync.list.by_name.count == 0)
        return;
    if (c->session) {
        b.user = session_user(c->session);
        b.device = session_device(c->session);
    } else if (c->subscription) {
        subscribers_bearer(c->subscription, &b);
    }
    if (b.user.len == 0 || !redis_glue_revoked(cs->redis, &b))
        return;
    metric_add(&counters.closed_revoked, 1);
    connection_close(c, CLOSE_KICKED, "Token revoked", "revoked");
}

static void log_arrival(const struct gate_request *request)
{
    const struct token *t = &request->token;
    struct span user = {t->user, t->user_len};
    if (t->role == ROLE_MOBILE)
        log_debug("client_connected", LOG_S("user", user), LOG_T("role", "mobile"),
                  LOG_S("device", request->device), LOG_T("peer", request->peer));
    else
        log_info("client_connected", LOG_T("msg", "WEB CLIENT registered"), LOG_S("user", user),
                 LOG_T("role", role_name(t->role)), LOG_T("peer", request->peer));
    /* It sees nobody, and its user will ask why. */
    if (t->groups_problem)
        LOG_AT(t->role == ROLE_MOBILE ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "groups_unknown",
               LOG_S("user", user), LOG_T("role", role_name(t->role)), LOG_T("reason", t->groups_problem),
               LOG_T("peer", request->peer));
}

static void open_upstream(struct client *c, struct arrival *arrival)
{
    if (arrival->upstream < 0)
        return;
    c->relay = relay_create(c->of->relays, arrival->upstream, arrival->early, c);
    arrival->upstream = -1;
    if (!c->relay)
        connection_upstream_lost(c, "the loop takes no descriptor more");
}

void *connection_opened(void *arg, struct websocket *ws, struct gate_request *request)
{
    struct connections *cs = arg;
    const struct token *t = &request->token;
    struct client *c = pool_zalloc(&clients, sizeof(*c));
    struct arrival *arrival = cs->arrival;
    c->of = cs;
    c->ws = ws;
    c->heard_ms = c->checked_ms = loop_now_ms(cs->with.loop);
    c->inbox.role = (uint8_t)t->role;
    c->inbox.encoding = (uint8_t)request->encoding;
    c->speaks_v1 = request->speaks_v1;
    c->expires_ms = token_expiry(t);
    /* What does not fit becomes a time that is as hard to believe: none, or the year 2106. */
    c->issued_s = t->issued_s < 0 ? 0 : t->issued_s < UINT32_MAX ? (uint32_t)t->issued_s : UINT32_MAX;
    c->token_id = *t->id ? mem_strdup(t->id) : NULL;
    c->place = request->place;
    memset(&request->place, 0, sizeof(request->place));
    list_append(&cs->all, &c->link);
    wheel_timer_init(&c->timer, on_timer);
    log_arrival(request);
    cs->phones += c->inbox.role == ROLE_MOBILE;
    c->hello_round = cs->hello_round;
    if (c->speaks_v1) {
        bytes_auto frame = BYTES_INIT;
        write_hello(c, &frame);
        websocket_write(ws, bytes_span(&frame));
    }
    if (cs->config->policy.enabled && c->inbox.role == ROLE_MOBILE) {
        c->session = arrival->session ? arrival->session : connections_open_session(cs, request, c);
        c->session->owner = c;
        arrival->session = NULL;
    } else if (cs->config->policy.enabled) {
        c->subscription = subscribers_add(cs->with.subscribers, c, request);
    }
    open_upstream(c, arrival);
    connection_schedule(c);
    check_revoked(c); /* perhaps since the gate looked */
    if (arrival->kicked)
        connection_kick(c);
    return c;
}

void connections_adopt(struct connections *cs, struct arrival *arrival)
{
    cs->arrival = arrival;
    websocket_adopt(cs->endpoint, arrival->fd, arrival->request, arrival->synthetic_request,
                    arrival->protocol);
    cs->arrival = NULL;
    if (arrival->upstream >= 0)
        close(arrival->upstream);
    if (!arrival->session)
        return;
    session_end(&cs->redis->sessions, arrival->session, "disconnected", SESSION_CUT,
                loop_now_ms(cs->with.loop));
    redis_glue_dirty(cs->redis);
}

void connection_yield(struct client *c, bool yields)
{
    if (c->subscription)
        subscribers_hold(c->of->with.subscribers, c->subscription, yields);
    if (!yields)
        send_hello(c);
}

/* Behind fan-out and HELLO: whoever is in the middle of a message ends it first. */
static void resume_upstream(struct client *c)
{
    if (c->relay && connection_takes_message(c))
        relay_resume(c->relay);
}

void connection_sent(struct client *c)
{
    send_hello(c);
    resume_upstream(c);
}

void connection_writable(void *owner)
{
    struct client *c = owner;
    if (c->subscription)
        subscribers_writable(c->of->with.subscribers, c->subscription);
    connection_sent(c);
}

void connection_leaving(struct client *c, struct span payload, unsigned fault)
{
    struct relay *relay = c->relay;
    if (fault) {
        leave_upstream(c, fault, "");
        return;
    }
    c->relay = NULL;
    if (relay)
        relay_close(relay, payload);
}

void connection_closed(struct client *c, enum websocket_end end)
{
    static const char *const by[] = {"peer", "cut", "server", "network"};
    struct connections *cs = c->of;
    if (!c->closing) /* else the reason was logged */
        log_debug("client_gone", LOG_S("user", c->session ? session_user(c->session) : SPAN_NONE),
                  LOG_T("by", by[end]), LOG_T("peer", websocket_peer(c->ws)));
    c->closing = true;
    leave_upstream(c, 0, NULL);
    switch (end) {
    case WEBSOCKET_PEER: end_session(c, "disconnected", SESSION_CLOSED); break;
    case WEBSOCKET_CUT: end_session(c, "disconnected", SESSION_CUT); break;
    case WEBSOCKET_CLOSED: end_session(c, "policy", SESSION_REFUSED); break;
    case WEBSOCKET_DROPPED: abandon_session(c); break;
    }
    if (c->subscription)
        subscribers_remove(cs->with.subscribers, c->subscription);
    admission_release(cs->with.admission, &c->place);
    cs->phones -= c->inbox.role == ROLE_MOBILE;
    wheel_stop(cs->with.wheel, &c->timer);
    list_remove(&c->link);
    free(c->token_id);
    pool_free(c);
}

struct connections *connections_create(const struct connections_config *config)
{
    struct connections *cs = mem_zalloc(sizeof(*cs));
    cs->with = *config;
    cs->config = config->config;
    cs->redis = config->redis;
    list_init(&cs->all);
    cs->endpoint = websocket_endpoint_create(config->loop, config->hooks, cs);
    if (!cs->endpoint) {
        free(cs);
        return NULL;
    }
    cs->relays = relaying_create(cs->config, config->loop);
    return cs;
}

void connections_destroy(struct connections *cs)
{
    websocket_endpoint_destroy(cs->endpoint);
    relays_destroy(cs->relays);
    free(cs);
}

void connections_kick(struct connections *cs, struct span user, struct span device)
{
    size_t count = 0;
    for (struct session *at = sessions_user(&cs->redis->sessions, user); at; at = at->next)
        count++;
    struct client **kicked = mem_array(count + 1, sizeof(struct client *));
    count = 0;
    for (struct session *at = sessions_user(&cs->redis->sessions, user); at; at = at->next)
        if (at->owner && !at->arriving && (device.len == 0 || span_equal(device, session_device(at))))
            kicked[count++] = at->owner;
    for (size_t i = 0; i < count; i++)
        connection_kick(kicked[i]);
    free(kicked);
    if (device.len == 0)
        subscribers_kick(cs->with.subscribers, user);
}

void connections_check_revoked(struct connections *cs)
{
    struct list *at = cs->all.next;
    while (at != &cs->all) {
        struct client *c = list_entry(at, struct client, link);
        at = at->next;
        check_revoked(c);
    }
}

void connections_drain_begin(struct connections *cs)
{
    for (struct list *at = cs->all.next; at != &cs->all; at = at->next)
        keep_session(list_entry(at, struct client, link));
    redis_glue_dirty(cs->redis);
}

size_t connections_drain(struct connections *cs, size_t most)
{
    struct list *at = cs->all.next;
    size_t left = 0;
    while (at != &cs->all) {
        struct client *c = list_entry(at, struct client, link);
        at = at->next;
        left++;
        if (c->closing || most == 0)
            continue;
        most--;
        connection_close(c, CLOSE_RESTART, "Service restart", "disconnected");
    }
    return left;
}

size_t connections_count(const struct connections *cs)
{
    return websocket_count(cs->endpoint);
}

void connections_gather_metrics(const struct connections *cs)
{
    metric_set(&counters.connections_phone, (int64_t)cs->phones);
    metric_set(&counters.connections_viewer, (int64_t)(connections_count(cs) - cs->phones));
    if (cs->relays)
        relaying_gather_metrics(cs->relays);
}
