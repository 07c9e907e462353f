/* SPDX-License-Identifier: MIT */
#include "presence/sessions.h"

#include "base/mem.h"
#include "base/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE    96
#define OPS_EACH_MAX 4 /* an opening, a beat, a drain, a refusal */

enum {
    PENDING_OPEN = 1,
    PENDING_ASSERT = 2,
    PENDING_BEAT = 4,
    PENDING_DRAIN = 8,
    PENDING_END = 16,
    PENDING_GRACE = 32,
    PENDING_REFUSED = 64,
    PENDING_ASK = 128, /* no operation of its own: its beat is for apply.lua, at once */
};
static struct pool sessions;

#define PENDING_ENTER  (PENDING_OPEN | PENDING_ASSERT)
#define PENDING_LEAVE  (PENDING_END | PENDING_GRACE)
#define PENDING_URGENT (PENDING_ENTER | PENDING_DRAIN | PENDING_LEAVE | PENDING_ASK)

struct span session_user(const struct session *s)
{
    return (struct span){s->text, s->user_len};
}

struct span session_device(const struct session *s)
{
    return (struct span){s->text + s->user_len, s->device_len};
}

struct span session_groups(const struct session *s)
{
    return (struct span){s->text + s->user_len + s->device_len, s->groups_len};
}

static struct span key_of(const void *object)
{
    return session_user(object);
}

void sessions_init(struct sessions *t, const char *node, int64_t ttl_ms, int64_t heartbeat_min_ms,
                   int64_t grace_ms, int64_t abort_grace_ms)
{
    memset(t, 0, sizeof(*t));
    list_init(&t->queue);
    list_init(&t->deferred_ends);
    list_init(&t->in_flight);
    map_init(&t->by_user, key_of);
    snprintf(t->node, sizeof(t->node), "%s", node);
    t->node_len = strlen(t->node);
    t->ttl_ms = ttl_ms;
    t->heartbeat_min_ms = heartbeat_min_ms;
    t->grace_ms = grace_ms;
    t->abort_grace_ms = abort_grace_ms;
    t->batch_max = SESSIONS_BATCH_MAX;
    t->names = mem_array(SESSIONS_BATCH_MAX, NAME_SIZE);
}

static void session_free(struct session *s)
{
    free(s->metadata);
    free(s->refusal);
    pool_free(s);
}

void sessions_finish(struct sessions *t)
{
    struct session *s, *next;
    for (size_t at = 0; (s = map_next(&t->by_user, &at));) {
        for (; s; s = next) {
            next = s->next;
            session_free(s);
        }
    }
    map_finish(&t->by_user);
    free(t->names);
}

static void enqueue(struct sessions *t, struct session *s, struct list *where)
{
    list_append(where, &s->link);
    t->urgent += (s->pending & PENDING_URGENT) != 0;
}

static void unqueue(struct sessions *t, struct session *s)
{
    t->urgent -= (s->pending & PENDING_URGENT) != 0;
    list_remove(&s->link);
}

static void move_to(struct list *where, struct session *s)
{
    list_remove(&s->link);
    list_append(where, &s->link);
}

/* Into a queue, unless operations of the session are in flight: then sessions_complete puts it back. */
static void add_pending(struct sessions *t, struct session *s, uint8_t operations)
{
    bool queued = list_linked(&s->link);
    if (s->in_flight) {
        s->pending |= operations;
        return;
    }
    if (queued)
        t->urgent -= (s->pending & PENDING_URGENT) != 0;
    s->pending |= operations;
    if (queued)
        t->urgent += (s->pending & PENDING_URGENT) != 0;
    else
        enqueue(t, s,
                (!t->connected || t->hold_ends) && (operations & PENDING_LEAVE) ? &t->deferred_ends
                                                                                : &t->queue);
}

static char *append(char *to, struct span text)
{
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    return to + text.len;
}

static struct session *session_create(struct sessions *t, struct span user, struct span device,
                                      struct span groups_json)
{
    size_t size = offsetof(struct session, text) + user.len + device.len + groups_json.len;
    struct session *s = pool_zalloc(&sessions, size > sizeof(*s) ? size : sizeof(*s));
    list_init(&s->link);
    s->user_len = (uint8_t)user.len;
    s->device_len = (uint8_t)device.len;
    s->groups_len = (uint16_t)groups_json.len;
    append(append(append(s->text, user), device), groups_json);
    s->next = map_put(&t->by_user, s);
    t->count++;
    return s;
}

