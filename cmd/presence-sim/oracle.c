/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include "base/mem.h"

#include <stdlib.h>

#define KEEP_MS 60000 /* an end is remembered so long: messages about it are late by at most this */

/* How a session went on after its last sign of life. */
enum ending { RUNNING, LEFT, LOST, DRAINED };

struct sign {
    int64_t heard_ms; /* not before this */
    int64_t sent_ms;  /* known to the server delivery_ms after this */
};

struct oracle_session {
    struct list link;
    const struct oracle_rules *rules;
    char *device;
    int64_t started_ms;
    struct sign signs[ORACLE_SIGNS]; /* of life, oldest first; the first is the connect */
    size_t sign_count;
    int64_t void_before_ms; /* forced offline or taken over: signs up to this count no more */
    enum ending ending;
    int64_t ended_ms;
};

struct oracle_user {
    char *id;
    uint64_t confirmed_rev;
    struct list sessions;
};

int64_t oracle_beat_min_ms(int64_t ttl_ms)
{
    int64_t most = ttl_ms * 5 / 12;
    return most < 25000 ? most : 25000;
}

static struct span user_key(const void *object)
{
    return span_of(((const struct oracle_user *)object)->id);
}

void oracle_init(struct oracle *t, const struct oracle_rules *rules)
{
    t->rules = *rules;
    map_init(&t->users, user_key);
}

static void session_free(struct oracle_session *s)
{
    list_remove(&s->link);
    free(s->device);
    free(s);
}

void oracle_finish(struct oracle *t)
{
    struct oracle_user *u;
    size_t at = 0;
    while ((u = map_next(&t->users, &at))) {
        while (!list_empty(&u->sessions))
            session_free(list_entry(u->sessions.next, struct oracle_session, link));
        free(u->id);
        free(u);
    }
    map_finish(&t->users);
}

static struct oracle_user *user_of(struct oracle *t, struct span id)
{
    struct oracle_user *u = map_get(&t->users, id);
    if (u)
        return u;
    u = mem_zalloc(sizeof(*u));
    u->id = mem_strndup(id.data, id.len);
    list_init(&u->sessions);
    map_put(&t->users, u);
    return u;
}

static int64_t newest_sign(const struct oracle_session *s)
{
    return s->sign_count ? s->signs[s->sign_count - 1].sent_ms : s->started_ms;
}

/* Until when the session may have counted, by the kindest reckoning. */
static int64_t possible_until(const struct oracle_session *s)
{
    int64_t deadline = newest_sign(s) + s->rules->ttl_ms + s->rules->delivery_ms;
    if (s->ending == LEFT && s->ended_ms < deadline)
        return s->ended_ms;
    if (s->ending == DRAINED && s->ended_ms + s->rules->drain_grace_ms > deadline)
        return s->ended_ms + s->rules->drain_grace_ms + s->rules->delivery_ms;
    return deadline;
}

static void prune(struct oracle_user *u, int64_t now_ms)
{
    for (struct list *link = u->sessions.next, *next; link != &u->sessions; link = next) {
        struct oracle_session *s = list_entry(link, struct oracle_session, link);
        next = link->next;
        if (s->ending != RUNNING && possible_until(s) + KEEP_MS < now_ms)
            session_free(s);
    }
}

static void take_over(struct oracle_user *u, struct span device, int64_t now_ms)
{
    for (struct list *link = u->sessions.next; link != &u->sessions; link = link->next) {
        struct oracle_session *s = list_entry(link, struct oracle_session, link);
        if (span_equal(span_of(s->device), device))
            s->void_before_ms = now_ms;
    }
}

struct oracle_session *oracle_connecting(struct oracle *t, struct span user, struct span device,
                                         int64_t now_ms)
{
    struct oracle_user *u = user_of(t, user);
    struct oracle_session *s = mem_zalloc(sizeof(*s));
    prune(u, now_ms);
    take_over(u, device, now_ms);
    s->rules = &t->rules;
    s->device = mem_strndup(device.data, device.len);
    s->started_ms = now_ms;
    list_append(&u->sessions, &s->link);
    return s;
}

static void add_sign(struct oracle_session *s, int64_t heard_ms, int64_t sent_ms)
{
    if (s->sign_count == ORACLE_SIGNS) {
        for (size_t i = 1; i < ORACLE_SIGNS; i++)
            s->signs[i - 1] = s->signs[i];
        s->sign_count--;
    }
    s->signs[s->sign_count++] = (struct sign){heard_ms, sent_ms};
}

