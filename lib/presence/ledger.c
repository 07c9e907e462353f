#include "presence/ledger.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 96

enum {
    WANT_OPEN = 1,
    WANT_ASSERT = 2,
    WANT_BEAT = 4,
    WANT_DRAIN = 8,
    WANT_END = 16,
    WANT_GRACE = 32,
};
#define WANT_URGENT (WANT_OPEN | WANT_ASSERT | WANT_DRAIN | WANT_END | WANT_GRACE)

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

void ledger_init(struct ledger *l, const char *node, int64_t ttl_ms, int64_t heartbeat_min_ms, bool grace)
{
    memset(l, 0, sizeof(*l));
    list_init(&l->all);
    list_init(&l->dirty);
    list_init(&l->flight);
    map_init(&l->by_user, key_of);
    snprintf(l->node, sizeof(l->node), "%s", node);
    l->ttl_ms = ttl_ms;
    l->heartbeat_min_ms = heartbeat_min_ms;
    l->grace = grace;
    l->names = mem_array(LEDGER_BATCH_MAX, NAME_SIZE);
}

static void session_free(struct session *s)
{
    free(s->metadata);
    free(s);
}

void ledger_finish(struct ledger *l)
{
    while (!list_empty(&l->all)) {
        struct session *s = list_entry(l->all.next, struct session, all);
        list_remove(&s->all);
        session_free(s);
    }
    map_finish(&l->by_user);
    free(l->names);
}

static void index_add(struct ledger *l, struct session *s)
{
    s->next = map_put(&l->by_user, s);
}

static void index_remove(struct ledger *l, struct session *s)
{
    struct session *first = map_get(&l->by_user, session_user(s));
    if (first == s) {
        map_remove(&l->by_user, session_user(s));
        if (s->next)
            map_put(&l->by_user, s->next);
        return;
    }
    while (first && first->next != s)
        first = first->next;
    if (first)
        first->next = s->next;
}

/* Into the queue, unless it stands there or a batch is saying something of it: then ledger_answered puts it
 * back. */
static void want(struct ledger *l, struct session *s, uint8_t what)
{
    bool urgent = s->want & WANT_URGENT;
    s->want |= what;
    if (s->said)
        return;
    if (!list_linked(&s->queue))
        list_append(&l->dirty, &s->queue);
    if (!urgent && (s->want & WANT_URGENT))
        l->urgent++;
}

static char *put(char *to, struct span text)
{
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    return to + text.len;
}

static struct session *session_create(struct ledger *l, struct span user, struct span device,
                                      struct span groups_json)
{
    struct session *s = mem_zalloc(sizeof(*s) + user.len + device.len + groups_json.len);
    list_append(&l->all, &s->all);
    list_init(&s->queue);
    s->user_len = (uint8_t)user.len;
    s->device_len = (uint8_t)device.len;
    s->groups_len = (uint16_t)groups_json.len;
    put(put(put(s->text, user), device), groups_json);
    index_add(l, s);
    l->count++;
    return s;
}

struct session *session_open(struct ledger *l, struct span user, struct span device, struct span groups_json,
                             void *owner, int64_t now_ms)
{
    struct session *s = session_create(l, user, device, groups_json);
    s->number = ++l->last_number;
    s->opened_ms = s->heard_ms = s->written_ms = now_ms;
    s->owner = owner;
    want(l, s, WANT_OPEN);
    return s;
}

int64_t session_beat(struct ledger *l, struct session *s, struct span metadata, int64_t now_ms)
{
    s->heard_ms = now_ms;
    if (metadata.len > 0) {
        free(s->metadata);
        s->metadata = mem_strndup(metadata.data, metadata.len);
    }
    int64_t opens_ms = s->written_ms + l->heartbeat_min_ms;
    if (now_ms < opens_ms)
        return opens_ms;
    session_release(l, s);
    return 0;
}

