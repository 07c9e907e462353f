/* SPDX-License-Identifier: MIT */
#include "invariants.h"

#include "base/list.h"
#include "base/mem.h"
#include "cost.h"
#include "installation.h"
#include "redis/resp.h"
#include "redis_host.h"
#include "store/commands.h"
#include "store/scripts.h"
#include "wire/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPDATES  "presence:updates"
#define ARGS_MAX 2048

struct invariants invariants;

/* A user as the store has published it. */
struct published {
    bool online;
    bool lost; /* the store has forgotten a user who was online: an offline may still be published, or an
                  online again */
    struct list sessions;
    char id[];
};

/* A session as it was written. */
struct written {
    struct list link; /* among its user's */
    bool over;        /* taken over by a later connection of its device, until it beats again */
    bool ended;       /* by its server: nothing of it may come any more */
    int64_t deadline_ms, opened_ms, beat_ms;
    bool kept;            /* its router was lost: that may not end it */
    int64_t cut_until_ms; /* its connection was cut: it may not be ended for that before; 0: it was not */
    struct published *user;
    char *device;
    char name[];
};

/* When a device last opened a session: what it had opened before is taken over, until it beats. */
struct opening {
    int64_t at_us;
    char key[];
};

static struct map users, sessions, openings;
static struct redis_client *listener;
static char epoch[64];
static bool lost_since; /* Redis has lost data since the last transition */
static uint64_t last_rev;
static struct {
    uint64_t first, last;
} * ranges;               /* of the revisions of each epoch */
static int64_t latest_ms; /* that Redis's clock ever showed at an event */
static struct {           /* who went offline in the command under way */
    struct published *user;
    char reason[24];
} gone[ARGS_MAX];
static size_t gone_count;

static struct span user_key(const void *object)
{
    return span_of(((const struct published *)object)->id);
}

static struct span session_key(const void *object)
{
    return span_of(((const struct written *)object)->name);
}

static struct span opening_key(const void *object)
{
    return span_of(((const struct opening *)object)->key);
}

static void write_opening_key(struct span user, struct span device, struct bytes *out)
{
    bytes_append_span(out, user);
    bytes_append_char(out, '\t');
    bytes_append_span(out, device);
}

static void note_opening(struct span user, struct span device)
{
    bytes_auto key = BYTES_INIT;
    write_opening_key(user, device, &key);
    struct opening *o = map_get(&openings, bytes_span(&key));
    if (!o) {
        o = mem_zalloc(sizeof(*o) + key.len + 1);
        memcpy(o->key, key.data, key.len);
        map_put(&openings, o);
    }
    o->at_us = simulation.now_us;
}

/* What it beat since may be kept until its window opens (PROTOCOL.md). */
static bool taken_over(const struct believed *b)
{
    bytes_auto key = BYTES_INIT;
    const struct written *w = map_get(&sessions, span_of(b->name));
    if (w)
        return w->over;
    write_opening_key(b->user, b->device, &key);
    const struct opening *o = map_get(&openings, bytes_span(&key));
    return o && o->at_us > b->heard_us;
}

static int64_t redis_now_ms(void)
{
    return (simulation.wall_base_us + simulation.now_us + redis_host.wall_offset_us) / 1000;
}

static struct published *published_of(struct span id)
{
    struct published *p = map_get(&users, id);
    if (p)
        return p;
    p = mem_zalloc(sizeof(*p) + id.len + 1);
    list_init(&p->sessions);
    memcpy(p->id, id.data, id.len);
    map_put(&users, p);
    return p;
}

static void written_free(struct written *w)
{
    map_remove(&sessions, span_of(w->name));
    list_remove(&w->link);
    free(w->device);
    free(w);
}

/* Removes a user's sessions of which `drop` says so. */
static void drop_sessions_of(struct published *p, bool (*drop)(const struct written *w))
{
    for (struct list *at = p->sessions.next, *next; next = at->next, at != &p->sessions; at = next) {
        struct written *w = list_entry(at, struct written, link);
        if (drop(w))
            written_free(w);
    }
}

static void drop_sessions(bool (*drop)(const struct written *w))
{
    struct published *p;
    for (size_t at = 0; (p = map_next(&users, &at));)
        drop_sessions_of(p, drop);
}

static bool of_life(const struct written *w)
{
    return !w->over && !w->ended;
}

static bool of_anybody(const struct written *w)
{
    return true;
}

