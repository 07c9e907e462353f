/* SPDX-License-Identifier: MIT */
#include "dashboard.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS     100
#define BACKOFF_MAX_MS 2000
#define LIST_MAX       4096

static const char *const protocols[] = {"presence.v1.msgpack", "presence.v1.json", NULL};

static void on_retry(struct wheel_timer *timer, int64_t now_ms);

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static bool list_has(const char *list, struct span word)
{
    struct span rest = span_of(list);
    while (rest.len)
        if (span_equal(span_split(&rest, ','), word))
            return true;
    return false;
}

static bool in_groups(const struct person *p, const char *list)
{
    for (size_t i = 0; p && i < p->group_count; i++)
        if (list_has(list, span_of(p->groups[i])))
            return true;
    return false;
}

/* As PROTOCOL.md says, the claim bounds what is seen, the interest narrows it. */
static bool covers(void *arg, struct span user)
{
    const struct dashboard *d = arg;
    const struct dashboard_config *c = &d->config;
    const struct person *p = map_get(&d->sim->people, user);
    if (c->groups && !in_groups(p, c->groups))
        return false;
    if (!c->watch_groups && !c->watch_users)
        return true;
    return (c->watch_users && list_has(c->watch_users, user)) ||
           (c->watch_groups && in_groups(p, c->watch_groups));
}

static void on_fault(void *arg, enum fault fault, struct span user, uint64_t rev, int64_t at_ms)
{
    struct dashboard *d = arg;
    sim_fault(d->sim, d->config.name, fault, user, rev, at_ms);
}

static void on_shown(void *arg, const struct view_entry *view_entry)
{
    struct dashboard *d = arg;
    if (d->config.shown)
        d->config.shown(d->config.arg, d, view_entry);
}

static const struct view_checker_hooks view_checker_hooks = {
    .fault = on_fault, .shown = on_shown, .covers = covers};

struct dashboard *dashboard_create(struct sim *sim, const struct dashboard_config *config)
{
    struct dashboard *d = mem_zalloc(sizeof(*d));
    struct dashboard_config *c = &d->config;
    d->sim = sim;
    *c = *config;
    c->name = mem_strdup(config->name);
    c->user = mem_strdup(config->user ? config->user : config->name);
    c->role = mem_strdup(config->role ? config->role : "dashboard");
    c->groups = copy(config->groups);
    c->watch_groups = copy(config->watch_groups);
    c->watch_users = copy(config->watch_users);
    struct server **servers = mem_array(config->server_count, sizeof(*servers));
    memcpy(servers, config->servers, config->server_count * sizeof(*servers));
    c->servers = servers;
    rng_init(&d->rng, config->seed);
    wheel_timer_init(&d->retry, on_retry);
    view_checker_init(&d->view_checker, &sim->truth, &view_checker_hooks, d, sim->options->late_ms);
    return d;
}

void dashboard_destroy(struct dashboard *d)
{
    sim_stop(d->sim, &d->retry);
    if (d->client)
        ws_client_drop(d->client);
    view_checker_finish(&d->view_checker);
    free((void *)d->config.name);
    free((void *)d->config.user);
    free((void *)d->config.role);
    free((void *)d->config.groups);
    free((void *)d->config.watch_groups);
    free((void *)d->config.watch_users);
    free((void *)d->config.servers);
    free(d);
}

static void record(struct dashboard *d, const char *event, int code)
{
    struct recorder *r = &d->sim->recorder;
    recorder_begin(r, "dashboard", d->config.name, event);
    recorder_number(r, "code", code);
    recorder_end(r);
}

static void set_state(struct dashboard *d, enum dashboard_state state)
{
    d->state = state;
    if (d->config.changed)
        d->config.changed(d->config.arg, d);
    sim_news(d->sim);
}

static void append_parameter(struct bytes *query, const char *name, const char *value)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~,:";
    if (!value)
        return;
    bytes_printf(query, "%s%s=", query->len ? "&" : "", name);
    for (const char *at = value; *at; at++)
        if (strchr(plain, *at))
            bytes_append_char(query, *at);
        else
            bytes_printf(query, "%%%02X", (unsigned char)*at);
}

static void write_query(struct dashboard *d, struct bytes *query)
{
    bytes_auto since = BYTES_INIT;
    if (d->sim->options->auth_none)
        append_parameter(query, "role", d->config.role);
    append_parameter(query, "groups", d->config.watch_groups);
    append_parameter(query, "users", d->config.watch_users);
    d->resumed = false;
    if (!d->config.resume || !d->epoch[0])
        return;
    bytes_printf(&since, "%s:%llu", d->epoch, (unsigned long long)d->rev);
    append_parameter(query, "since", bytes_text(&since));
}