void session_release(struct ledger *l, struct session *s)
{
    s->written_ms = s->heard_ms;
    want(l, s, WANT_BEAT);
}

static void unqueue(struct ledger *l, struct session *s)
{
    if (!s->said && (s->want & WANT_URGENT))
        l->urgent--;
    list_remove(&s->queue);
    s->want = 0;
}

static void assertion_over(struct ledger *l, struct session *s)
{
    l->asserting -= s->asserting;
    s->asserting = false;
}

static void forget(struct ledger *l, struct session *s)
{
    assertion_over(l, s);
    l->disowned -= s->disowned;
    list_remove(&s->queue);
    list_remove(&s->all);
    index_remove(l, s);
    l->count--;
    session_free(s);
}

void session_end(struct ledger *l, struct session *s, const char *reason, bool alive, int64_t now_ms)
{
    s->owner = NULL;
    s->ended = true;
    s->end_reason = reason;
    assertion_over(l, s);
    if (alive)
        s->heard_ms = now_ms;
    if (!l->connected && (s->want & WANT_OPEN) && !s->said) {
        unqueue(l, s);
        forget(l, s);
        return;
    }
    /* To the tail: the end must not overtake the beginning of the user's next session. */
    uint8_t pending = s->want & WANT_OPEN;
    if (!s->said)
        unqueue(l, s);
    s->want = 0;
    want(l, s, pending | (l->grace && alive ? WANT_GRACE : WANT_END));
}

void session_abandon(struct ledger *l, struct session *s)
{
    s->owner = NULL;
    s->ended = true;
    if (s->written_ms < s->heard_ms)
        session_release(l, s);
    if (!s->want && !s->said)
        forget(l, s);
}

void session_drain(struct ledger *l, struct session *s)
{
    if (s->written_ms < s->heard_ms)
        session_release(l, s);
    want(l, s, WANT_DRAIN);
}

void ledger_disown(struct ledger *l, struct span user, uint64_t number, const char *reason)
{
    struct session *s = session_create(l, user, SPAN_NONE, SPAN_NONE);
    s->number = number;
    s->ended = s->disowned = true;
    s->end_reason = reason;
    l->disowned++;
    want(l, s, WANT_END);
}

struct session *ledger_user(const struct ledger *l, struct span user)
{
    return map_get(&l->by_user, user);
}

struct session *ledger_find(const struct ledger *l, struct span user, uint64_t number)
{
    struct session *s = map_get(&l->by_user, user);
    while (s && s->number != number)
        s = s->next;
    return s;
}

bool ledger_urgent(const struct ledger *l)
{
    return l->urgent > 0;
}

bool ledger_dirty(const struct ledger *l)
{
    return !list_empty(&l->dirty);
}

bool ledger_in_flight(const struct ledger *l)
{
    return !list_empty(&l->flight);
}

/* Which operations say it, in order; a short life says its beginning and its end in one batch. */
static size_t kinds_of(uint8_t said, enum session_op_kind kinds[4])
{
    size_t n = 0;
    if (said & WANT_OPEN)
        kinds[n++] = OP_OPEN;
    else if (said & WANT_ASSERT)
        kinds[n++] = OP_ASSERT;
    else if (said & WANT_BEAT)
        kinds[n++] = OP_BEAT;
    if (said & WANT_DRAIN)
        kinds[n++] = OP_DRAIN;
    if (said & WANT_END)
        kinds[n++] = OP_END;
    else if (said & WANT_GRACE)
        kinds[n++] = OP_GRACE;
    return n;
}

static void fill_op(const struct session *s, enum session_op_kind kind, struct span name, int64_t offset_ms,
                    struct span drain_ms, struct session_op *ret)
{
    *ret = (struct session_op){
        .kind = kind,
        .user = session_user(s),
        .session = name,
        .device = session_device(s),
        .role = ROLE_MOBILE,
        .beat_ms = s->heard_ms + offset_ms,
        .opened_ms = s->opened_ms + offset_ms,
        .groups = session_groups(s),
    };
    if (kind == OP_END || kind == OP_GRACE)
        ret->extra = span_of(s->end_reason);
    else if (kind == OP_DRAIN)
        ret->extra = drain_ms;
    else if (kind == OP_BEAT)
        ret->extra = span_of(s->metadata);
}