static void invariants_revision(const struct event *e)
{
    if (!span_equal(e->epoch, span_of(epoch))) {
        span_copy(e->epoch, epoch, sizeof(epoch));
        ranges = mem_realloc(ranges, (size_t)(++invariants.epochs) * sizeof(*ranges));
        ranges[invariants.epochs - 1].first = e->change.rev;
        if (invariants.epochs > invariants.losses * EPOCHS_EACH + 1)
            simulation_fail("epoch %.*s begins, the %lluth, and Redis has lost data %llu times",
                            (int)e->epoch.len, e->epoch.data, (unsigned long long)invariants.epochs,
                            (unsigned long long)invariants.losses);
    } else if (e->change.rev != last_rev + 1 && !(invariants.info_denied && lost_since)) {
        simulation_fail("revision %llu follows %llu", (unsigned long long)e->change.rev,
                        (unsigned long long)last_rev);
    }
    lost_since = false;
    last_rev = ranges[invariants.epochs - 1].last = e->change.rev;
    for (size_t i = 0; i + 1 < invariants.epochs; i++)
        if (last_rev >= ranges[i].first && last_rev <= ranges[i].last)
            simulation_fail("revision %llu comes twice", (unsigned long long)last_rev);
}

/* How long ago it must have been heard for the store to know. */
static int64_t fresh_us(const struct believed *b)
{
    const struct written *w = map_get(&sessions, span_of(b->name));
    return w ? INVARIANTS_FRESH_US : INVARIANTS_FRESH_US + invariants.answer_us;
}

static void look_for_life(void *arg, const struct believed *b)
{
    size_t i = *(size_t *)arg;
    const char *user = gone[i].user->id;
    int64_t silent_us = simulation.now_us - b->heard_us;
    if (invariants.holdback && span_equal(b->user, span_of(user)) && !taken_over(b) &&
        !(invariants.holds_key && invariants.holds_key(b->user)) && silent_us > fresh_us(b) &&
        silent_us < invariants.ttl_us - INVARIANTS_FRESH_US)
        simulation_fail("%s is shown offline (%s), though a server heard it %.1f s ago", user, gone[i].reason,
                        (double)silent_us / 1e6);
}

static void on_published(void *arg, struct span channel, struct span payload)
{
    struct event e;
    if (invariants.deaf)
        return;
    if (event_read(payload, &e) < 0) {
        simulation_fail("an event is malformed: %.*s", (int)payload.len, payload.data);
        return;
    }
    struct change *c = &e.change;
    struct published *p = published_of(c->user);
    invariants.transitions++;
    simulation_trace("%.*s is %s (%.*s), revision %llu", (int)c->user.len, c->user.data,
                     c->online ? "online" : "offline", (int)c->reason.len, c->reason.data,
                     (unsigned long long)c->rev);
    invariants_revision(&e);
    if (!c->online && invariants.nobody_leaves)
        simulation_fail("%s is offline (%.*s), and nobody leaves", p->id, (int)c->reason.len, c->reason.data);
    if (p->online == c->online && !p->lost)
        simulation_fail("%s is %s in the store already", p->id, c->online ? "online" : "offline");
    if (redis_now_ms() > latest_ms)
        latest_ms = redis_now_ms();
    if (c->last_seen_ms > latest_ms)
        simulation_fail("%s was seen in the future", p->id);
    p->online = c->online;
    p->lost = false;
    if (!c->online && gone_count < ARGS_MAX) {
        gone[gone_count].user = p;
        span_copy(c->reason, gone[gone_count++].reason, sizeof(gone[0].reason));
    }
    event_finish(&e);
}

/* The arguments of a command. */
static size_t arguments(struct span command, struct span *args)
{
    size_t count = 0;
    uint64_t len;
    span_split(&command, '\n');
    while (command.len > 0 && count < ARGS_MAX) {
        struct span line = span_split(&command, '\n');
        if (span_to_u64((struct span){line.data + 1, line.len - 2}, command.len, &len) < 0)
            break;
        args[count++] = (struct span){command.data, (size_t)len};
        command.data += len + 2;
        command.len -= len + 2;
    }
    return count;
}

/* It beat behind the other's opening, which came late. */
static bool came_back(const struct written *w, const struct written *by)
{
    struct span name = span_of(w->name), other = span_of(by->name);
    bool same_server = span_equal(span_split(&name, '/'), span_split(&other, '/'));
    return w->beat_ms > by->opened_ms + (same_server ? 0 : STORE_RECKONING_MS) &&
           w->beat_ms <= redis_now_ms();
}

static void take_over(const struct written *by)
{
    for (struct list *at = by->user->sessions.next; at != &by->user->sessions; at = at->next) {
        struct written *w = list_entry(at, struct written, link);
        w->over |= w != by && *by->device && !strcmp(w->device, by->device) &&
                   w->opened_ms <= by->opened_ms && !came_back(w, by);
    }
}

static int64_t number(struct span text)
{
    uint64_t value = 0;
    span_to_u64(text, INT64_MAX, &value);
    return (int64_t)value;
}

