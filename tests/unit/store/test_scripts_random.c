/* SPDX-License-Identifier: MIT */
/* Thousands of random operations against a simple model, under the view checker: a user is online while any
 * session lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/store_view_checker.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/rng.h"

#define USERS    8
#define SESSIONS 3 /* of each user, on two nodes */
#define DEVICES  2
#define STEPS    1500
#define TTL      60
#define BATCH    6
#define CROWD    48 /* now and then a batch in which each user stands many times */

struct model_session {
    bool stands; /* as far as the model knows: it may be in the hash */
    int64_t deadline_ms;
    int64_t opened_ms, beat_ms;
    int device;
};

struct model_user {
    char name[16];
    bool online;
    struct model_session sessions[SESSIONS];
};

struct model {
    struct store_redis *t;
    struct store_view_checker *w;
    struct rng *rng;
    struct model_user users[USERS];
};

static const char *const session_names[SESSIONS] = {"n1/1", "n1/2", "n2/1"};
static const char *const devices[DEVICES] = {"phone", "tablet"};

struct planned {
    struct session_op op;
    int user, session, device;
    char extra[16];
};

static int below(struct model *m, int bound)
{
    return (int)rng_below(m->rng, (uint64_t)bound);
}

static void plan(struct model *m, struct planned *p, int64_t now)
{
    static const char kinds[] = "ooobbbbbbbbrreegddf";
    p->user = below(m, USERS);
    p->session = below(m, SESSIONS);
    p->device = below(m, DEVICES);
    p->op = store_redis_op(kinds[below(m, sizeof(kinds) - 1)], m->users[p->user].name,
                           session_names[p->session], devices[p->device]);
    p->op.opened_ms = now - below(m, below(m, 2) ? 30 : 600);
    p->op.beat_ms = below(m, 3) ? 0 : now - below(m, TTL + 20);
    if (p->op.kind == OP_BEAT && below(m, 4) == 0)
        p->op.extra = SPAN("{\"battery\":1}");
    if (p->op.kind == OP_END || p->op.kind == OP_GRACE || p->op.kind == OP_FORCE_OFFLINE)
        p->op.extra = SPAN("why");
    if (p->op.kind == OP_GRACE)
        p->op.grace_ms = below(m, TTL / 2);
    if (p->op.kind == OP_DRAIN) {
        snprintf(p->extra, sizeof(p->extra), "%d", below(m, 2 * TTL));
        p->op.extra = span_of(p->extra);
    }
    p->op.groups = below(m, 3) ? SPAN("") : below(m, 2) ? SPAN("[\"g1\",\"g2\"]") : SPAN("[\"g3\"]");
}

static bool stands_any(const struct model_user *u)
{
    for (int i = 0; i < SESSIONS; i++)
        if (u->sessions[i].stands)
            return true;
    return false;
}

/* The opening at hand comes late: the other session has beaten since. */
static bool came_back(const struct model *m, const struct model_user *u, int i, int64_t opened_ms)
{
    size_t node = strlen(m->t->store.node);
    bool own = strncmp(session_names[i], m->t->store.node, node) == 0 && session_names[i][node] == '/';
    return u->sessions[i].beat_ms > opened_ms + (own ? 0 : 250);
}

static char model_live(struct model *m, struct model_user *u, const struct planned *p, int64_t now)
{
    int64_t beat = p->op.beat_ms == 0 || p->op.beat_ms > now ? now : p->op.beat_ms;
    if (beat <= now - TTL)
        return 'l';
    u->sessions[p->session] = (struct model_session){.stands = true,
                                                     .deadline_ms = beat + TTL,
                                                     .opened_ms = p->op.opened_ms,
                                                     .beat_ms = beat,
                                                     .device = p->device};
    for (int i = 0; p->op.kind == OP_OPEN && i < SESSIONS; i++)
        if (i != p->session && u->sessions[i].device == p->device &&
            u->sessions[i].opened_ms <= p->op.opened_ms && !came_back(m, u, i, p->op.opened_ms))
            u->sessions[i].stands = false;
    if (u->online)
        return '.';
    u->online = true;
    return 'n';
}

static char model_leave(struct model_user *u)
{
    memset(u->sessions, 0, sizeof(u->sessions));
    u->online = false;
    return 'f';
}

static char model_say(struct model *m, const struct planned *p, int64_t now)
{
    struct model_user *u = &m->users[p->user];
    struct model_session *s = &u->sessions[p->session];
    switch (p->op.kind) {
    case OP_OPEN:
    case OP_BEAT:
    case OP_ASSERT: return model_live(m, u, p, now);
    case OP_FORCE_OFFLINE: return u->online ? model_leave(u) : 'm';
    default:
        if (!s->stands)
            return 'm';
    }
    if (p->op.kind == OP_END) {
        s->stands = false;
        return stands_any(u) ? '.' : model_leave(u);
    }
    int64_t seen = p->op.beat_ms < now ? p->op.beat_ms : now;
    s->beat_ms = seen > s->beat_ms ? seen : s->beat_ms;
    int64_t wanted = now + (p->op.kind == OP_GRACE ? p->op.grace_ms : atoll(p->extra));
    if (p->op.kind == OP_GRACE ? wanted < s->deadline_ms : wanted > s->deadline_ms)
        s->deadline_ms = wanted;
    return '.';
}

/* Which sessions stand is read back, since a sweep may leave a passed one beside a living one; but no living
 * one may go. */
