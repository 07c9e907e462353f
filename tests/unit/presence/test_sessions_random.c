/* SPDX-License-Identifier: MIT */
/* The session table among random phones and faults, against a model; and a crowd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/rng.h"
#include "support/sessions_counted.h"

#define TTL_MS 60000
#define MIN_MS 25000
#define START  1000

/* The store, as far as sessions go, and what the session table's owner knows. Each session is user u and number n;
 * numbers are used once. */
#define USERS       12
#define NUMBERS_MAX 6000

struct world {
    struct sessions sessions;
    struct rng rng;
    int64_t now_ms;
    struct {
        struct session *session; /* while its connection lives */
        bool ended;              /* its peer closed */
        bool unheard;            /* it began and ended in the dark */
        bool sent;               /* it was in a batch once */
        bool stored;
        int64_t heard_ms, stored_beat_ms;
    } lives[NUMBERS_MAX];
    size_t living[64], living_count;
    struct session_op ops[SESSIONS_BATCH_MAX];
    size_t op_count;
    bool wiped; /* the store was, and the session table does not know yet */
};

static uint64_t number_of(const struct session_op *op)
{
    uint64_t number;
    assert_int_equal(
        span_to_u64((struct span){op->session.data + 2, op->session.len - 2}, NUMBERS_MAX, &number), 0);
    return number;
}

static char apply(struct world *w, const struct session_op *op)
{
    uint64_t n = number_of(op);
    assert_false(w->lives[n].unheard);
    w->lives[n].sent = true;
    if (op->kind == OP_END) {
        assert_true(w->lives[n].ended);
        bool stood = w->lives[n].stored;
        w->lives[n].stored = false;
        return stood ? OUTCOME_DONE : OUTCOME_MISSING;
    }
    assert_true(op->kind == OP_OPEN || op->kind == OP_BEAT || op->kind == OP_ASSERT);
    if (op->beat_ms + TTL_MS <= w->now_ms)
        return OUTCOME_LATE;
    w->lives[n].stored = true;
    w->lives[n].stored_beat_ms = op->beat_ms;
    return OUTCOME_DONE;
}

static void arrive(struct world *w, bool answered)
{
    char outcomes[SESSIONS_BATCH_MAX];
    for (size_t i = 0; i < w->op_count; i++)
        outcomes[i] = apply(w, &w->ops[i]);
    if (answered)
        sessions_complete(&w->sessions, (struct span){outcomes, w->op_count}, w->now_ms);
    w->op_count = 0;
}

static void open_one(struct world *w)
{
    char user[2] = {(char)('a' + rng_below(&w->rng, USERS)), 0};
    uint64_t n = w->sessions.last_number + 1;
    if (w->living_count == 64 || n >= NUMBERS_MAX)
        return;
    w->lives[n].session = session_open(&w->sessions, span_of(user), SPAN("d"), SPAN_NONE, w, w->now_ms);
    w->lives[n].heard_ms = w->now_ms;
    w->living[w->living_count++] = n;
}

static size_t leave_one(struct world *w)
{
    size_t i = rng_below(&w->rng, w->living_count), n = w->living[i];
    w->living[i] = w->living[--w->living_count];
    w->lives[n].unheard = !w->sessions.connected && !w->lives[n].sent;
    return n;
}

static void end_one(struct world *w)
{
    size_t n = leave_one(w);
    w->lives[n].ended = true;
    session_end(&w->sessions, w->lives[n].session, "gone", SESSION_CLOSED, w->now_ms);
    w->lives[n].session = NULL;
}

static void abandon_one(struct world *w)
{
    size_t n = leave_one(w);
    session_abandon(&w->sessions, w->lives[n].session);
    w->lives[n].session = NULL;
}

static void beat_one(struct world *w)
{
    size_t n = w->living[rng_below(&w->rng, w->living_count)];
    session_beat(&w->sessions, w->lives[n].session, SPAN("{}"), w->now_ms);
    w->lives[n].heard_ms = w->now_ms;
}

static void disconnect(struct world *w)
{
    if (w->op_count && rng_below(&w->rng, 2))
        arrive(w, false);
    w->op_count = 0;
    w->sessions.connected = false;
    sessions_requeue(&w->sessions);
    if (rng_below(&w->rng, 3))
        return;
    for (size_t n = 0; n < NUMBERS_MAX; n++)
        w->lives[n].stored = false;
    w->wiped = true;
}

static void take_one(struct world *w)
{
    if (!w->sessions.connected || w->op_count)
        return;
    w->op_count = sessions_dequeue(&w->sessions, 0, SPAN("1"), w->ops);
    for (size_t i = 0; i < w->op_count; i++)
        w->lives[number_of(&w->ops[i])].sent = true;
}