struct session *session_open(struct sessions *t, struct span user, struct span device,
                             struct span groups_json, void *owner, int64_t now_ms)
{
    struct session *s = session_create(t, user, device, groups_json);
    s->number = ++t->last_number;
    s->opened_ms = s->heard_ms = s->written_ms = now_ms;
    s->owner = owner;
    add_pending(t, s, PENDING_OPEN);
    return s;
}

int64_t session_release_due(const struct sessions *t, const struct session *s)
{
    return s->written_ms + t->heartbeat_min_ms;
}

int64_t session_beat(struct sessions *t, struct session *s, struct span metadata, int64_t now_ms)
{
    int64_t opens_ms = session_release_due(t, s);
    s->heard_ms = now_ms;
    if (metadata.len > 0) {
        free(s->metadata);
        s->metadata = mem_strndup(metadata.data, metadata.len);
        s->metadata_due = true;
    }
    if (now_ms < opens_ms)
        return opens_ms;
    session_release(t, s);
    return 0;
}

void session_release(struct sessions *t, struct session *s)
{
    if (s->written_ms >= s->heard_ms && !s->metadata_due)
        return;
    t->hurry |= s->heard_ms - s->written_ms > t->ttl_ms / 4 * 3;
    s->written_ms = s->heard_ms;
    add_pending(t, s, PENDING_BEAT);
}

void session_refuse(struct sessions *t, struct session *s, enum refusal_reason reason, struct span from,
                    int64_t now_ms)
{
    if (!s->refusal)
        s->refusal = mem_zalloc(sizeof(*s->refusal));
    struct refusal *r = s->refusal;
    bool first = r->count == 0;
    size_t len = from.len < sizeof(r->from) ? from.len : sizeof(r->from);
    /* Without half a character at the end. */
    while (len > 0 && len < from.len && ((unsigned char)from.data[len] & 0xc0) == 0x80)
        len--;
    append(r->from, (struct span){from.data, len});
    r->from_len = (uint8_t)len;
    r->count += r->count < UINT32_MAX;
    r->reason = reason;
    r->at_ms = now_ms;
    snprintf(r->text, sizeof(r->text), "%u\t%s", r->count, session_op_refusal_name(reason));
    r->unreported = !first && now_ms < r->reported_ms + t->heartbeat_min_ms;
    if (r->unreported)
        return;
    r->reported_ms = now_ms;
    add_pending(t, s, PENDING_REFUSED);
}

/* What was not reported yet goes along with the end of the session. */
static uint8_t unreported_refusal(struct session *s)
{
    if (!s->refusal || !s->refusal->unreported)
        return 0;
    s->refusal->unreported = false;
    return PENDING_REFUSED;
}

static void assertion_done(struct sessions *t, struct session *s)
{
    t->asserting -= s->asserting;
    s->asserting = false;
}

/* Of a session in no queue. */
static void forget(struct sessions *t, struct session *s)
{
    struct session *before = map_get(&t->by_user, session_user(s));
    if (before == s) {
        map_remove(&t->by_user, session_user(s));
        if (s->next)
            map_put(&t->by_user, s->next);
    } else {
        while (before->next != s)
            before = before->next;
        before->next = s->next;
    }
    assertion_done(t, s);
    t->orphaned -= s->orphaned;
    t->count--;
    session_free(s);
}

/* A session that began and ends while Redis can't be reached is never reported. Returns whether it was one. */
static bool forget_unsent(struct sessions *t, struct session *s)
{
    if (t->connected || s->open_sent)
        return false;
    unqueue(t, s);
    forget(t, s);
    return true;
}

static int64_t grace_of(const struct sessions *t, const struct session *s)
{
    return s->cut ? t->abort_grace_ms : t->grace_ms;
}