/* tail: opened, no reason, groups, device */
static void write_session(const struct span *op, char kind, int64_t now_ms)
{
    struct span name = op[2], tail = op[4], opened = span_split(&tail, '\t');
    int64_t beat_ms = number(op[3]);
    span_split(&tail, '\t');
    span_split(&tail, '\t');
    struct written *w = map_get(&sessions, name);
    if (beat_ms == 0 || beat_ms > now_ms)
        beat_ms = now_ms;
    if (!w) {
        w = mem_zalloc(sizeof(*w) + name.len + 1);
        memcpy(w->name, name.data, name.len);
        w->user = published_of(op[1]);
        list_append(&w->user->sessions, &w->link);
        w->device = mem_strndup(tail.data, tail.len);
        map_put(&sessions, w);
    }
    if (w->ended)
        simulation_fail("session %s of %s beats after its end", w->name, w->user->id);
    w->over = false;
    w->opened_ms = number(opened);
    w->beat_ms = beat_ms;
    w->deadline_ms = beat_ms + invariants.ttl_us / 1000;
    if (kind == 'o') {
        take_over(w);
        note_opening(op[1], tail);
    }
}

/* But not below the grace of a connection that was cut. */
static void lower_deadline(struct written *w, int64_t deadline_ms)
{
    if (deadline_ms < w->cut_until_ms)
        deadline_ms = w->cut_until_ms;
    if (w->deadline_ms > deadline_ms)
        w->deadline_ms = deadline_ms;
}

void invariants_cut(const char *session)
{
    struct written *w = map_get(&sessions, span_of(session));
    if (w && invariants.abort_grace_us > 0)
        w->cut_until_ms = redis_now_ms() + invariants.abort_grace_us / 1000;
}

void invariants_kept(const char *session)
{
    struct written *w = map_get(&sessions, span_of(session));
    if (w)
        w->kept = true;
}

static bool may_end(const struct written *w, struct span reason, int64_t now_ms)
{
    if (span_equal(reason, SPAN("disconnected")))
        return w->cut_until_ms <= now_ms;
    return !w->kept || !span_equal(reason, SPAN("upstream"));
}

static void follow_op(const struct span *op, char code, int64_t now_ms)
{
    char kind = op[0].data[0];
    simulation_trace("  %c %.*s %.*s beat %.*s tail %.*s extra %.*s: %c", kind, (int)op[1].len, op[1].data,
                     (int)op[2].len, op[2].data, (int)op[3].len, op[3].data, (int)op[4].len, op[4].data,
                     (int)op[5].len, op[5].data, code);
    struct written *w = map_get(&sessions, op[2]);
    if (code == 'x' || code == 'l' || code == 'm')
        return;
    if (kind == 'o' || kind == 'b' || kind == 'r')
        write_session(op, kind, now_ms);
    else if (kind == 'e' && w)
        w->ended = may_end(w, op[5], now_ms);
    else if (kind == 'g' && w)
        lower_deadline(w, now_ms + number((struct span){op[0].data + 1, op[0].len - 1}));
    else if (kind == 'd' && w && w->deadline_ms < now_ms + number(op[5]))
        w->deadline_ms = now_ms + number(op[5]);
}

static void follow_apply(const struct span *args, size_t count, struct span answer)
{
    int64_t now_ms = redis_now_ms();
    if (answer.len < 2 || answer.data[0] == '-' || count < STORE_APPLY_OPS)
        return;
    size_t ops = (count - STORE_APPLY_OPS) / STORE_OP_ARGS;
    const char *codes = answer.data + answer.len - 2 - ops; /* the answer's last element, a letter for each */
    cost_check_batch(ops);
    for (size_t op = 0; op < ops; op++)
        follow_op(args + STORE_APPLY_OPS + op * STORE_OP_ARGS, codes[op], now_ms);
}

/* Commands of a connection that was given up may be executed after its end. */
static void must_not_stand(const struct written *w)
{
    bytes_auto key = BYTES_INIT, command = BYTES_INIT;
    bytes_printf(&key, "presence:sessions:%s", w->user->id);
    resp_command(&command, "HEXISTS", bytes_text(&key), w->name, NULL);
    if (span_equal(redis_host_ask(bytes_span(&command)), SPAN(":1\r\n")))
        simulation_fail("a beat brings back session %s of %s, which has ended", w->name, w->user->id);
}

/* A beat without a script, of a session that stood: HSET meta lastSeen time session time. */
static void follow_beat(const struct span *args, size_t count, struct span answer)
{
    if (count < 6 || !span_equal(args[0], SPAN("HSET")) || !span_equal(args[2], SPAN("lastSeen")))
        return;
    simulation_trace("  beat %.*s %.*s %.*s: %.*s", (int)args[1].len, args[1].data, (int)args[4].len,
                     args[4].data, (int)args[5].len, args[5].data, (int)answer.len - 2, answer.data);
    struct written *w = map_get(&sessions, args[4]);
    if (w && w->ended)
        must_not_stand(w);
    if (!span_equal(answer, SPAN(":0\r\n")) || !w || w->ended || number(args[5]) <= w->beat_ms)
        return;
    w->over = false;
    w->beat_ms = number(args[5]);
    w->deadline_ms = w->beat_ms + invariants.ttl_us / 1000;
}

