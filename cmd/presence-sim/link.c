#include "link.h"

#include "base/mem.h"
#include "wire/client.h"

#include <stdlib.h>

#define CLOSE_GOING_AWAY      1001
#define CLOSE_SERVICE_RESTART 1012

static const char *const protocols[] = {"presence.v1.msgpack", "presence.v1.json", NULL};

void link_record(struct phone *p, const char *event)
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

void link_left(struct link *l)
{
    if (l->session)
        truth_left(l->session, sim_server_time(l->phone->sim));
    l->session = NULL;
}

void link_abort(struct link *l)
{
    link_left(l);
    ws_client_abort(l->client);
    link_free(l);
}

void link_drop(struct link *l)
{
    link_left(l);
    ws_client_drop(l->client);
    link_free(l);
}

static void on_opened(void *arg, struct span protocol)
{
    struct link *l = arg;

    l->phone->sim->counters.opened++;
    truth_opened(l->session, sim_server_time(l->phone->sim));
    if (l->phone->link == l)
        phone_link_opened(l->phone);
}

static void on_message(void *arg, struct span data, bool binary)
{
    struct link *l = arg;
    enum encoding encoding = binary ? ENCODING_MSGPACK : ENCODING_JSON;
    struct client_message m;
    int64_t type;
    uint64_t id;

    if (client_peek(encoding, data, &type, &id) || type != MESSAGE_HELLO || client_read(encoding, data, &m))
        return;
    sim_hello(l->phone->sim, m.timestamp_ms, m.ttl_ms);
    if (l->phone->link == l)
        phone_hello(l->phone, m.heartbeat_interval_ms);
    client_message_finish(&m);
}

/* What the end means for the session (contract section 4). */
static void tell_truth(struct link *l, enum ws_end end, int code)
{
    int64_t now = sim_server_time(l->phone->sim);

    if (!l->session)
        return;
    if (end == WS_END_UNREACHABLE || (end == WS_END_REFUSED && code))
        truth_refused(l->session);
    else if (end == WS_END_CLOSED && (code == CLOSE_GOING_AWAY || code == CLOSE_SERVICE_RESTART))
        truth_drained(l->session, now);
    else if (end == WS_END_CLOSED)
        truth_ended(l->session, now);
    else if (end == WS_END_BROKEN)
        truth_left(l->session, now);
    else
        truth_lost(l->session, now);
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

    tell_truth(l, end, code);
    link_free(l);
    if (!own)
        count_end(&p->sim->counters, end);
    record_end(p, events[end], code);
    if (in_use)
        phone_link_ended(p, end, code);
}

static const struct ws_client_hooks hooks = {.opened = on_opened, .message = on_message, .closed = on_closed};

int link_open(struct phone *p)
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
        truth_connecting(&p->sim->truth, span_of(c->user), span_of(c->device), sim_server_time(p->sim));
    p->link = l;
    return 0;
}
