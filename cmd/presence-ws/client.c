/* One connection of presence-ws from its upgrade to its end: its session, its timer, its close (contract
 * sections 3, 4). */
#include "client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "counters.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define CLOSE_RESTART       1012
#define CLOSE_TOKEN_EXPIRED 4401
#define CLOSE_KICKED        4403

static void end_session(struct client *c, const char *reason, bool alive)
{
    struct server *s = c->server;
    if (!c->session)
        return;
    session_end(&s->ledger, c->session, reason, alive, loop_now_ms(s->loop));
    c->session = NULL;
    store_dirty(s);
}

static void abandon_session(struct client *c)
{
    if (!c->session)
        return;
    session_abandon(&c->server->ledger, c->session);
    c->session = NULL;
    store_dirty(c->server);
}

void client_close(struct server *s, struct client *c, unsigned code, const char *reason,
                  const char *session_reason)
{
    if (c->closing)
        return;
    c->closing = true;
    end_session(c, session_reason, false);
    log_debug("client_closed", LOG_N("code", code), LOG_T("reason", reason),
              LOG_T("peer", websocket_peer(c->ws)));
    websocket_close(c->ws, code, reason);
}

bool client_write(struct client *c, const struct feed_piece *piece, bool *ret_full)
{
    enum websocket_written written = WEBSOCKET_GONE;
    if (!c->closing && piece->fragment)
        written = websocket_write_frame(c->ws, piece->first_byte, piece->parts, piece->count);
    else if (!c->closing)
        written = websocket_write(c->ws, piece->parts[0]);
    *ret_full = written == WEBSOCKET_FULL;
    return written != WEBSOCKET_GONE;
}

static int64_t soonest(int64_t a, int64_t b)
{
    return b > 0 && b < a ? b : a;
}

bool client_beats_by_pong(const struct client *c)
{
    return c->session && c->server->config.refresh_on_pong;
}

/* A pong that is a heartbeat must come within the TTL. */
static int64_t ping_interval(const struct config *config)
{
    int64_t bound_ms = config->policy.ttl_ms * 3 / 4;
    return config->refresh_on_pong && config->ping_interval_ms > bound_ms ? bound_ms
                                                                          : config->ping_interval_ms;
}

/* When to ping, or to give up. A phone may talk all the time, but only its pongs are heartbeats. */
static int64_t check_due(const struct client *c)
{
    const struct config *config = &c->server->config;
    if (config->ping_interval_ms == 0)
        return INT64_MAX;
    if (c->pinged_ms)
        return (c->heard_ms > c->pinged_ms ? c->heard_ms : c->pinged_ms) + config->pong_timeout_ms;
    return (client_beats_by_pong(c) ? c->ponged_ms : c->heard_ms) + ping_interval(config);
}

static int64_t next_due(const struct client *c)
{
    int64_t due_ms = check_due(c);
    due_ms = soonest(due_ms, c->expires_ms);
    due_ms = soonest(due_ms, c->release_ms);
    return c->watcher ? soonest(due_ms, watcher_stuck_at(c->server, c->watcher)) : due_ms;
}

void client_schedule(struct client *c)
{
    int64_t due_ms = next_due(c);
    if (due_ms != INT64_MAX && !c->closing)
        wheel_start(&c->server->wheel, &c->timer, due_ms);
}

static void give_up(struct client *c, struct metric *counter)
{
    metric_add(counter, 1);
    log_debug("client_given_up", LOG_T("reason", counter == &counters.viewers_stuck ? "stuck" : "no_pong"),
              LOG_T("peer", websocket_peer(c->ws)));
    c->closing = true;
    abandon_session(c);
    websocket_drop(c->ws);
}

static void check_alive(struct client *c, int64_t now_ms)
{
    if (now_ms < check_due(c))
        return;
    if (c->pinged_ms) {
        give_up(c, &counters.dropped_silent);
        return;
    }
    c->pinged_ms = now_ms;
    websocket_ping(c->ws);
}

