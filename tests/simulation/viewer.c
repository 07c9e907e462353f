/* SPDX-License-Identifier: MIT */
#include "viewer.h"

#include "base/mem.h"
#include "base/rng.h"
#include "installation.h"
#include "invariants.h"
#include "presence-sim/client.h"
#include "presence-sim/ws_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US    1000000
#define WHIM_US     40000000
#define STALL_US    20000000
#define MESSAGE_MAX (64u << 20)

struct viewer {
    struct viewer_config config;
    char *groups; /* the config's, its own */
    struct rng rng;
    struct sim_process *host;
    struct oracle *truth;
    struct view_checker view_checker;
    struct ws_reader reader;
    struct pipe *pipe;
    struct connect_request request;
    char name[24], since[100], epoch[64];
    uint64_t rev; /* all changes up to it are in the view */
    struct event *next, *ask;
    bool open, still;
    bool viewed; /* it has a view */
    bool whole;  /* this connection has told it, or that it is whole */
};

static void connect_now(struct viewer *v);

static void on_fault(void *arg, enum fault fault, struct span user, uint64_t rev, int64_t at_ms)
{
    struct viewer *v = arg;
    /* Of a set's change a viewer bound to groups hears with the revision of a former time. */
    if (fault == FAULT_REVISION && v->config.groups)
        return;
    simulation_fail("viewer %s: %s, %.*s at revision %llu (snapshot %llu)", v->name,
                    view_checker_fault_name(fault), (int)user.len, user.data, (unsigned long long)rev,
                    (unsigned long long)v->view_checker.base_rev);
}

static const struct view_checker_hooks view_checker_hooks = {.fault = on_fault};

static void take_state(struct viewer *v, const struct client_state *s)
{
    const struct change c = {.user = s->user,
                             .online = s->online,
                             .rev = s->rev,
                             .timestamp_ms = s->timestamp_ms,
                             .last_seen_ms = s->last_seen_ms,
                             .reason = s->reason};
    invariants.told++;
    simulation_trace("viewer %s is told: %.*s %s, revision %llu", v->name, (int)s->user.len, s->user.data,
                     s->online ? "online" : "offline", (unsigned long long)s->rev);
    view_checker_change(&v->view_checker, &c);
    if (!s->online && invariants.nobody_leaves)
        simulation_fail("viewer %s is told that %.*s is offline, and nobody leaves", v->name,
                        (int)s->user.len, s->user.data);
    if (s->rev > v->rev)
        v->rev = s->rev;
}

static void take_snapshot(struct viewer *v, const struct client_message *m)
{
    simulation_trace("viewer %s gets a snapshot of %zu at revision %llu", v->name, m->state_count,
                     (unsigned long long)m->rev);
    if (!span_equal(m->epoch, span_of(v->epoch)))
        view_checker_epoch(&v->view_checker);
    if (invariants.nobody_leaves && m->state_count < v->view_checker.online)
        simulation_fail("viewer %s gets a snapshot of %zu, and %zu were online", v->name, m->state_count,
                        v->view_checker.online);
    view_checker_snapshot_begin(&v->view_checker, m->rev, m->timestamp_ms);
    for (size_t i = 0; i < m->state_count; i++)
        view_checker_snapshot_user(&v->view_checker, m->states[i].user, m->states[i].online);
    view_checker_snapshot_end(&v->view_checker);
    v->rev = m->rev;
    v->viewed = v->whole = true;
    if (m->answers_since && (m->resumed || !m->refusal.len || !v->since[0]))
        simulation_fail("viewer %s gets a snapshot that answers what it did not ask", v->name);
    span_copy(m->epoch, v->epoch, sizeof(v->epoch));
}

