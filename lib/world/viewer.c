#include "world/viewer.h"

#include "base/mem.h"
#include "net/ws_frame.h"
#include "wire/client.h"
#include "world/judge.h"
#include "world/phone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US    1000000
#define WHIM_US     40000000
#define STALL_US    20000000
#define MESSAGE_MAX (64u << 20)

struct watching {
    struct viewer_config config;
    struct rng rng;
    struct process *host;
    struct truth *truth;
    struct witness witness;
    struct ws_reader reader;
    struct pipe *pipe;
    struct knock knock;
    char name[24], since[100], epoch[64];
    uint64_t rev; /* all changes up to it are in the view */
    struct event *next;
    bool open, still, viewed; /* viewed: this connection has told the view */
};

static void connect_now(struct watching *v);

static void on_fault(void *arg, enum fault fault, struct span user, uint64_t rev, int64_t at_ms)
{
    struct watching *v = arg;
    /* Of a set's change a viewer bound to groups hears with the revision of a former time. */
    if (fault == FAULT_REVISION && v->config.groups)
        return;
    judge_fail("viewer %s: %s, %.*s at revision %llu (snapshot %llu)", v->name, fault_name(fault),
               (int)user.len, user.data, (unsigned long long)rev, (unsigned long long)v->witness.base_rev);
}

static const struct witness_hooks witness_hooks = {.fault = on_fault};

static void take_state(struct watching *v, const struct client_state *s)
{
    const struct change c = {.user = s->user,
                             .online = s->online,
                             .rev = s->rev,
                             .timestamp_ms = s->timestamp_ms,
                             .last_seen_ms = s->last_seen_ms,
                             .reason = s->reason};
    judge.told++;
    world_tell("viewer %s is told: %.*s %s, revision %llu", v->name, (int)s->user.len, s->user.data,
               s->online ? "online" : "offline", (unsigned long long)s->rev);
    witness_change(&v->witness, &c);
    if (s->rev > v->rev)
        v->rev = s->rev;
}

static void take_snapshot(struct watching *v, const struct client_message *m)
{
    world_tell("viewer %s gets a snapshot of %zu at revision %llu", v->name, m->state_count,
               (unsigned long long)m->rev);
    if (!span_equal(m->epoch, span_of(v->epoch)))
        witness_epoch(&v->witness);
    witness_snapshot_begin(&v->witness, m->rev, m->timestamp_ms);
    for (size_t i = 0; i < m->state_count; i++)
        witness_snapshot_user(&v->witness, m->states[i].user, m->states[i].online);
    witness_snapshot_end(&v->witness);
    v->rev = m->rev;
    v->viewed = true;
    span_copy(m->epoch, v->epoch, sizeof(v->epoch));
}

static void take(struct watching *v, enum encoding encoding, struct span text)
{
    struct client_message m;
    if (client_read(encoding, text, &m) != MESSAGE_OK) {
        judge_fail("viewer %s can't read a message", v->name);
        return;
    }
    if (m.type == MESSAGE_SNAPSHOT)
        take_snapshot(v, &m);
    else
        for (size_t i = 0; i < m.state_count; i++)
            take_state(v, &m.states[i]);
    if (m.rev > v->rev) /* a batch leaves out what came to nothing, and says how far it reaches */
        v->rev = m.rev;
    client_message_finish(&m);
}

static void on_received(void *arg, struct span frames)
{
    struct watching *v = arg;
    struct ws_event event;
    int result;
    while ((result = ws_reader_next(&v->reader, &frames, &event)) > 0)
        if (event.opcode == WS_TEXT || event.opcode == WS_BINARY)
            take(v, event.opcode == WS_TEXT ? ENCODING_JSON : ENCODING_MSGPACK, event.payload);
    if (result < 0)
        judge_fail("viewer %s is sent a wrong frame (%d)", v->name, result);
}

static void on_opened(void *arg)
{
    struct watching *v = arg;
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
    struct watching *v = arg;
    v->next = NULL;
    connect_now(v);
}

static void lost(struct watching *v)
{
    v->pipe = NULL;
    v->open = false;
    world_cancel(v->next);
    v->next = world_after(20000 + (int64_t)rng_below(&v->rng, RETRY_US), NULL, on_retry, v);
}