static void on_timer(struct wheel_timer *timer, int64_t now_ms)
{
    struct client *c = list_entry(timer, struct client, timer);
    struct server *s = c->server;
    if (c->closing)
        return;
    if (c->expires_ms && now_ms >= c->expires_ms) {
        metric_add(&counters.closed_token, 1);
        client_close(s, c, CLOSE_TOKEN_EXPIRED, "Token expired", "token_expired");
        return;
    }
    if (c->release_ms && now_ms >= c->release_ms) {
        c->release_ms = 0;
        if (c->session)
            session_release(&s->ledger, c->session);
        store_dirty(s);
    }
    if (c->watcher && watcher_stuck_at(s, c->watcher) <= now_ms) {
        give_up(c, &counters.viewers_stuck);
        return;
    }
    check_alive(c, now_ms);
    client_schedule(c);
}

static void say_hello(struct client *c)
{
    struct server *s = c->server;
    bytes_auto frame = BYTES_INIT;
    message_write_hello(client_encoding(c), policy_heartbeat_interval(&s->config.policy),
                        s->config.policy.ttl_ms, clock_wall_ms(), span_of(s->node), &frame);
    websocket_write(c->ws, bytes_span(&frame));
}

struct session *client_open_session(struct server *s, const struct gate_request *request, void *owner)
{
    const struct token *t = &request->token;
    bytes_auto groups = BYTES_INIT;
    char made_up[24] = "auto-";
    struct span device = request->device;
    if (device.len == 0) {
        random_hex(made_up + 5, 12);
        device = span_of(made_up);
    }
    groups_write(t->groups, t->group_count, &groups);
    struct session *session = session_open(&s->ledger, (struct span){t->user, t->user_len}, device,
                                           bytes_span(&groups), owner, loop_now_ms(s->loop));
    store_dirty(s);
    return session;
}

/* That of its arrival, or a new one. */
static void take_session(struct client *c, const struct gate_request *request)
{
    struct server *s = c->server;
    c->session = s->entering ? s->entering : client_open_session(s, request, c);
    c->session->owner = c;
    s->entering = NULL;
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
    struct server *s = c->server;
    struct bearer b = {.token_id = span_of(c->token_id), .issued_s = c->issued_s};
    if (c->closing || s->revoker.list.by_name.count == 0)
        return;
    if (c->session) {
        b.user = session_user(c->session);
        b.device = session_device(c->session);
    } else if (c->watcher) {
        b.user = watcher_user(c->watcher);
        b.device = watcher_device(c->watcher);
    }
    if (b.user.len == 0 || !revocations_refuse(&s->revoker.list, &b, store_now(s)))
        return;
    metric_add(&counters.closed_revoked, 1);
    client_close(s, c, CLOSE_KICKED, "Token revoked", "revoked");
}

static void log_arrival(const struct client *c, const struct gate_request *request)
{
    struct span user = {request->token.user, request->token.user_len};
    if (c->role == ROLE_MOBILE)
        log_debug("client_connected", LOG_S("user", user), LOG_T("role", "mobile"),
                  LOG_S("device", request->device), LOG_T("peer", request->peer));
    else
        log_info("client_connected", LOG_T("msg", "WEB CLIENT registered"), LOG_S("user", user),
                 LOG_T("role", role_name(request->token.role)), LOG_T("peer", request->peer));
}

static void *on_opened(void *arg, struct websocket *ws, struct gate_request *request)
{
    struct server *s = arg;
    struct client *c = mem_zalloc(sizeof(*c));
    c->server = s;
    c->ws = ws;
    c->heard_ms = c->ponged_ms = loop_now_ms(s->loop);
    c->role = (uint8_t)request->token.role;
    c->encoding = (uint8_t)request->encoding;
    c->speaks_v1 = request->speaks_v1;
    c->expires_ms = token_expiry(&request->token);
    c->issued_s = request->token.issued_s < UINT32_MAX ? (uint32_t)request->token.issued_s : UINT32_MAX;
    c->token_id = *request->token.id ? mem_strdup(request->token.id) : NULL;
    list_append(&s->clients, &c->link);
    wheel_timer_init(&c->timer, on_timer);
    admission_add(s, request->peer);
    log_arrival(c, request);
    s->phones += c->role == ROLE_MOBILE;
    if (c->speaks_v1)
        say_hello(c);
    if (s->config.policy.enabled && c->role == ROLE_MOBILE)
        take_session(c, request);
    else if (s->config.policy.enabled)
        c->watcher = watcher_create(s, c, request);
    client_schedule(c);
    check_revoked(c); /* perhaps since the gate looked */
    return c;
}