static void take_resumed(struct viewer *v, const struct client_message *m)
{
    simulation_trace("viewer %s is whole at revision %llu", v->name, (unsigned long long)m->rev);
    if (!v->since[0] || !v->viewed || m->rev < v->rev)
        simulation_fail("viewer %s is told that it is whole at revision %llu, and knows %llu", v->name,
                        (unsigned long long)m->rev, (unsigned long long)v->rev);
    view_checker_resumed(&v->view_checker, m->rev);
    v->whole = true;
}

static void take(struct viewer *v, enum encoding encoding, struct span text)
{
    struct client_message m;
    if (client_read(encoding, text, &m) != MESSAGE_OK) {
        simulation_fail("viewer %s can't read a message", v->name);
        return;
    }
    if (m.type == MESSAGE_SNAPSHOT)
        take_snapshot(v, &m);
    else
        for (size_t i = 0; i < m.state_count; i++)
            take_state(v, &m.states[i]);
    if (m.type == MESSAGE_BATCH && m.resumed)
        take_resumed(v, &m);
    if (m.rev > v->rev) /* a batch leaves out what came to nothing, and says how far it reaches */
        v->rev = m.rev;
    client_message_finish(&m);
}

static void on_received(void *arg, struct span frames)
{
    struct viewer *v = arg;
    struct ws_event event;
    int result;
    while ((result = ws_reader_next(&v->reader, &frames, &event)) > 0)
        if (event.opcode == FRAME_TEXT || event.opcode == FRAME_BINARY)
            take(v, event.opcode == FRAME_TEXT ? ENCODING_JSON : ENCODING_MSGPACK, event.payload);
    if (result < 0)
        simulation_fail("viewer %s is sent a wrong frame (%d)", v->name, result);
}

/* A short message, that says nothing but "show me". */
static void on_ask(void *arg)
{
    struct viewer *v = arg;
    bytes_auto message = BYTES_INIT;
    const struct client_interest interest = {.batch = v->config.batch};
    v->ask = v->still ? NULL : simulation_after(v->config.asks_us, NULL, on_ask, v);
    if (!v->open)
        return;
    client_write_subscribe((enum encoding)v->config.encoding, &interest, &message);
    pipe_send(v->pipe, v->config.encoding == ENCODING_MSGPACK, bytes_span(&message));
}

static void on_opened(void *arg)
{
    struct viewer *v = arg;
    bytes_auto message = BYTES_INIT;
    v->open = true;
    if (!v->config.batch)
        return;
    struct client_interest interest = {.batch = true};
    if (v->since[0]) {
        interest.since_epoch = span_of(v->epoch);
        interest.since_rev = v->rev;
    }
    client_write_subscribe((enum encoding)v->config.encoding, &interest, &message);
    pipe_send(v->pipe, v->config.encoding == ENCODING_MSGPACK, bytes_span(&message));
}

static void on_retry(void *arg)
{
    struct viewer *v = arg;
    v->next = NULL;
    connect_now(v);
}

static void lost(struct viewer *v)
{
    v->pipe = NULL;
    v->open = false;
    simulation_cancel(v->next);
    v->next = simulation_after(20000 + (int64_t)rng_below(&v->rng, RETRY_US), NULL, on_retry, v);
}

static void on_refused(void *arg)
{
    lost(arg);
}

static void on_closed(void *arg, unsigned code)
{
    struct viewer *v = arg;
    simulation_trace("viewer %s is closed with %u", v->name, code);
    lost(v);
}

/* It goes and comes back, or stops reading for a while. */
static void on_whim(void *arg)
{
    struct viewer *v = arg;
    v->next = NULL;
    if (v->still)
        return;
    if (v->pipe && v->config.slow && rng_below(&v->rng, 2)) {
        simulation_trace("viewer %s reads nothing", v->name);
        pipe_stall(v->pipe, (int64_t)rng_below(&v->rng, STALL_US));
    } else if (v->pipe && rng_below(&v->rng, 2)) {
        simulation_trace("viewer %s goes", v->name);
        pipe_leave(v->pipe, rng_below(&v->rng, 2) ? LEAVE_CLOSE : LEAVE_DEAD);
        lost(v);
        return;
    }
    v->next = simulation_after((int64_t)rng_below(&v->rng, WHIM_US), NULL, on_whim, v);
}