static void on_refused(void *arg)
{
    lost(arg);
}

static void on_closed(void *arg, unsigned code)
{
    struct watching *v = arg;
    world_tell("viewer %s is closed with %u", v->name, code);
    lost(v);
}

/* It goes and comes back, or stops reading for a while. */
static void on_whim(void *arg)
{
    struct watching *v = arg;
    v->next = NULL;
    if (v->still)
        return;
    if (v->pipe && v->config.slow && rng_below(&v->rng, 2)) {
        world_tell("viewer %s reads nothing", v->name);
        pipe_stall(v->pipe, (int64_t)rng_below(&v->rng, STALL_US));
    } else if (v->pipe && rng_below(&v->rng, 2)) {
        world_tell("viewer %s goes", v->name);
        pipe_leave(v->pipe, rng_below(&v->rng, 2) ? LEAVE_CLOSE : LEAVE_DEAD);
        lost(v);
        return;
    }
    v->next = world_after((int64_t)rng_below(&v->rng, WHIM_US), NULL, on_whim, v);
}

static void connect_now(struct watching *v)
{
    static const struct pipe_hooks hooks = {on_opened, on_refused, on_received, on_closed};
    struct process *server = play_server(&v->rng);
    if (!server) {
        v->next = world_after(RETRY_US, NULL, on_retry, v);
        return;
    }
    ws_reader_finish(&v->reader);
    v->reader = (struct ws_reader){.message_max = MESSAGE_MAX};
    v->since[0] = '\0';
    if (v->config.resumes && v->epoch[0] && v->viewed)
        snprintf(v->since, sizeof(v->since), "%s:%llu", v->epoch, (unsigned long long)v->rev);
    if (!v->since[0]) { /* who says nothing of what it knows begins anew */
        witness_finish(&v->witness);
        witness_init(&v->witness, v->truth, &witness_hooks, v, 0);
        v->viewed = false;
    }
    v->knock = (struct knock){.user = v->name,
                              .device = "dashboard",
                              .viewer = true,
                              .encoding = v->config.encoding,
                              .groups = v->config.groups,
                              .ask_groups = v->config.ask_groups,
                              .since = v->since};
    world_tell("viewer %s connects to %s, since %s", v->name, server->name, v->since);
    v->pipe = pipe_connect(v->host, server, &v->knock, &hooks, v);
    v->next = v->still ? NULL : world_after((int64_t)rng_below(&v->rng, WHIM_US), NULL, on_whim, v);
}

struct watching *viewer_create(const struct viewer_config *config, struct truth *truth, struct process *host)
{
    struct watching *v = mem_zalloc(sizeof(*v));
    v->config = *config;
    v->truth = truth;
    snprintf(v->name, sizeof(v->name), "%s", config->name);
    v->host = host;
    rng_init(&v->rng, config->seed);
    witness_init(&v->witness, truth, &witness_hooks, v, 0);
    return v;
}

void viewer_begin_life(struct watching *v)
{
    v->next = world_after((int64_t)rng_below(&v->rng, WHIM_US / 4), NULL, on_retry, v);
}

void viewer_stand_still(struct watching *v)
{
    v->still = true;
}

void viewer_destroy(struct watching *v)
{
    world_cancel(v->next);
    if (v->pipe)
        pipe_leave(v->pipe, LEAVE_DEAD);
    ws_reader_finish(&v->reader);
    witness_finish(&v->witness);
    free(v);
}

const char *viewer_name(const struct watching *v)
{
    return v->name;
}

const char *viewer_group(const struct watching *v)
{
    return v->config.ask_groups ? v->config.ask_groups : v->config.groups;
}

bool viewer_has_view(const struct watching *v)
{
    return v->open && v->viewed;
}

bool viewer_shows(const struct watching *v, struct span user)
{
    return witness_shows_online(&v->witness, user);
}

size_t viewer_online(const struct watching *v)
{
    return v->witness.online;
}

bool viewer_next_online(const struct watching *v, size_t *at, struct span *ret_user)
{
    const struct sight *sight;
    while ((sight = map_next(&v->witness.sights, at)))
        if (sight->online) {
            *ret_user = span_of(sight->user);
            return true;
        }
    return false;
}
