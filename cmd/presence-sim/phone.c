/* SPDX-License-Identifier: MIT */
#include "phone.h"

#include "base/mem.h"
#include "base/rng.h"
#include "client.h"

#include <stdlib.h>
#include <string.h>

#define BEAT_MS          30000 /* guide */
#define CLOSING_MS       5000  /* the server's close frame is waited for so long */
#define BACKOFF_MS       200
#define BACKOFF_MAX_MS   5000
#define CLOSE_EXPIRED    4401
#define CLOSE_RESTART    1012
#define CLOSE_TRY_AGAIN  1013
#define CLOSE_GOING_AWAY 1001

/* One connection of a phone, and what it means for the oracle. A phone has one in use, and leaves others behind. */
struct link {
    struct list list; /* in left_behind, else alone */
    struct phone *phone;
    struct ws_client *client;
    struct oracle_session *session; /* NULL: its end was told */
    bool frozen;
};

static void on_link_opened(struct phone *p);
static void on_hello(struct phone *p, int64_t interval_ms);
static void on_link_ended(struct phone *p, enum ws_end end, int code);

static const char *const protocols[] = {"presence.v1.msgpack", "presence.v1.json", NULL};

static void link_record(struct phone *p, const char *event)
{
    struct recorder *r = &p->sim->recorder;
    recorder_begin(r, "phone", p->config.name, event);
    recorder_text(r, "user", span_of(p->config.user));
    recorder_end(r);
}

static void record_end(struct phone *p, const char *event, int code)
{
    struct recorder *r = &p->sim->recorder;
    recorder_begin(r, "phone", p->config.name, event);
    recorder_text(r, "user", span_of(p->config.user));
    recorder_number(r, "code", code);
    recorder_end(r);
}

static void link_free(struct link *l)
{
    list_remove(&l->list);
    if (l->phone->link == l)
        l->phone->link = NULL;
    free(l);
}

/* The session ends by the phone's own doing. */
static void link_left(struct link *l)
{
    if (l->session)
        oracle_left(l->session, sim_server_time(l->phone->sim));
    l->session = NULL;
}

/* Without hooks: the phone is told nothing. */
static void link_abort(struct link *l)
{
    link_left(l);
    ws_client_abort(l->client);
    link_free(l);
}

static void link_drop(struct link *l)
{
    link_left(l);
    ws_client_drop(l->client);
    link_free(l);
}

static void on_opened(void *arg, struct span protocol)
{
    struct link *l = arg;
    l->phone->sim->counters.opened++;
    l->phone->opened++;
    oracle_opened(l->session, sim_server_time(l->phone->sim));
    if (l->phone->link == l)
        on_link_opened(l->phone);
}

static void on_message(void *arg, struct span data, bool binary)
{
    struct link *l = arg;
    enum encoding encoding = binary ? ENCODING_MSGPACK : ENCODING_JSON;
    struct client_message m;
    int64_t type;
    if (message_peek_type(encoding, data, true, &type) != MESSAGE_OK)
        return;
    if (!message_is_presence(type) && l->phone->message && l->phone->link == l)
        l->phone->message(l->phone->message_arg, l->phone, data);
    if (type != MESSAGE_HELLO || client_read(encoding, data, &m))
        return;
    sim_hello(l->phone->sim, &m);
    if (l->phone->link == l)
        on_hello(l->phone, m.heartbeat_interval_ms);
    client_message_finish(&m);
}

/* What the end means for the session (KEYS.md). */
static void tell_oracle(struct link *l, enum ws_end end, int code)
{
    int64_t now = sim_server_time(l->phone->sim);
    if (!l->session)
        return;
    if (end == WS_END_UNREACHABLE || (end == WS_END_REFUSED && code))
        oracle_refused(l->session);
    else if (end == WS_END_CLOSED && (code == CLOSE_GOING_AWAY || code == CLOSE_RESTART))
        oracle_drained(l->session, now);
    else if (end == WS_END_CLOSED)
        oracle_ended(l->session, now);
    else if (end == WS_END_BROKEN)
        oracle_left(l->session, now);
    else
        oracle_lost(l->session, now);
    l->session = NULL;
}