void oracle_opened(struct oracle_session *s, int64_t now_ms)
{
    /* The server reckons from the upgrade, some time before its answer arrived. */
    add_sign(s, s->started_ms, now_ms);
}

void oracle_beat(struct oracle_session *s, int64_t now_ms)
{
    add_sign(s, now_ms, now_ms);
}

void oracle_refused(struct oracle_session *s)
{
    session_free(s);
}

static void finish(struct oracle_session *s, enum ending ending, int64_t now_ms)
{
    s->ending = ending;
    s->ended_ms = now_ms;
}

void oracle_left(struct oracle_session *s, int64_t now_ms)
{
    finish(s, LEFT, now_ms);
}

void oracle_lost(struct oracle_session *s, int64_t now_ms)
{
    finish(s, LOST, now_ms);
}

void oracle_drained(struct oracle_session *s, int64_t now_ms)
{
    finish(s, DRAINED, now_ms);
}

void oracle_ended(struct oracle_session *s, int64_t now_ms)
{
    /* The server ended it before its close frame arrived here. */
    s->void_before_ms = now_ms;
    finish(s, LEFT, now_ms);
}

void oracle_forced(struct oracle *t, struct span user, int64_t at_ms)
{
    struct oracle_user *u = map_get(&t->users, user);
    if (!u)
        return;
    for (struct list *link = u->sessions.next; link != &u->sessions; link = link->next) {
        struct oracle_session *s = list_entry(link, struct oracle_session, link);
        if (s->void_before_ms < at_ms)
            s->void_before_ms = at_ms;
    }
}

void oracle_confirm(struct oracle *t, struct span user, uint64_t rev)
{
    struct oracle_user *u = map_get(&t->users, user);
    if (u && rev > u->confirmed_rev)
        u->confirmed_rev = rev;
}

uint64_t oracle_confirmed_rev(const struct oracle *t, struct span user)
{
    const struct oracle_user *u = map_get(&t->users, user);
    return u ? u->confirmed_rev : 0;
}

bool oracle_knows(const struct oracle *t, struct span user)
{
    return map_get(&t->users, user);
}

/* Whether this sign of life alone keeps the session alive at at_ms, beyond doubt. */
static bool sign_holds(const struct oracle_session *s, const struct sign *sign, int64_t at_ms)
{
    const struct oracle_rules *rules = s->rules;
    int64_t known_ms = sign->sent_ms + rules->delivery_ms,
            deadline_ms = sign->heard_ms + rules->ttl_ms - rules->skew_ms;
    if (sign->heard_ms <= s->void_before_ms || known_ms > at_ms)
        return false;
    if (s->ending == RUNNING || at_ms < s->ended_ms)
        return at_ms < deadline_ms;
    if (s->ending == LEFT || known_ms > s->ended_ms)
        return false;
    return at_ms < deadline_ms - (s->ending == LOST ? rules->beat_min_ms : 0);
}

static bool session_certain(const struct oracle_session *s, int64_t at_ms)
{
    for (size_t i = 0; i < s->sign_count; i++)
        if (sign_holds(s, &s->signs[i], at_ms))
            return true;
    return false;
}

bool oracle_certain(const struct oracle *t, struct span user, int64_t at_ms)
{
    const struct oracle_user *u = map_get(&t->users, user);
    if (!u)
        return false;
    for (struct list *link = u->sessions.next; link != &u->sessions; link = link->next)
        if (session_certain(list_entry(link, struct oracle_session, link), at_ms))
            return true;
    return false;
}

bool oracle_possible(const struct oracle *t, struct span user, int64_t at_ms, int64_t late_ms)
{
    const struct oracle_user *u = map_get(&t->users, user);
    if (!u)
        return true;
    for (struct list *link = u->sessions.next; link != &u->sessions; link = link->next) {
        const struct oracle_session *s = list_entry(link, struct oracle_session, link);
        if (s->started_ms <= at_ms + s->rules->delivery_ms && at_ms <= possible_until(s) + late_ms)
            return true;
    }
    return false;
}

enum oracle_state oracle_state(const struct oracle *t, struct span user, int64_t now_ms)
{
    if (oracle_certain(t, user, now_ms))
        return ORACLE_ONLINE;
    return oracle_knows(t, user) && !oracle_possible(t, user, now_ms, 0) ? ORACLE_OFFLINE : ORACLE_UNDECIDED;
}

bool oracle_next(const struct oracle *t, size_t *at, struct span *ret_user)
{
    const struct oracle_user *u = map_next(&t->users, at);
    if (!u)
        return false;
    *ret_user = span_of(u->id);
    return true;
}