static bool stands(const struct written *w)
{
    if (!w->over && !w->ended && w->deadline_ms > redis_now_ms())
        simulation_fail("%s is offline, though session %s stands %lld ms more", w->user->id, w->name,
                        (long long)(w->deadline_ms - redis_now_ms()));
    return !w->over && !w->ended;
}

static void after(void *arg, struct span command, struct span answer)
{
    static struct span args[ARGS_MAX];
    size_t count = arguments(command, args);
    if (redis_now_ms() > latest_ms)
        latest_ms = redis_now_ms();
    const struct script_info *apply = script_info(SCRIPT_APPLY);
    struct span text = {apply->text, *apply->len};
    if (count > 4 && (span_equal(args[1], span_of(apply->sha1)) || span_equal(args[1], text)))
        follow_apply(args, count, answer);
    follow_beat(args, count, answer);
    /* Only now is it known what else the command did: an opening may have taken a session over. */
    for (size_t i = 0; i < gone_count; i++) {
        installation_each_believed(invariants.grace_us, look_for_life, &i);
        if (!gone[i].user->online)
            drop_sessions_of(gone[i].user, stands);
    }
    gone_count = 0;
}

void invariants_begin(const struct simulated_settings *s)
{
    bytes_auto command = BYTES_INIT, answer = BYTES_INIT;
    memset(&invariants, 0, sizeof(invariants));
    invariants.ttl_us = s->ttl_ms * 1000;
    invariants.grace_us = (s->holdback_ms + 4000) * 1000;
    invariants.answer_us = s->redis_timeout_ms * 1000;
    invariants.abort_grace_us = s->abort_grace_ms * 1000;
    invariants.holdback = s->holdback_ms > 0;
    map_init(&users, user_key);
    map_init(&sessions, session_key);
    map_init(&openings, opening_key);
    epoch[0] = '\0';
    lost_since = false;
    last_rev = 0;
    latest_ms = 0;
    listener = redis_client_create(redis_host.model, on_published, NULL);
    resp_command(&command, "SUBSCRIBE", UPDATES, NULL);
    redis_client_execute(listener, bytes_span(&command), &answer);
    redis_host.after = after;
}

void invariants_end(void)
{
    struct published *p;
    size_t at = 0;
    drop_sessions(of_anybody);
    map_finish(&sessions);
    struct opening *o;
    for (size_t i = 0; (o = map_next(&openings, &i));)
        free(o);
    map_finish(&openings);
    while ((p = map_next(&users, &at)))
        free(p);
    map_finish(&users);
    free(ranges);
    ranges = NULL;
    redis_client_destroy(listener);
}

static struct span ask(const char *a, const char *b, const char *c)
{
    bytes_auto command = BYTES_INIT;
    resp_command(&command, a, b, c, NULL);
    return redis_host_ask(bytes_span(&command));
}

void invariants_data_changed(void)
{
    struct published *p;
    size_t at = 0;
    invariants.losses++;
    lost_since = true;
    if (invariants.data_changed)
        invariants.data_changed();
    drop_sessions(of_life);
    while ((p = map_next(&users, &at))) {
        bool was = p->online;
        p->online = ask("ZSCORE", "presence:due", p->id).data[1] != '-';
        p->lost |= was && !p->online;
    }
}

void invariants_clock_steps(void)
{
    drop_sessions(of_life);
}

bool invariants_stored(struct span user)
{
    const struct published *p = map_get(&users, user);
    return p && p->online;
}

size_t invariants_stored_count(void)
{
    size_t at = 0, count = 0;
    struct span user;
    while (invariants_next(&at, &user))
        count++;
    return count;
}

bool invariants_next(size_t *at, struct span *ret_user)
{
    struct published *p;
    while ((p = map_next(&users, at)))
        if (p->online) {
            *ret_user = span_of(p->id);
            return true;
        }
    return false;
}

void invariants_copies(struct span user)
{
    char key[200];
    snprintf(key, sizeof(key), "presence:user:%.*s", (int)user.len, user.data);
    if (!span_equal(ask("GET", key, NULL), SPAN("$1\r\n1\r\n")))
        simulation_fail("%s is missing", key);
    snprintf(key, sizeof(key), "presence:meta:%.*s", (int)user.len, user.data);
    if (!span_equal(ask("HGET", key, "status"), SPAN("$6\r\nonline\r\n")))
        simulation_fail("%s does not say online", key);
}