static void count_end(struct counters *c, enum ws_end end)
{
    switch (end) {
    case WS_END_UNREACHABLE: c->unreachable++; break;
    case WS_END_REFUSED: c->refused++; break;
    case WS_END_CLOSED: c->closed_by_server++; break;
    case WS_END_LOST: c->lost++; break;
    case WS_END_BROKEN: c->broken++; break;
    }
}

static void on_closed(void *arg, enum ws_end end, int code, struct span reason)
{
    static const char *const events[] = {"unreachable", "refused", "closed", "lost", "broken"};
    struct link *l = arg;
    struct phone *p = l->phone;
    bool in_use = p->link == l, own = !l->session;
    tell_oracle(l, end, code);
    link_free(l);
    if (!own)
        count_end(&p->sim->counters, end);
    record_end(p, events[end], code);
    if (in_use)
        on_link_ended(p, end, code);
}

static const struct ws_client_hooks hooks = {.opened = on_opened, .message = on_message, .closed = on_closed};

/* 0, or a negative errno: then there is no link, and phone->link is NULL. */
static int link_open(struct phone *p)
{
    const struct phone_config *c = &p->config;
    const char *role = c->role ? c->role : "mobile";
    struct link *l = mem_zalloc(sizeof(*l));
    bytes_auto token = BYTES_INIT, query = BYTES_INIT;
    list_init(&l->list);
    l->phone = p;
    if (p->sim->options->auth_none)
        bytes_printf(&query, "role=%s", role);
    int result = sim_token(p->sim, c->user, role, c->groups, &token);
    const struct ws_request request = {.token = bytes_text(&token),
                                       .device = c->device,
                                       .protocols = protocols[c->encoding],
                                       .query = bytes_text(&query)};
    if (!result)
        result = ws_client_open(p->sim->pool, &c->servers[p->server]->target, sim_source(p->sim), &request,
                                &hooks, l, &l->client);
    p->sim->counters.connects++;
    if (result) {
        free(l);
        return result;
    }
    l->session =
        oracle_connecting(&p->sim->truth, span_of(c->user), span_of(c->device), sim_server_time(p->sim));
    p->link = l;
    return 0;
}

static void on_beat(struct wheel_timer *timer, int64_t now_ms);
static void on_retry(struct wheel_timer *timer, int64_t now_ms);

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

struct phone *phone_create(struct sim *sim, const struct phone_config *config)
{
    struct phone *p = mem_zalloc(sizeof(*p));
    struct phone_config *c = &p->config;
    p->sim = sim;
    *c = *config;
    c->name = mem_strdup(config->name);
    c->user = mem_strdup(config->user);
    c->device = mem_strdup(config->device ? config->device : config->name);
    c->groups = copy(config->groups);
    c->role = copy(config->role);
    struct server **servers = mem_array(config->server_count, sizeof(*servers));
    memcpy(servers, config->servers, config->server_count * sizeof(*servers));
    c->servers = servers;
    rng_init(&p->rng, config->seed);
    list_init(&p->left_behind);
    wheel_timer_init(&p->beat, on_beat);
    wheel_timer_init(&p->retry, on_retry);
    sim_person(sim, c->user, c->groups);
    return p;
}

void phone_destroy(struct phone *p)
{
    sim_stop(p->sim, &p->beat);
    sim_stop(p->sim, &p->retry);
    phone_forget(p);
    if (p->link)
        link_drop(p->link);
    free((void *)p->config.name);
    free((void *)p->config.user);
    free((void *)p->config.device);
    free((void *)p->config.groups);
    free((void *)p->config.role);
    free((void *)p->config.servers);
    free(p);
}

static void set_state(struct phone *p, enum phone_state state)
{
    p->state = state;
    if (p->config.changed)
        p->config.changed(p->config.arg, p);
    sim_news(p->sim);
}