size_t ledger_take(struct ledger *l, int64_t offset_ms, struct span drain_ms,
                   struct session_op ops[LEDGER_BATCH_MAX])
{
    size_t count = 0;
    if (ledger_in_flight(l))
        return 0;
    while (!list_empty(&l->dirty) && count + 3 <= LEDGER_BATCH_MAX) {
        struct session *s = list_entry(l->dirty.next, struct session, queue);
        enum session_op_kind kinds[4];
        size_t n = kinds_of(s->want, kinds);
        char *name = l->names + count * NAME_SIZE;
        int len = snprintf(name, NAME_SIZE, "%s/%llu", l->node, (unsigned long long)s->number);
        if (s->want & WANT_URGENT)
            l->urgent--;
        list_remove(&s->queue);
        list_append(&l->flight, &s->queue);
        s->said = s->want;
        s->want = 0;
        for (size_t i = 0; i < n; i++)
            fill_op(s, kinds[i], (struct span){name, (size_t)len}, offset_ms, drain_ms, &ops[count++]);
    }
    return count;
}

/* What is to be said again after an answer. Its metadata has been written, unless a newer one came meanwhile.
 */
static uint8_t outcome(const struct ledger *l, struct session *s, uint8_t said, char first, int64_t now_ms)
{
    bool lives = !s->ended && s->heard_ms + l->ttl_ms > now_ms;
    if (first == OUTCOME_LATE && lives && (said & (WANT_OPEN | WANT_ASSERT | WANT_BEAT)))
        return said & (WANT_OPEN | WANT_ASSERT | WANT_BEAT);
    if ((said & WANT_BEAT) && !s->want) {
        free(s->metadata);
        s->metadata = NULL;
    }
    return 0;
}

void ledger_answered(struct ledger *l, struct span outcomes, int64_t now_ms)
{
    size_t at = 0;
    while (!list_empty(&l->flight)) {
        struct session *s = list_entry(l->flight.next, struct session, queue);
        enum session_op_kind kinds[4];
        uint8_t said = s->said;
        char first = at < outcomes.len ? outcomes.data[at] : (char)OUTCOME_FOREIGN;
        at += kinds_of(said, kinds);
        list_remove(&s->queue);
        s->said = 0;
        uint8_t again = s->want | outcome(l, s, said, first, now_ms);
        s->want = 0;
        if ((said & WANT_ASSERT) && !(again & WANT_ASSERT))
            assertion_over(l, s);
        if (again)
            want(l, s, again);
        else if (s->ended)
            forget(l, s);
    }
}

void ledger_lost(struct ledger *l)
{
    while (!list_empty(&l->flight)) {
        struct session *s = list_entry(l->flight.next, struct session, queue);
        uint8_t again = s->said | s->want;
        list_remove(&s->queue);
        s->said = s->want = 0;
        /* A life that the store has never heard of and that is over is no event any more. */
        if (s->ended)
            again &=
                (uint8_t) ~(WANT_ASSERT | ((again & (WANT_END | WANT_GRACE)) ? WANT_OPEN | WANT_BEAT : 0));
        want(l, s, again);
    }
}

void ledger_assert_all(struct ledger *l, int64_t now_ms)
{
    for (struct list *at = l->all.next; at != &l->all; at = at->next) {
        struct session *s = list_entry(at, struct session, all);
        if (s->ended || s->asserting || (s->want & WANT_OPEN) || s->heard_ms + l->ttl_ms <= now_ms)
            continue;
        s->asserting = true;
        l->asserting++;
        want(l, s, WANT_ASSERT);
    }
}