void session_end(struct sessions *t, struct session *s, const char *reason, enum session_ending how,
                 int64_t now_ms)
{
    s->owner = NULL;
    s->ended = true;
    s->cut = how == SESSION_CUT;
    s->end_reason = reason;
    if (how != SESSION_REFUSED)
        s->heard_ms = now_ms;
    assertion_done(t, s);
    if (forget_unsent(t, s))
        return;
    /* To the tail: the end must not overtake the opening of the user's next session. */
    if (!s->in_flight)
        unqueue(t, s);
    s->pending &= t->connected ? PENDING_OPEN | PENDING_REFUSED : PENDING_REFUSED;
    s->pending |= unreported_refusal(s);
    add_pending(t, s, grace_of(t, s) > 0 ? PENDING_GRACE : PENDING_END);
}

void session_abandon(struct sessions *t, struct session *s)
{
    s->owner = NULL;
    s->ended = true;
    if (forget_unsent(t, s))
        return;
    session_release(t, s);
    uint8_t refusal = unreported_refusal(s);
    if (refusal)
        add_pending(t, s, refusal);
    if (!s->pending && !s->in_flight)
        forget(t, s);
}

void session_drain(struct sessions *t, struct session *s)
{
    session_release(t, s);
    add_pending(t, s, PENDING_DRAIN);
}

void sessions_end_orphan(struct sessions *t, struct span user, uint64_t number, const char *reason)
{
    struct session *s = session_create(t, user, SPAN_NONE, SPAN_NONE);
    s->number = number;
    s->ended = s->orphaned = s->open_sent = true;
    s->end_reason = reason;
    t->orphaned++;
    add_pending(t, s, PENDING_END);
}

struct session *sessions_user(const struct sessions *t, struct span user)
{
    return map_get(&t->by_user, user);
}

struct session *sessions_find(const struct sessions *t, struct span user, uint64_t number)
{
    struct session *s = map_get(&t->by_user, user);
    while (s && s->number != number)
        s = s->next;
    return s;
}

bool sessions_urgent(const struct sessions *t)
{
    return t->urgent > 0 || t->hurry;
}

bool sessions_pending(const struct sessions *t)
{
    return !list_empty(&t->queue) || !list_empty(&t->deferred_ends);
}

bool sessions_in_flight(const struct sessions *t)
{
    return !list_empty(&t->in_flight);
}

/* The operations of a set of PENDING_ flags, in order; a session that begins and ends in one batch has both. */
static size_t kinds_of(uint8_t operations, enum session_op_kind kinds[OPS_EACH_MAX])
{
    size_t n = 0;
    if (operations & PENDING_OPEN)
        kinds[n++] = OP_OPEN;
    else if (operations & PENDING_ASSERT)
        kinds[n++] = OP_ASSERT;
    if (operations & PENDING_LEAVE)
        kinds[n++] = operations & PENDING_GRACE ? OP_GRACE : OP_END;
    else if (operations & PENDING_BEAT)
        kinds[n++] = OP_BEAT;
    if ((operations & PENDING_DRAIN) && !(operations & PENDING_LEAVE))
        kinds[n++] = OP_DRAIN;
    if (operations & PENDING_REFUSED)
        kinds[n++] = OP_REFUSED;
    return n;
}

static void fill_op(const struct sessions *t, const struct session *s, enum session_op_kind kind,
                    struct span name, int64_t offset_ms, struct span drain_ms, struct session_op *ret)
{
    *ret = (struct session_op){
        .kind = kind,
        .user = session_user(s),
        .session = name,
        .device = session_device(s),
        .role = ROLE_MOBILE,
        .beat_ms = s->orphaned ? 0 : s->heard_ms + offset_ms,
        .opened_ms = s->opened_ms + offset_ms,
        .groups = session_groups(s),
    };
    if (kind == OP_END || kind == OP_GRACE) {
        ret->extra = span_of(s->end_reason);
        ret->metadata = span_of(s->metadata);
    }
    if (kind == OP_GRACE)
        ret->grace_ms = grace_of(t, s);
    if (kind == OP_DRAIN)
        ret->extra = drain_ms;
    if (kind == OP_BEAT) {
        ret->extra = span_of(s->metadata);
        ret->plain = !(s->in_flight & (PENDING_ASK | PENDING_ENTER));
    }
    if (kind == OP_REFUSED) {
        ret->beat_ms = s->refusal->at_ms + offset_ms;
        ret->extra = span_of(s->refusal->text);
        ret->metadata = (struct span){s->refusal->from, s->refusal->from_len};
    }
}

