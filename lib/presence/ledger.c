#include "presence/ledger.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE    96
#define OPS_EACH_MAX 3 /* a beginning, a beat, a drain */

enum {
    WANT_OPEN = 1,
    WANT_ASSERT = 2,
    WANT_BEAT = 4,
    WANT_DRAIN = 8,
    WANT_END = 16,
    WANT_GRACE = 32,
};
#define WANT_ENTER  (WANT_OPEN | WANT_ASSERT)
#define WANT_LEAVE  (WANT_END | WANT_GRACE)
#define WANT_URGENT (WANT_ENTER | WANT_DRAIN | WANT_LEAVE)

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
    list_init(&l->ends);
    map_init(&l->by_user, key_of);
    snprintf(l->node, sizeof(l->node), "%s", node);
    l->node_len = strlen(l->node);
    l->ttl_ms = ttl_ms;
    l->heartbeat_min_ms = heartbeat_min_ms;
    l->grace = grace;
    l->names = mem_array(LEDGER_BATCH_MAX, NAME_SIZE);
}

static void session_free(struct session *s)
{
    free(s->metadata);
    free(s->saying);
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

static void queue(struct ledger *l, struct session *s, struct list *where)
{
    list_append(where, &s->queue);
    l->urgent += (s->want & WANT_URGENT) != 0;
}

static void unqueue(struct ledger *l, struct session *s)
{
    l->urgent -= (s->want & WANT_URGENT) != 0;
    list_remove(&s->queue);
}

/* Into a queue, unless a batch is saying something of it: then ledger_answered puts it back. */
static void want(struct ledger *l, struct session *s, uint8_t what)
{
    if (s->said) {
        s->want |= what;
        return;
    }
    bool queued = list_linked(&s->queue), urgent = queued && (s->want & WANT_URGENT);
    s->want |= what;
    l->urgent += !urgent && (s->want & WANT_URGENT);
    if (!queued)
        list_append((!l->connected || l->hold_ends) && (what & WANT_LEAVE) ? &l->ends : &l->dirty, &s->queue);
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
    if (s->written_ms >= s->heard_ms && !s->metadata)
        return;
    s->written_ms = s->heard_ms;
    want(l, s, WANT_BEAT);
}

static void assertion_over(struct ledger *l, struct session *s)
{
    l->asserting -= s->asserting;
    s->asserting = false;
}

/* Of a session in no queue. */
static void forget(struct ledger *l, struct session *s)
{
    assertion_over(l, s);
    l->disowned -= s->disowned;
    list_remove(&s->all);
    index_remove(l, s);
    l->count--;
    session_free(s);
}

/* A life that began and ends without Redis is no event. Returns whether it was one. */
static bool forget_unheard(struct ledger *l, struct session *s)
{
    if (l->connected || s->uttered)
        return false;
    unqueue(l, s);
    forget(l, s);
    return true;
}

void session_end(struct ledger *l, struct session *s, const char *reason, bool alive, int64_t now_ms)
{
    s->owner = NULL;
    s->ended = true;
    s->end_reason = reason;
    if (alive)
        s->heard_ms = now_ms;
    assertion_over(l, s);
    if (forget_unheard(l, s))
        return;
    /* To the tail: the end must not overtake the beginning of the user's next session. */
    if (!s->said)
        unqueue(l, s);
    s->want &= l->connected ? WANT_OPEN : 0;
    want(l, s, l->grace ? WANT_GRACE : WANT_END);
}

void session_abandon(struct ledger *l, struct session *s)
{
    s->owner = NULL;
    s->ended = true;
    if (forget_unheard(l, s))
        return;
    session_release(l, s);
    if (!s->want && !s->said)
        forget(l, s);
}

void session_drain(struct ledger *l, struct session *s)
{
    session_release(l, s);
    want(l, s, WANT_DRAIN);
}

void ledger_disown(struct ledger *l, struct span user, uint64_t number, const char *reason)
{
    struct session *s = session_create(l, user, SPAN_NONE, SPAN_NONE);
    s->number = number;
    s->ended = s->disowned = s->uttered = true;
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
    return !list_empty(&l->dirty) || !list_empty(&l->ends);
}

bool ledger_in_flight(const struct ledger *l)
{
    return !list_empty(&l->flight);
}

/* Which operations say it, in order; a short life says its beginning and its end in one batch. */
static size_t kinds_of(uint8_t said, enum session_op_kind kinds[OPS_EACH_MAX])
{
    size_t n = 0;
    if (said & WANT_OPEN)
        kinds[n++] = OP_OPEN;
    else if (said & WANT_ASSERT)
        kinds[n++] = OP_ASSERT;
    if (said & WANT_LEAVE) {
        kinds[n++] = said & WANT_GRACE ? OP_GRACE : OP_END;
        return n;
    }
    if (said & WANT_BEAT)
        kinds[n++] = OP_BEAT;
    if (said & WANT_DRAIN)
        kinds[n++] = OP_DRAIN;
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
        .beat_ms = s->disowned ? 0 : s->heard_ms + offset_ms,
        .opened_ms = s->opened_ms + offset_ms,
        .groups = session_groups(s),
    };
    if (kind == OP_END || kind == OP_GRACE) {
        ret->extra = span_of(s->end_reason);
        ret->metadata = span_of(s->saying);
    }
    if (kind == OP_DRAIN)
        ret->extra = drain_ms;
    if (kind == OP_BEAT)
        ret->extra = span_of(s->saying);
}