static void connect_again(struct world *w)
{
    w->sessions.connected = true;
    if (w->wiped)
        sessions_assert_all(&w->sessions, w->now_ms);
    w->wiped = false;
}

static void step(struct world *w)
{
    uint64_t dice = rng_below(&w->rng, 100);
    w->now_ms += (int64_t)rng_below(&w->rng, 700);
    if (dice < 15)
        open_one(w);
    else if (dice < 45 && w->living_count)
        beat_one(w);
    else if (dice < 54 && w->living_count)
        end_one(w);
    else if (dice < 56 && w->living_count)
        abandon_one(w);
    else if (dice < 75)
        take_one(w);
    else if (dice < 92 && w->op_count)
        arrive(w, true);
    else if (dice < 94 && w->op_count) {
        w->op_count = 0;
        sessions_requeue(&w->sessions);
    } else if (dice < 96)
        disconnect(w);
    else
        connect_again(w);
}

/* When all is said: the store holds who lives, by their true beats, and nobody whose peer closed. */
static void assert_agreed(struct world *w, uint64_t seed)
{
    connect_again(w);
    if (w->op_count)
        arrive(w, true);
    for (size_t i = 0; i < w->living_count; i++)
        session_release(&w->sessions, w->lives[w->living[i]].session);
    for (int i = 0; i < 4; i++) {
        take_one(w);
        arrive(w, true);
    }
    assert_false(sessions_pending(&w->sessions) || sessions_in_flight(&w->sessions));
    assert_int_equal(w->sessions.asserting + w->sessions.orphaned + w->sessions.urgent, 0);
    assert_int_equal(w->sessions.count, w->living_count);
    for (size_t n = 1; n <= w->sessions.last_number; n++) {
        bool lives = w->lives[n].session && w->lives[n].heard_ms + TTL_MS > w->now_ms;
        if (w->lives[n].stored && w->lives[n].ended)
            fail_msg("seed %llu: session %zu has ended, but stands", (unsigned long long)seed, n);
        if (lives && (!w->lives[n].stored || w->lives[n].stored_beat_ms != w->lives[n].heard_ms))
            fail_msg("seed %llu: session %zu lives, but does not stand so", (unsigned long long)seed, n);
    }
}

static void test_random_lives_agree_with_a_model(void **state)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world *w = calloc(1, sizeof(*w));
        w->now_ms = START;
        rng_init(&w->rng, seed);
        sessions_init(&w->sessions, "n", TTL_MS, seed % 2 ? MIN_MS : 0, 0, 0);
        for (int i = 0; i < 400; i++) {
            step(w);
            sessions_counted_check("random", &w->sessions);
            if (i % 100 == 99)
                assert_agreed(w, seed);
        }
        sessions_finish(&w->sessions);
        free(w);
    }
}

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

#define CROWD 100000

static int64_t say_all(struct sessions *l, size_t *ret_ops)
{
    struct session_op ops[SESSIONS_BATCH_MAX];
    char outcomes[SESSIONS_BATCH_MAX];
    int64_t from = nanoseconds();
    size_t n;
    memset(outcomes, OUTCOME_DONE, sizeof(outcomes));
    for (*ret_ops = 0; (n = sessions_dequeue(l, 0, SPAN("1"), ops)) > 0; *ret_ops += n)
        sessions_complete(l, (struct span){outcomes, n}, START);
    return nanoseconds() - from;
}

static void test_a_crowd(void **state)
{
    struct session **sessions = calloc(CROWD, sizeof(*sessions));
    struct sessions l;
    char name[32];
    size_t ops;
    sessions_init(&l, "0123abcd", TTL_MS, 0, 0, 0);
    l.connected = true;
    for (int i = 0; i < CROWD; i++)
        sessions[i] = session_open(&l, (struct span){name, (size_t)snprintf(name, 32, "user%d", i)},
                                   SPAN("some-device"), SPAN_NONE, &l, START);
    say_all(&l, &ops);
    assert_int_equal(ops, CROWD);
    for (int i = 0; i < CROWD; i++)
        session_beat(&l, sessions[i], SPAN_NONE, START + 1);
    int64_t took = say_all(&l, &ops);
    print_message("%lld ns for a beat taken and answered\n", (long long)(took / CROWD));
    assert_int_equal(ops, CROWD);
    sessions_assert_all(&l, START);
    assert_int_equal(l.asserting, CROWD);
    say_all(&l, &ops);
    assert_int_equal(l.asserting, 0);
    for (int i = 0; i < CROWD; i++)
        session_end(&l, sessions[i], "gone", SESSION_CLOSED, START + 2);
    say_all(&l, &ops);
    assert_int_equal(l.count, 0);
    assert_true(took / CROWD < 20000);
    sessions_finish(&l);
    free(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lives_agree_with_a_model),
        cmocka_unit_test(test_a_crowd),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