/* "node/number", without printf: it is written for each beat. */
static struct span write_name(const struct sessions *t, uint64_t number, char *out)
{
    char digits[20], *first = digits + sizeof(digits);
    do {
        *--first = (char)('0' + number % 10);
    } while (number /= 10);
    size_t count = (size_t)(digits + sizeof(digits) - first);
    memcpy(out, t->node, t->node_len);
    out[t->node_len] = '/';
    memcpy(out + t->node_len + 1, first, count);
    return (struct span){out, t->node_len + 1 + count};
}

static void dequeue(struct sessions *t, struct session *s)
{
    /* An opening carries the time of the last beat, but not what came with it. */
    bool has_beat = (s->pending & PENDING_ENTER) && !s->metadata_due;
    unqueue(t, s);
    list_append(&t->in_flight, &s->link);
    s->in_flight = s->pending & (has_beat ? (uint8_t)~PENDING_BEAT : 0xff);
    s->pending = 0;
    s->open_sent |= s->in_flight & PENDING_OPEN;
    if (s->in_flight & PENDING_REFUSED)
        s->refusal->unreported = false;
    if (s->in_flight & (PENDING_BEAT | PENDING_LEAVE))
        s->metadata_due = false;
}

/* Whether the opening of another session of the user is pending. */
static bool returns(const struct sessions *t, const struct session *leaving)
{
    for (const struct session *s = sessions_user(t, session_user(leaving)); s; s = s->next)
        if (s != leaving && list_linked(&s->link) && (s->pending & PENDING_OPEN) &&
            !(s->pending & PENDING_LEAVE))
            return true;
    return false;
}

size_t sessions_dequeue(struct sessions *t, int64_t offset_ms, struct span drain_ms,
                        struct session_op ops[SESSIONS_BATCH_MAX])
{
    const struct session *first =
        NULL; /* of those deferred: when its turn comes again, all that opens is in */
    bool defers = true;
    size_t count = 0;
    if (sessions_in_flight(t))
        return 0;
    t->hurry = false;
    if (!t->hold_ends)
        list_take(&t->queue, &t->deferred_ends);
    while (!list_empty(&t->queue) && count + OPS_EACH_MAX <= t->batch_max) {
        struct session *s = list_entry(t->queue.next, struct session, link);
        enum session_op_kind kinds[OPS_EACH_MAX];
        if (t->hold_ends && (s->pending & PENDING_LEAVE)) {
            move_to(&t->deferred_ends, s);
            continue;
        }
        /* A phone that has come back at once was never offline, however late the store hears of both. */
        defers &= s != first;
        if (defers && (s->pending & PENDING_LEAVE) && returns(t, s)) {
            first = first ? first : s;
            move_to(&t->queue, s);
            continue;
        }
        struct span name = write_name(t, s->number, t->names + count * NAME_SIZE);
        dequeue(t, s);
        for (size_t i = 0, n = kinds_of(s->in_flight, kinds); i < n; i++)
            fill_op(t, s, kinds[i], name, offset_ms, drain_ms, &ops[count++]);
    }
    t->backlog = !list_empty(&t->queue);
    t->batch_len = count;
    return count;
}

/* Out of the batch; returns its operations. What came with a beat that was not executed is kept, unless there
 * is something newer. */
static uint8_t take_out(struct session *s, bool executed)
{
    uint8_t operations = s->in_flight;
    list_remove(&s->link);
    s->in_flight = 0;
    if (!executed) {
        s->metadata_due = s->metadata;
    } else if (!s->metadata_due) {
        free(s->metadata);
        s->metadata = NULL;
    }
    return operations;
}

/* `active` is put before all that is queued, in its order; ends behind it, since a user's later session may be
 * ending already. */
static void requeue(struct sessions *t, struct session *s, uint8_t operations, struct list *active)
{
    s->pending |= operations;
    enqueue(t, s, s->pending & PENDING_LEAVE ? &t->deferred_ends : active);
}

static void put_before_queue(struct sessions *t, struct list *active)
{
    list_take(active, &t->queue);
    list_take(&t->queue, active);
}

/* Beats that the store did not take, though the session lives. Those that are late are sent again while that
 * helps. */