static void connect_now(struct viewer *v)
{
    static const struct pipe_hooks hooks = {on_opened, on_refused, on_received, on_closed};
    struct sim_process *server = installation_random_server(&v->rng);
    if (!server) {
        v->next = simulation_after(RETRY_US, NULL, on_retry, v);
        return;
    }
    ws_reader_finish(&v->reader);
    v->reader = (struct ws_reader){.message_max = MESSAGE_MAX};
    v->since[0] = '\0';
    v->whole = false;
    if (v->config.resumes && v->epoch[0] && v->viewed)
        snprintf(v->since, sizeof(v->since), "%s:%llu", v->epoch, (unsigned long long)v->rev);
    if (!v->since[0]) { /* who says nothing of what it knows begins anew */
        view_checker_finish(&v->view_checker);
        view_checker_init(&v->view_checker, v->truth, &view_checker_hooks, v, 0);
        v->viewed = false;
    }
    v->request = (struct connect_request){.user = v->name,
                                          .device = "dashboard",
                                          .viewer = true,
                                          .encoding = v->config.encoding,
                                          .groups = v->config.groups,
                                          .ask_groups = v->config.ask_groups,
                                          .since = v->since};
    simulation_trace("viewer %s connects to %s, since %s", v->name, server->name, v->since);
    v->pipe = pipe_connect(v->host, server, &v->request, &hooks, v);
    v->next = v->still ? NULL : simulation_after((int64_t)rng_below(&v->rng, WHIM_US), NULL, on_whim, v);
}

struct viewer *viewer_create(const struct viewer_config *config, struct oracle *truth,
                             struct sim_process *host)
{
    struct viewer *v = mem_zalloc(sizeof(*v));
    v->config = *config;
    v->config.groups = v->groups = config->groups ? mem_strdup(config->groups) : NULL;
    v->truth = truth;
    snprintf(v->name, sizeof(v->name), "%s", config->name);
    v->host = host;
    rng_init(&v->rng, config->seed);
    view_checker_init(&v->view_checker, truth, &view_checker_hooks, v, 0);
    return v;
}

void viewer_begin_life(struct viewer *v)
{
    v->next = simulation_after((int64_t)rng_below(&v->rng, WHIM_US / 4), NULL, on_retry, v);
    if (v->config.asks_us > 0)
        v->ask = simulation_after(v->config.asks_us, NULL, on_ask, v);
}

void viewer_stand_still(struct viewer *v)
{
    v->still = true;
}

void viewer_destroy(struct viewer *v)
{
    simulation_cancel(v->next);
    simulation_cancel(v->ask);
    if (v->pipe)
        pipe_leave(v->pipe, LEAVE_DEAD);
    ws_reader_finish(&v->reader);
    view_checker_finish(&v->view_checker);
    free(v->groups);
    free(v);
}

const char *viewer_name(const struct viewer *v)
{
    return v->name;
}

const char *viewer_groups(const struct viewer *v)
{
    return v->config.ask_groups ? v->config.ask_groups : v->config.groups;
}

bool viewer_has_view(const struct viewer *v)
{
    return v->open && v->whole;
}

bool viewer_shows(const struct viewer *v, struct span user)
{
    return view_checker_shows_online(&v->view_checker, user);
}

size_t viewer_online(const struct viewer *v)
{
    return v->view_checker.online;
}

bool viewer_next_online(const struct viewer *v, size_t *at, struct span *ret_user)
{
    const struct view_entry *view_entry;
    while ((view_entry = map_next(&v->view_checker.view_entries, at)))
        if (view_entry->online) {
            *ret_user = span_of(view_entry->user);
            return true;
        }
    return false;
}