void client_beat(struct client *c, struct span metadata)
{
    struct server *s = c->server;
    int64_t release_ms = session_beat(&s->ledger, c->session, metadata, loop_now_ms(s->loop));
    if (release_ms == 0) {
        store_dirty(s);
    } else if (c->release_ms == 0) {
        c->release_ms = release_ms;
        client_schedule(c);
    }
}

static void on_pong(void *owner)
{
    struct client *c = owner;
    c->heard_ms = c->ponged_ms = loop_now_ms(c->server->loop);
    c->pinged_ms = 0;
    if (client_beats_by_pong(c))
        client_beat(c, SPAN_NONE);
    client_schedule(c); /* the next ping may be due before this one's answer was */
}

static void on_writable(void *owner)
{
    struct client *c = owner;
    if (c->watcher)
        watcher_writable(c->server, c->watcher);
}

static void log_end(const struct client *c, enum websocket_end end)
{
    static const char *const by[] = {"peer", "server", "network"};
    log_debug("client_gone", LOG_S("user", c->session ? session_user(c->session) : SPAN_NONE),
              LOG_T("by", by[end]), LOG_T("peer", websocket_peer(c->ws)));
}

static void on_closed(void *owner, enum websocket_end end)
{
    struct client *c = owner;
    struct server *s = c->server;
    if (!c->closing) /* else it has been said why */
        log_end(c, end);
    c->closing = true;
    if (end == WEBSOCKET_DROPPED)
        abandon_session(c);
    else
        end_session(c, end == WEBSOCKET_PEER ? "disconnected" : "policy", end == WEBSOCKET_PEER);
    if (c->watcher)
        watcher_destroy(s, c->watcher);
    admission_remove(s, websocket_peer(c->ws));
    s->phones -= c->role == ROLE_MOBILE;
    wheel_stop(&s->wheel, &c->timer);
    list_remove(&c->link);
    inbox_drop(c);
    free(c->token_id);
    free(c);
}

const struct websocket_hooks client_hooks = {
    .opened = on_opened,
    .received = inbox_received,
    .pong = on_pong,
    .writable = on_writable,
    .closed = on_closed,
};

void client_kick(struct server *s, struct client *c)
{
    if (c->closing)
        return;
    metric_add(&counters.closed_kick, 1);
    client_close(s, c, CLOSE_KICKED, "Kicked", "kicked");
}

void clients_kick(struct server *s, struct span user, struct span device)
{
    size_t count = 0;
    for (struct session *at = ledger_user(&s->ledger, user); at; at = at->next)
        count++;
    struct client **kicked = mem_array(count + 1, sizeof(struct client *));
    count = 0;
    for (struct session *at = ledger_user(&s->ledger, user); at; at = at->next)
        if (at->owner && !at->arriving && (device.len == 0 || span_equal(device, session_device(at))))
            kicked[count++] = at->owner;
    for (size_t i = 0; i < count; i++)
        client_kick(s, kicked[i]);
    free(kicked);
    if (device.len == 0)
        watchers_kick(s, user);
}

void clients_check_revoked(struct server *s)
{
    struct list *at = s->clients.next;
    while (at != &s->clients) {
        struct client *c = list_entry(at, struct client, link);
        at = at->next;
        check_revoked(c);
    }
}

void clients_drain_begin(struct server *s)
{
    for (struct list *at = s->clients.next; at != &s->clients; at = at->next) {
        struct client *c = list_entry(at, struct client, link);
        if (!c->session)
            continue;
        session_drain(&s->ledger, c->session);
        abandon_session(c);
    }
    store_dirty(s);
}

size_t clients_drain(struct server *s, size_t most)
{
    struct list *at = s->clients.next;
    size_t left = 0;
    while (at != &s->clients) {
        struct client *c = list_entry(at, struct client, link);
        at = at->next;
        left++;
        if (c->closing || most == 0)
            continue;
        most--;
        client_close(s, c, CLOSE_RESTART, "Service restart", "disconnected");
    }
    return left;
}