/* "node/number" */
static struct span write_name(const struct ledger *l, uint64_t number, char *out)
{
    char digits[20], *first = digits + sizeof(digits);
    do {
        *--first = (char)('0' + number % 10);
    } while (number /= 10);
    size_t count = (size_t)(digits + sizeof(digits) - first);
    memcpy(out, l->node, l->node_len);
    out[l->node_len] = '/';
    memcpy(out + l->node_len + 1, first, count);
    return (struct span){out, l->node_len + 1 + count};
}

/* A beginning tells the time of the last beat, but not what came with it. */
static uint8_t to_say(const struct session *s)
{
    bool beat_is_said = (s->want & WANT_ENTER) && !s->metadata;
    return s->want & (beat_is_said ? (uint8_t)~WANT_BEAT : 0xff);
}

static void hand_out(struct ledger *l, struct session *s)
{
    unqueue(l, s);
    list_append(&l->flight, &s->queue);
    s->said = to_say(s);
    s->want = 0;
    s->uttered |= s->said & WANT_OPEN;
    if (s->said & (WANT_BEAT | WANT_LEAVE)) {
        s->saying = s->metadata;
        s->metadata = NULL;
    }
}

size_t ledger_take(struct ledger *l, int64_t offset_ms, struct span drain_ms,
                   struct session_op ops[LEDGER_BATCH_MAX])
{
    size_t count = 0;
    if (ledger_in_flight(l))
        return 0;
    if (!l->hold_ends)
        list_take(&l->dirty, &l->ends);
    while (!list_empty(&l->dirty) && count + OPS_EACH_MAX <= LEDGER_BATCH_MAX) {
        struct session *s = list_entry(l->dirty.next, struct session, queue);
        enum session_op_kind kinds[OPS_EACH_MAX];
        if (l->hold_ends && (s->want & WANT_LEAVE)) {
            list_remove(&s->queue);
            list_append(&l->ends, &s->queue);
            continue;
        }
        struct span name = write_name(l, s->number, l->names + count * NAME_SIZE);
        hand_out(l, s);
        for (size_t i = 0, n = kinds_of(s->said, kinds); i < n; i++)
            fill_op(s, kinds[i], name, offset_ms, drain_ms, &ops[count++]);
    }
    l->behind = !list_empty(&l->dirty);
    return count;
}

/* Out of the batch; returns what it said. What came with a beat that did not arrive is kept, unless there is
 * something newer. */
static uint8_t land(struct session *s, bool arrived)
{
    uint8_t said = s->said;
    list_remove(&s->queue);
    s->said = 0;
    if (!arrived && !s->metadata)
        s->metadata = s->saying;
    else
        free(s->saying);
    s->saying = NULL;
    return said;
}

/* Said again: lives in their order before all else, since a user's later session may be ending already. */
static void say_again(struct ledger *l, struct session *s, uint8_t what, struct list *lives)
{
    s->want |= what;
    queue(l, s, s->want & WANT_LEAVE ? &l->ends : lives);
}

static void put_first(struct ledger *l, struct list *lives)
{
    list_take(lives, &l->dirty);
    list_take(&l->dirty, lives);
}

void ledger_answered(struct ledger *l, struct span outcomes, int64_t now_ms)
{
    struct list lives;
    size_t at = 0;
    list_init(&lives);
    while (!list_empty(&l->flight)) {
        struct session *s = list_entry(l->flight.next, struct session, queue);
        enum session_op_kind kinds[OPS_EACH_MAX];
        bool late = at < outcomes.len && outcomes.data[at] == OUTCOME_LATE && !s->ended &&
                    s->heard_ms + l->ttl_ms > now_ms;
        at += kinds_of(s->said, kinds);
        uint8_t said = land(s, !late);
        if (late) {
            say_again(l, s, said, &lives);
            continue;
        }
        if ((said & WANT_ENTER) && !(s->want & WANT_ENTER))
            assertion_over(l, s);
        if ((said & WANT_OPEN) && s->arriving && !s->ended) {
            s->arriving = false;
            l->entered(l->arg, s);
        }
        if (s->want)
            queue(l, s, &l->dirty);
        else if (s->ended)
            forget(l, s);
    }
    put_first(l, &lives);
}

/* Of what was lost, and what came up since. Who has ended only says so: it may never have been heard of. */
static uint8_t still_true(uint8_t what)
{
    return what & (what & WANT_LEAVE ? WANT_LEAVE : 0xff);
}

void ledger_lost(struct ledger *l)
{
    struct list lives;
    list_init(&lives);
    while (!list_empty(&l->flight)) {
        struct session *s = list_entry(l->flight.next, struct session, queue);
        uint8_t again = still_true(land(s, false) | s->want);
        s->want = 0;
        say_again(l, s, again, &lives);
    }
    put_first(l, &lives);
}

static bool lives(const struct ledger *l, const struct session *s, int64_t now_ms)
{
    return !s->ended && s->heard_ms + l->ttl_ms > now_ms;
}

void ledger_assert_user(struct ledger *l, struct span user, int64_t now_ms)
{
    for (struct session *s = ledger_user(l, user); s; s = s->next)
        if (lives(l, s, now_ms) && !(s->want & WANT_OPEN))
            want(l, s, WANT_ASSERT);
}

void ledger_assert_all(struct ledger *l, int64_t now_ms)
{
    for (struct list *at = l->all.next; at != &l->all; at = at->next) {
        struct session *s = list_entry(at, struct session, all);
        if (s->asserting || !lives(l, s, now_ms))
            continue;
        s->asserting = true;
        l->asserting++;
        if (!(s->want & WANT_OPEN))
            want(l, s, WANT_ASSERT);
    }
}