static enum encoding encoding_of(const struct dashboard *d)
{
    return d->config.encoding == SIM_JSON ? ENCODING_JSON : ENCODING_MSGPACK;
}

/* The interest stands in the URL already; only `batch` has no place there. */
static void ask_for_batches(struct dashboard *d)
{
    const struct client_interest interest = {.batch = true};
    bytes_auto message = BYTES_INIT;
    client_write_subscribe(encoding_of(d), &interest, &message);
    dashboard_send(d, bytes_span(&message), d->config.encoding != SIM_JSON);
}

static void on_opened(void *arg, struct span protocol)
{
    struct dashboard *d = arg;
    sim_stop(d->sim, &d->retry);
    d->sim->counters.opened++;
    d->snapshots_at_open = d->view_checker.snapshots;
    record(d, "opened", 101);
    if (d->config.batch)
        ask_for_batches(d);
    set_state(d, DASHBOARD_OPEN);
}

static void record_change(struct dashboard *d, const struct client_state *s)
{
    struct recorder *r = &d->sim->recorder;
    recorder_begin(r, "dashboard", d->config.name, "told");
    recorder_text(r, "user", s->user);
    recorder_bool(r, "online", s->online);
    recorder_number(r, "rev", (int64_t)s->rev);
    recorder_number(r, "timestamp", s->timestamp_ms);
    recorder_text(r, "reason", s->reason);
    recorder_end(r);
}

static void on_changes(struct dashboard *d, const struct client_message *m)
{
    for (size_t i = 0; i < m->state_count; i++) {
        const struct client_state *s = &m->states[i];
        const struct change change = {.user = s->user,
                                      .online = s->online,
                                      .rev = s->rev,
                                      .timestamp_ms = s->timestamp_ms,
                                      .last_seen_ms = s->last_seen_ms,
                                      .device = s->device,
                                      .reason = s->reason};
        record_change(d, s);
        view_checker_change(&d->view_checker, &change);
        if (s->rev > d->rev)
            d->rev = s->rev;
    }
    if (m->rev > d->rev)
        d->rev = m->rev;
}

/* All that it missed was told. */
static void on_resumed(struct dashboard *d, const struct client_message *m)
{
    struct recorder *r = &d->sim->recorder;
    recorder_begin(r, "dashboard", d->config.name, "resumed");
    recorder_number(r, "rev", (int64_t)m->rev);
    recorder_end(r);
    view_checker_resumed(&d->view_checker, m->rev);
    d->resumed = true;
    d->attempts = 0;
}

static void on_snapshot(struct dashboard *d, const struct client_message *m)
{
    struct recorder *r = &d->sim->recorder;
    recorder_begin(r, "dashboard", d->config.name, "snapshot");
    recorder_number(r, "users", (int64_t)m->state_count);
    recorder_number(r, "rev", (int64_t)m->rev);
    recorder_number(r, "timestamp", m->timestamp_ms);
    recorder_end(r);
    if (!span_equal(m->epoch, span_of(d->epoch)))
        view_checker_epoch(&d->view_checker);
    view_checker_snapshot_begin(&d->view_checker, m->rev, m->timestamp_ms);
    for (size_t i = 0; i < m->state_count; i++)
        view_checker_snapshot_user(&d->view_checker, m->states[i].user, m->states[i].online);
    view_checker_snapshot_end(&d->view_checker);
    d->rev = m->rev;
    d->attempts = 0;
    if (span_copy(m->epoch, d->epoch, sizeof(d->epoch)))
        d->epoch[0] = '\0';
}

static void on_hello(struct dashboard *d, const struct client_message *m)
{
    bool lost = span_equal(m->store, SPAN("lost"));
    sim_hello(d->sim, m);
    d->store_turned = lost != d->store_lost;
    if (d->store_turned)
        record(d, lost ? "store lost" : "store back", 0);
    d->store_lost = lost;
}

static void on_message(void *arg, struct span data, bool binary)
{
    struct dashboard *d = arg;
    struct client_message m;
    d->messages++;
    d->bytes += data.len;
    if (d->config.raw && d->config.raw(d->config.arg, d, data, binary))
        return;
    if (client_read(binary ? ENCODING_MSGPACK : ENCODING_JSON, data, &m)) {
        record(d, "unreadable", 0);
        d->sim->counters.broken++;
        return;
    }
    if (m.type == MESSAGE_HELLO)
        on_hello(d, &m);
    else if (m.type == MESSAGE_SNAPSHOT)
        on_snapshot(d, &m);
    else
        on_changes(d, &m);
    if (m.type == MESSAGE_BATCH && m.resumed)
        on_resumed(d, &m);
    if (d->config.told)
        d->config.told(d->config.arg, d, &m);
    client_message_finish(&m);
    sim_news(d->sim);
}