static void next_server(struct phone *p)
{
    p->server = (p->server + 1) % p->config.server_count;
}

/* Capped exponential backoff with full jitter. */
static void try_again_later(struct phone *p)
{
    int64_t most = (int64_t)BACKOFF_MS << (p->attempts < 8 ? p->attempts : 8);
    p->attempts++;
    if (most > BACKOFF_MAX_MS)
        most = BACKOFF_MAX_MS;
    next_server(p);
    sim_start(p->sim, &p->retry, (int64_t)rng_below(&p->rng, (uint64_t)most));
}

void phone_connect(struct phone *p)
{
    if (p->state != PHONE_OFF)
        return;
    struct recorder *r = &p->sim->recorder;
    recorder_begin(r, "phone", p->config.name, "connecting");
    recorder_text(r, "user", span_of(p->config.user));
    recorder_text(r, "server", span_of(p->config.servers[p->server]->name));
    recorder_end(r);
    int result = link_open(p);
    if (result) {
        p->sim->counters.unreachable++;
        on_link_ended(p, WS_END_UNREACHABLE, -result);
        return;
    }
    sim_start(p->sim, &p->retry, p->sim->options->connect_timeout_ms);
    set_state(p, PHONE_CONNECTING);
}

static int64_t beat_interval(const struct phone *p)
{
    if (p->config.beat_ms)
        return p->config.beat_ms;
    return p->hello_beat_ms > 0 ? p->hello_beat_ms : BEAT_MS;
}

static void schedule_beat(struct phone *p)
{
    if (p->config.beat_ms >= 0)
        sim_start(p->sim, &p->beat, beat_interval(p));
}

static void on_link_opened(struct phone *p)
{
    sim_stop(p->sim, &p->retry);
    p->attempts = 0;
    link_record(p, "opened");
    schedule_beat(p);
    set_state(p, PHONE_OPEN);
}

static void on_hello(struct phone *p, int64_t interval_ms)
{
    if (p->hello_beat_ms == interval_ms)
        return; /* said again for another reason: the beat keeps its time */
    p->hello_beat_ms = interval_ms;
    schedule_beat(p);
}

/* A refusal that will be repeated, or a broken rule, is no reason to come back. */
static bool comes_back(const struct phone *p, enum ws_end end, int code)
{
    if (!p->config.reconnect || p->state == PHONE_CLOSING || p->sim->ended)
        return false;
    if (end == WS_END_REFUSED)
        return !code || code == 429 || code >= 500;
    if (end == WS_END_CLOSED)
        return code == CLOSE_GOING_AWAY || code == CLOSE_RESTART || code == CLOSE_TRY_AGAIN ||
               code == CLOSE_EXPIRED || code == 1005;
    return end != WS_END_BROKEN;
}

static void on_link_ended(struct phone *p, enum ws_end end, int code)
{
    bool again = comes_back(p, end, code);
    p->has_ended = true;
    p->end = end;
    p->end_code = code;
    sim_stop(p->sim, &p->beat);
    sim_stop(p->sim, &p->retry);
    if (again)
        try_again_later(p);
    set_state(p, PHONE_OFF);
}

/* Whether the server has a session of it by now, nobody here can know. */
static void give_up_connecting(struct phone *p)
{
    p->sim->counters.timeouts++;
    link_record(p, "timeout");
    oracle_lost(p->link->session, sim_server_time(p->sim));
    p->link->session = NULL;
    link_abort(p->link);
    on_link_ended(p, WS_END_UNREACHABLE, 0);
}

static void on_retry(struct wheel_timer *timer, int64_t now_ms)
{
    struct phone *p = list_entry(timer, struct phone, retry);
    switch (p->state) {
    case PHONE_OFF: phone_connect(p); break;
    case PHONE_CONNECTING: give_up_connecting(p); break;
    case PHONE_OPEN: break;
    case PHONE_CLOSING: link_abort(p->link); set_state(p, PHONE_OFF);
    }
}