static void note_refusals(struct sessions *t, struct session *s, const enum session_op_kind *kinds,
                          struct span outcomes, bool again, int64_t now_ms)
{
    for (size_t i = 0; i < outcomes.len && !s->ended; i++) {
        bool foreign = outcomes.data[i] == OUTCOME_FOREIGN, late = outcomes.data[i] == OUTCOME_LATE;
        if (kinds[i] != OP_BEAT || again || (!foreign && !late))
            continue;
        session_refuse(t, s, foreign ? REFUSAL_FOREIGN : REFUSAL_LATE, SPAN_NONE, now_ms);
        if (t->refused)
            t->refused(t->arg, s);
    }
}

static bool is_to_be_asked(const enum session_op_kind *kinds, struct span outcomes)
{
    for (size_t i = 0; i < outcomes.len; i++)
        if (kinds[i] == OP_BEAT && outcomes.data[i] == OUTCOME_ASK)
            return true;
    return false;
}

static bool is_alive(const struct sessions *t, const struct session *s, int64_t now_ms)
{
    return !s->ended && s->heard_ms + t->ttl_ms > now_ms;
}

void sessions_complete(struct sessions *t, struct span outcomes, int64_t now_ms)
{
    struct list active;
    size_t at = 0;
    list_init(&active);
    t->batch_max = t->batch_max * 2 < SESSIONS_BATCH_MAX ? t->batch_max * 2 : SESSIONS_BATCH_MAX;
    while (!list_empty(&t->in_flight)) {
        struct session *s = list_entry(t->in_flight.next, struct session, link);
        enum session_op_kind kinds[OPS_EACH_MAX];
        bool late = at < outcomes.len && outcomes.data[at] == OUTCOME_LATE && is_alive(t, s, now_ms);
        size_t count = kinds_of(s->in_flight, kinds), left = at < outcomes.len ? outcomes.len - at : 0;
        struct span its = {outcomes.data + at, count < left ? count : left};
        note_refusals(t, s, kinds, its, late, now_ms);
        at += count;
        bool ask = is_to_be_asked(kinds, its);
        uint8_t executed = take_out(s, !late && !ask);
        if (late || ask) {
            requeue(t, s, late ? executed : PENDING_BEAT | PENDING_ASK, &active);
            continue;
        }
        if ((executed & PENDING_ENTER) && !(s->pending & PENDING_ENTER))
            assertion_done(t, s);
        if ((executed & PENDING_OPEN) && s->arriving && !s->ended) {
            s->arriving = false;
            t->entered(t->arg, s);
        }
        if (s->pending)
            enqueue(t, s, &t->queue);
        else if (s->ended)
            forget(t, s);
    }
    put_before_queue(t, &active);
}

void sessions_requeue(struct sessions *t)
{
    struct list active;
    list_init(&active);
    while (!list_empty(&t->in_flight)) {
        struct session *s = list_entry(t->in_flight.next, struct session, link);
        uint8_t again = take_out(s, false) | s->pending;
        /* Of what has ended only the end is sent: the store may never have heard of it. */
        if (again & PENDING_LEAVE)
            again &= PENDING_LEAVE | PENDING_REFUSED;
        s->pending = 0;
        requeue(t, s, again, &active);
    }
    put_before_queue(t, &active);
}

void sessions_timed_out(struct sessions *t)
{
    size_t half = (t->batch_len + OPS_EACH_MAX - 1) / 2; /* of its room: a full batch leaves some */
    if (sessions_in_flight(t) && half < t->batch_max)
        t->batch_max = half > SESSIONS_BATCH_MIN ? half : SESSIONS_BATCH_MIN;
    sessions_requeue(t);
}

void sessions_assert_user(struct sessions *t, struct span user, int64_t now_ms)
{
    for (struct session *s = sessions_user(t, user); s; s = s->next)
        if (is_alive(t, s, now_ms) && !(s->pending & PENDING_OPEN))
            add_pending(t, s, PENDING_ASSERT);
}

static void assert_one(struct sessions *t, struct session *s, int64_t now_ms)
{
    if (s->asserting || !is_alive(t, s, now_ms))
        return;
    s->asserting = true;
    t->asserting++;
    if (!(s->pending & PENDING_OPEN))
        add_pending(t, s, PENDING_ASSERT);
}

void sessions_assert_all(struct sessions *t, int64_t now_ms)
{
    struct session *s;
    for (size_t at = 0; (s = map_next(&t->by_user, &at));)
        for (; s; s = s->next)
            assert_one(t, s, now_ms);
}