static void try_again_later(struct dashboard *d)
{
    int64_t most = (int64_t)BACKOFF_MS << (d->attempts < 8 ? d->attempts : 8);
    d->attempts++;
    if (most > BACKOFF_MAX_MS)
        most = BACKOFF_MAX_MS;
    d->server = (d->server + 1) % d->config.server_count;
    sim_start(d->sim, &d->retry, 1 + (int64_t)rng_below(&d->rng, (uint64_t)most));
}

/* Refusals by role, token or origin repeat themselves. */
static bool hopeless(enum ws_end end, int code)
{
    return (end == WS_END_REFUSED && code >= 400 && code < 500 && code != 429) ||
           (end == WS_END_CLOSED && code == 1008);
}

static void ended(struct dashboard *d, enum ws_end end, int code)
{
    d->client = NULL;
    d->has_ended = true;
    d->end = end;
    d->end_code = code;
    sim_stop(d->sim, &d->retry);
    if (hopeless(end, code))
        d->stopped = true;
    if (!d->stopped && !d->sim->ended)
        try_again_later(d);
    set_state(d, DASHBOARD_OFF);
}

static void on_closed(void *arg, enum ws_end end, int code, struct span reason)
{
    static const char *const events[] = {"unreachable", "refused", "closed", "lost", "broken"};
    struct dashboard *d = arg;
    struct counters *c = &d->sim->counters;
    if (!d->stopped) {
        c->unreachable += end == WS_END_UNREACHABLE;
        c->refused += end == WS_END_REFUSED;
        c->closed_by_server += end == WS_END_CLOSED;
        c->lost += end == WS_END_LOST;
        c->broken += end == WS_END_BROKEN;
    }
    record(d, events[end], code);
    ended(d, end, code);
}

static const struct ws_client_hooks hooks = {.opened = on_opened, .message = on_message, .closed = on_closed};

static int open_client(struct dashboard *d)
{
    const struct dashboard_config *c = &d->config;
    bytes_auto token = BYTES_INIT, query = BYTES_INIT;
    if (sim_token(d->sim, c->user, c->role, c->groups, &token))
        return -1;
    write_query(d, &query);
    const struct ws_request request = {.token = bytes_text(&token),
                                       .device = c->name,
                                       .protocols = protocols[c->encoding],
                                       .query = bytes_text(&query)};
    return ws_client_open(d->sim->pool, &c->servers[d->server]->target, sim_source(d->sim), &request, &hooks,
                          d, &d->client);
}

void dashboard_connect(struct dashboard *d)
{
    if (d->state != DASHBOARD_OFF)
        return;
    d->stopped = false;
    d->sim->counters.connects++;
    record(d, "connecting", 0);
    int result = open_client(d);
    if (result) {
        d->sim->counters.unreachable++;
        ended(d, WS_END_UNREACHABLE, -result);
        return;
    }
    sim_start(d->sim, &d->retry, d->sim->options->connect_timeout_ms);
    set_state(d, DASHBOARD_CONNECTING);
}

static void on_retry(struct wheel_timer *timer, int64_t now_ms)
{
    struct dashboard *d = list_entry(timer, struct dashboard, retry);
    if (d->state == DASHBOARD_OFF) {
        dashboard_connect(d);
        return;
    }
    d->sim->counters.timeouts++;
    record(d, "timeout", 0);
    ws_client_abort(d->client);
    ended(d, WS_END_UNREACHABLE, 0);
}

void dashboard_close(struct dashboard *d)
{
    d->stopped = true;
    sim_stop(d->sim, &d->retry);
    if (d->state == DASHBOARD_OPEN)
        ws_client_close(d->client, 1000, "");
    else
        dashboard_abort(d);
}

void dashboard_abort(struct dashboard *d)
{
    d->stopped = true;
    sim_stop(d->sim, &d->retry);
    if (!d->client)
        return;
    record(d, "abort", 0);
    ws_client_abort(d->client);
    d->client = NULL;
    set_state(d, DASHBOARD_OFF);
}

void dashboard_freeze(struct dashboard *d)
{
    if (d->client)
        ws_client_freeze(d->client);
}

void dashboard_thaw(struct dashboard *d)
{
    if (d->client)
        ws_client_thaw(d->client);
}

bool dashboard_ready(const struct dashboard *d)
{
    return d->state == DASHBOARD_OPEN && (d->resumed || d->view_checker.snapshots > d->snapshots_at_open);
}

int dashboard_send(struct dashboard *d, struct span payload, bool binary)
{
    return d->client ? ws_client_send(d->client, payload, binary) : -1;
}