int phone_send(struct phone *p, struct span payload, bool binary)
{
    return p->state == PHONE_OPEN ? ws_client_send(p->link->client, payload, binary) : -1;
}

void phone_on_message(struct phone *p, void (*message)(void *arg, struct phone *phone, struct span data),
                      void *arg)
{
    p->message = message;
    p->message_arg = arg;
}

int phone_beat(struct phone *p)
{
    bool json = p->config.encoding == SIM_JSON;
    bytes_auto message = BYTES_INIT;
    if (p->state != PHONE_OPEN || p->link->frozen)
        return -1;
    client_write_heartbeat(json ? ENCODING_JSON : ENCODING_MSGPACK, span_of(p->config.user), sim_wall(),
                           SPAN_NONE, &message);
    if (phone_send(p, bytes_span(&message), !json))
        return -1;
    p->sim->counters.beats++;
    /* A half-closed connection carries nothing any more. */
    if (p->link->session)
        oracle_beat(p->link->session, sim_server_time(p->sim));
    link_record(p, "beat");
    return 0;
}

static void on_beat(struct wheel_timer *timer, int64_t now_ms)
{
    struct phone *p = list_entry(timer, struct phone, beat);
    if (!p->silent)
        phone_beat(p);
    schedule_beat(p);
}

void phone_set_silent(struct phone *p, bool silent)
{
    p->silent = silent;
    link_record(p, silent ? "silent" : "speaks");
}

/* Common to all ways to leave: -1 without a connection. */
static int leave(struct phone *p, const char *event)
{
    sim_stop(p->sim, &p->retry);
    p->attempts = 0;
    if (!p->link)
        return -1;
    sim_stop(p->sim, &p->beat);
    link_record(p, event);
    return 0;
}

void phone_close(struct phone *p)
{
    if (p->state == PHONE_CONNECTING || phone_frozen(p)) {
        phone_abort(p);
        return;
    }
    if (leave(p, "close") || p->state == PHONE_CLOSING)
        return;
    link_left(p->link);
    ws_client_close(p->link->client, 1000, "");
    sim_start(p->sim, &p->retry, CLOSING_MS);
    set_state(p, PHONE_CLOSING);
}

void phone_drop(struct phone *p)
{
    if (leave(p, "drop"))
        return;
    link_drop(p->link);
    set_state(p, PHONE_OFF);
}

void phone_abort(struct phone *p)
{
    if (leave(p, "abort"))
        return;
    link_abort(p->link);
    set_state(p, PHONE_OFF);
}

void phone_half_close(struct phone *p)
{
    if (leave(p, "half-close"))
        return;
    link_left(p->link);
    ws_client_half_close(p->link->client);
    set_state(p, PHONE_CLOSING);
}

bool phone_frozen(const struct phone *p)
{
    return p->link && p->link->frozen;
}

void phone_freeze(struct phone *p)
{
    if (!p->link || p->link->frozen)
        return;
    p->link->frozen = true;
    ws_client_freeze(p->link->client);
    link_record(p, "freeze");
}

void phone_thaw(struct phone *p)
{
    if (!phone_frozen(p))
        return;
    p->link->frozen = false;
    link_record(p, "thaw");
    ws_client_thaw(p->link->client);
}

static void choose_server(struct phone *p, struct server *server)
{
    for (size_t i = 0; server && i < p->config.server_count; i++)
        if (p->config.servers[i] == server) {
            p->server = i;
            return;
        }
    next_server(p);
}

void phone_roam(struct phone *p, struct server *server)
{
    phone_freeze(p);
    if (p->link)
        list_append(&p->left_behind, &p->link->list);
    p->link = NULL;
    sim_stop(p->sim, &p->beat);
    sim_stop(p->sim, &p->retry);
    p->state = PHONE_OFF;
    choose_server(p, server);
    link_record(p, "roam");
    phone_connect(p);
}

void phone_forget(struct phone *p)
{
    while (!list_empty(&p->left_behind))
        link_abort(list_entry(p->left_behind.next, struct link, list));
}