static void model_compare_sessions(struct model *m, struct model_user *u, int64_t now)
{
    char key[64], meta[64];
    snprintf(key, sizeof(key), "presence:sessions:%s", u->name);
    snprintf(meta, sizeof(meta), "presence:meta:%s", u->name);
    for (int i = 0; i < SESSIONS; i++) {
        int64_t beat_ms = atoll(STORE_REDIS_TEXT(m->t, "HGET", meta, session_names[i]));
        const char *value = STORE_REDIS_TEXT(m->t, "HGET", key, session_names[i]);
        struct model_session *s = &u->sessions[i];
        struct stored_session stored;
        if (store_session_value_read(span_of(session_names[i]), span_of(value), &stored) < 0) {
            assert_true(!s->stands || s->deadline_ms <= now - 2);
            s->stands = false;
            continue;
        }
        assert_true(s->stands);
        if (beat_ms > stored.beat_ms)
            stored.deadline_ms += beat_ms - stored.beat_ms;
        assert_int_equal(stored.deadline_ms, s->deadline_ms);
        assert_true(span_equal(stored.device, span_of(devices[s->device])));
    }
}

static void model_sweep(struct model *m, bool everything)
{
    assert_int_equal(store_redis_sweep(m->t), 0);
    int64_t now = m->t->swept.state.now_ms;
    size_t left = 0;
    for (int i = 0; i < USERS; i++) {
        struct model_user *u = &m->users[i];
        int64_t last = 0;
        for (int j = 0; j < SESSIONS; j++)
            if (u->sessions[j].stands && u->sessions[j].deadline_ms > last)
                last = u->sessions[j].deadline_ms;
        if (u->online && last <= now - 2 && everything) {
            model_leave(u);
            left++;
        }
    }
    if (everything)
        assert_int_equal(reply_count(m->t->swept.lags), left);
}

static void model_batch(struct model *m)
{
    struct planned plans[CROWD];
    struct session_op ops[CROWD];
    size_t count = 1 + (size_t)below(m, below(m, 8) ? BATCH : CROWD);
    int64_t now = store_redis_now(m->t);
    for (size_t i = 0; i < count; i++) {
        plan(m, &plans[i], now);
        ops[i] = plans[i].op;
    }
    assert_int_equal(store_redis_apply(m->t, ops, count), 0);
    assert_int_equal(m->t->answer.outcomes.len, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(m->t->answer.outcomes.data[i], model_say(m, &plans[i], m->t->answer.state.now_ms));
}

/* A beat by plain commands, as a server writes it: by the script, where their answers say so. */
static void model_beat(struct model *m)
{
    struct planned p;
    char outcome;
    int64_t now = store_redis_now(m->t);
    plan(m, &p, now);
    const struct model_session *s = &m->users[p.user].sessions[p.session];
    if (s->stands) {
        p.device = s->device;
        p.op.opened_ms = s->opened_ms;
    }
    p.op.kind = OP_BEAT;
    p.op.device = span_of(devices[p.device]);
    p.op.extra = below(m, 4) ? SPAN_NONE : SPAN("{\"battery\":2}");
    p.op.beat_ms = now - below(m, 10);
    p.op.plain = true;
    bool fails = !s->stands || p.op.beat_ms <= s->beat_ms;
    store_redis_beats(m->t, &p.op, 1, &outcome);
    assert_true(outcome == OUTCOME_ASK || (outcome == OUTCOME_DONE && !fails));
    p.op.plain = false;
    if (outcome == OUTCOME_ASK) {
        assert_int_equal(store_redis_apply(m->t, &p.op, 1), 0);
        assert_int_equal(m->t->answer.outcomes.data[0], model_say(m, &p, m->t->answer.state.now_ms));
    } else {
        model_say(m, &p, store_redis_now(m->t));
    }
}

static void model_repair(struct model *m)
{
    struct span users[USERS];
    for (int i = 0; i < USERS; i++)
        users[i] = span_of(m->users[i].name);
    assert_int_equal(store_redis_repair(m->t, users, USERS), 0);
    for (size_t i = 0; i < USERS; i++)
        assert_int_equal(m->t->answer.outcomes.data[i], '.');
}

static void model_compare(struct model *m)
{
    int64_t now = store_redis_now(m->t);
    for (int i = 0; i < USERS; i++) {
        struct model_user *u = &m->users[i];
        model_compare_sessions(m, u, now);
        assert_int_equal(store_view_checker_user(m->w, u->name)->online, u->online);
    }
}

static void run(struct store_redis *t, uint64_t seed)
{
    struct store_view_checker w = {.t = t};
    struct rng rng;
    struct model m = {.t = t, .w = &w, .rng = &rng};
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    store_redis_clear(t);
    t->ttl_ms = TTL;
    for (int i = 0; i < USERS; i++)
        snprintf(m.users[i].name, sizeof(m.users[i].name), "user:%d", i);
    for (int step = 0; step < STEPS; step++) {
        int what = below(&m, 20);
        if (what < 3)
            model_sweep(&m, true);
        else if (what == 3)
            model_repair(&m);
        else if (what == 4)
            usleep((useconds_t)below(&m, 4000));
        else if (what < 9)
            model_beat(&m);
        else
            model_batch(&m);
        store_view_checker_look(&w);
        model_compare(&m);
    }
}

static void test_random_operations(void **state)
{
    const char *given = getenv("SEED");
    struct store_redis *t = mem_zalloc(sizeof(*t));
    store_redis_start(t);
    run(t, given ? strtoull(given, NULL, 10) : 1);
    if (!given)
        run(t, random_u64());
    store_redis_stop(t);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
