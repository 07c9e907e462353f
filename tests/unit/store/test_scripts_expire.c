/* SPDX-License-Identifier: MIT */
/* Silence: deadlines that pass, and what a silence of the store itself proves (KEYS.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/store_scenario.h"

#include "base/mem.h"
#include "base/rng.h"
#include "support/store_view_checker.h"

static const struct scenario scenarios[] = {
    {"a deadline passes, and nobody notices twice",
     {
         {"open alice n1/1 phone left=400", "n +alice connected"},
         {"sweep", ""},
         {"wait 404", NULL},
         {"sweep", "-alice expired"},
         {"sweep", ""},
         {"redis EXISTS presence:user:alice presence:sessions:alice", "0"},
         {"redis HGET presence:meta:alice reason", "expired"},
         {"beat alice n1/1 phone", "n +alice heartbeat"},
         {"sweep", ""},
     }},
    {"the last of two deadlines counts",
     {
         {"open alice n1/1 phone left=300", "n +alice connected"},
         {"open alice n1/2 tablet left=900", "."},
         {"wait 304", NULL},
         {"sweep", ""},
         {"wait 604", NULL},
         {"sweep", "-alice expired"},
     }},
    {"a beat between deadline and sweep: nothing happened",
     {
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 30", NULL},
         {"beat alice n1/1 phone", "."},
         {"sweep", ""},
     }},
    {"a reconnect between deadline and sweep: nothing happened",
     {
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 30", NULL},
         {"open alice n2/1 phone opened=-1", "."},
         {"sweep", ""},
     }},
    {"the close of the last living session leaves the passed one to the sweep",
     {
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 30", NULL},
         {"open alice n1/2 tablet", "."},
         {"end alice n1/2 extra=disconnected", "."},
         {"sweep", "-alice expired"},
     }},
    {"so many at once, and no more",
     {
         {"limit 2", NULL},
         {"open a n1/1 phone left=25", "n +a connected"},
         {"open b n1/2 phone left=25", "n +b connected"},
         {"open c n1/3 phone left=25", "n +c connected"},
         {"wait 30", NULL},
         {"sweep", "-a expired -b expired"},
         {"sweep", "-c expired"},
     }},
    {"the first sweep holds back, beats meanwhile are not too late",
     {
         {"holdback 200", NULL},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"open bob n1/2 phone left=25", "n +bob connected"},
         {"wait 30", NULL},
         {"sweep", ""},
         {"beat alice n1/1 phone", "."},
         {"sweep", ""},
         {"wait 204", NULL},
         {"sweep", "-bob expired"},
     }},
    {"a gap between sweeps holds back, short pauses do not",
     {
         {"sweep", ""},
         {"holdback 200", NULL},
         {"gap 2000", NULL},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 30", NULL},
         {"sweep", "-alice expired"},
         {"gap 30", NULL},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 60", NULL},
         {"sweep", ""},
         {"gap 2000", NULL},
         {"wait 204", NULL},
         {"sweep", "-alice expired"},
     }},
    {"a close does not wait for the hold-back",
     {
         {"holdback 10000", NULL},
         {"open alice n1/1 phone", "n +alice connected"},
         {"sweep", ""},
         {"end alice n1/1 extra=disconnected", "f -alice disconnected"},
     }},
    {"a passed session is no proof while held back",
     {
         {"holdback 200", NULL},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 30", NULL},
         {"open alice n1/2 tablet", "."},
         {"sweep", ""},
         {"end alice n1/2 extra=disconnected", "."},
         {"beat alice n1/1 phone", "."},
         {"wait 204", NULL},
         {"sweep", ""},
     }},
    {"a clock that went back holds back, and no hold-back outlasts itself",
     {
         {"sweep", ""},
         {"holdback 100", NULL},
         {"redis HSET presence:epoch swept 99999999999999", "0"},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"wait 30", NULL},
         {"sweep", ""},
         {"wait 104", NULL},
         {"sweep", "-alice expired"},
         {"redis HSET presence:epoch hold 99999999999999", "0"},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"sweep", ""},
         {"wait 104", NULL},
         {"sweep", "-alice expired"},
         {"redis HSET presence:epoch hold soon swept yesterday", "0"},
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"sweep", ""},
         {"wait 104", NULL},
         {"sweep", "-alice expired"},
     }},
};

static void test_silence(void **state)
{
    store_scenario_run_all(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

static struct store_redis t;

static int64_t sweep_once(int64_t after_ms)
{
    store_redis_wait_until(&t, store_redis_now(&t) + after_ms);
    assert_int_equal(store_redis_sweep(&t), 0);
    return t.swept.state.now_ms;
}

enum { HOLDBACK = 100, STALL = 45, GAP = STALL - 5, ROW = 5 * HOLDBACK };

static void stalling(void)
{
    struct session_op silent = store_redis_op('o', "alice", "n1/1", "phone");
    store_redis_clear(&t);
    t.holdback_ms = HOLDBACK;
    t.gap_ms = GAP;
    t.ttl_ms = 20;
    assert_int_equal(store_redis_apply(&t, &silent, 1), 0);
}

static void not_stalling(void)
{
    t.ttl_ms = STORE_REDIS_TTL;
    t.holdback_ms = 0;
    t.gap_ms = INT32_MAX;
}

/* A store that stalls again and again: each sweep comes behind a gap, which counts as GAP at most. Who had
 * passed before the first is told after ROW / GAP of them, who passes meanwhile has as many of its own. */
static void test_holding_in_a_row_is_bounded(void **state)
{
    struct session_op late = store_redis_op('o', "bob", "n1/2", "phone");
    stalling();
    sweep_once(STALL);
    assert_int_equal(store_redis_apply(&t, &late, 1), 0);
    for (int gaps = 1; gaps * GAP < ROW; gaps++) {
        sweep_once(STALL);
        assert_in_range(t.swept.held_ms, 1, HOLDBACK);
        assert_int_equal(reply_count(t.swept.lags), 0);
    }
    sweep_once(STALL);
    assert_true(t.swept.held_ms > 0);
    assert_int_equal(reply_count(t.swept.lags), 1);
    assert_string_equal(STORE_REDIS_TEXT(&t, "ZSCORE", "presence:due", "alice"), "(nil)");
    for (int gaps = 1; gaps * GAP < ROW; gaps++) {
        sweep_once(STALL);
        assert_int_equal(reply_count(t.swept.lags), 0);
    }
    sweep_once(STALL);
    assert_int_equal(reply_count(t.swept.lags), 1);
    not_stalling();
}

/* One long outage behind a row that was nearly over: nobody could beat in it, so all are held once more. */
static void test_an_outage_is_no_time_of_holding(void **state)
{
    struct session_op beat = store_redis_op('o', "bob", "n1/2", "phone");
    stalling();
    sweep_once(STALL);
    for (int gaps = 1; (gaps + 2) * GAP < ROW; gaps++)
        sweep_once(STALL);
    assert_int_equal(store_redis_apply(&t, &beat, 1), 0);
    sweep_once(2 * ROW);
    assert_in_range(t.swept.held_ms, 1, HOLDBACK);
    assert_int_equal(reply_count(t.swept.lags), 0);
    not_stalling();
}

static void test_the_index_is_lazy_one_way(void **state)
{
    store_redis_clear(&t);
    struct session_op op = store_redis_op('o', "alice", "n1/1", "phone");
    op.beat_ms = store_redis_now(&t) - STORE_REDIS_TTL + 30;
    int64_t first = op.beat_ms + STORE_REDIS_TTL;
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
    op.kind = OP_BEAT;
    op.beat_ms = 0;
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
    int64_t second = t.answer.state.now_ms + STORE_REDIS_TTL;
    assert_int_equal(atoll(STORE_REDIS_TEXT(&t, "ZSCORE", "presence:due", "alice")), first);
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(t.swept.next_ms, first);
    assert_int_equal(t.swept.looked, 0);
    store_redis_wait_until(&t, first + 3);
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(t.swept.looked, 1);
    assert_int_equal(reply_count(t.swept.lags), 0);
    assert_int_equal(t.swept.state.online, 1);
    assert_int_equal(t.swept.next_ms, second);
    assert_int_equal(atoll(STORE_REDIS_TEXT(&t, "ZSCORE", "presence:due", "alice")), second);
}

/* A session that another writer made up, with a deadline beyond all numbers, holds up nobody else's end. */
static void test_a_deadline_beyond_numbers(void **state)
{
    store_redis_clear(&t);
    struct session_op ops[] = {store_redis_op('o', "alice", "n1/1", "phone"),
                               store_redis_op('o', "bob", "n1/2", "phone")};
    static const char rest[] = "\t5\t5\t\t\tphone";
    char value[400 + sizeof(rest)];
    memset(value, '9', 400);
    memcpy(value + 400, rest, sizeof(rest));
    ops[0].beat_ms = ops[1].beat_ms = store_redis_now(&t) - STORE_REDIS_TTL + 30;
    int64_t deadline = ops[1].beat_ms + STORE_REDIS_TTL;
    assert_int_equal(store_redis_apply(&t, ops, 2), 0);
    redis_server_do(&t.server, "HSET", "presence:sessions:alice", "n1/1", value);
    redis_server_do(&t.server, "ZADD", "presence:due", "1", "alice");
    store_redis_wait_until(&t, deadline + 3);
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(reply_count(t.swept.lags), 1);
}

static void test_answers_of_the_sweep(void **state)
{
    store_redis_clear(&t);
    t.holdback_ms = 50;
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(t.swept.held_ms, 50);
    assert_int_equal(t.swept.next_ms, INT64_MAX);
    assert_int_equal(t.swept.state.online, 0);
    t.holdback_ms = 0;
    struct session_op op = store_redis_op('o', "alice", "n1/1", "phone");
    op.beat_ms = store_redis_now(&t) - STORE_REDIS_TTL + 25;
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
    assert_int_equal(t.answer.state.online, 1);
    int64_t deadline = op.beat_ms + STORE_REDIS_TTL;
    store_redis_wait_until(&t, deadline + 20);
    store_redis_forget(&t);
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(t.swept.held_ms, 0);
    assert_int_equal(t.swept.looked, 1);
    assert_int_equal(t.swept.state.online, 0);
    assert_int_equal(reply_count(t.swept.lags), 1);
    assert_int_equal(reply_integer(reply_at(t.swept.lags, 0), -1), t.swept.state.now_ms - deadline);
}

#define CROWD  25
#define ROUNDS 40

struct crowd {
    char names[CROWD][16], sessions[CROWD][16];
    int64_t moments[CROWD]; /* of the phones' return: around the deadline */
    size_t expired;
};

static void crowd_say(struct crowd *c, char kind, const char *node, int round, int64_t beat_ms)
{
    struct session_op ops[CROWD];
    for (int i = 0; i < CROWD; i++) {
        snprintf(c->names[i], sizeof(c->names[i]), "user%d", i);
        snprintf(c->sessions[i], sizeof(c->sessions[i]), "%s/%d", node, round);
        ops[i] = store_redis_op(kind, c->names[i], c->sessions[i], "phone");
        ops[i].beat_ms = beat_ms;
    }
    assert_int_equal(store_redis_apply(&t, ops, CROWD), 0);
}

static void crowd_returns(struct crowd *c, int round)
{
    for (int left = CROWD; left > 0;) {
        int64_t now = store_redis_now(&t);
        assert_int_equal(store_redis_sweep(&t), 0);
        for (int i = 0; i < CROWD; i++) {
            if (c->moments[i] > now)
                continue;
            struct session_op op = store_redis_op('o', c->names[i], "n2/1", "phone");
            op.opened_ms = 2000 + round;
            assert_int_equal(store_redis_apply(&t, &op, 1), 0);
            c->expired += t.answer.outcomes.data[0] == OUTCOME_ONLINE;
            c->moments[i] = INT64_MAX;
            left--;
        }
    }
    assert_int_equal(store_redis_sweep(&t), 0);
}

/* Sweeps from before the deadline to after it, with the return of the phone somewhere in between. */
static void reconnect_round(struct store_view_checker *w, struct crowd *c, struct rng *rng, int round)
{
    int64_t end = store_redis_now(&t) + 10;
    for (int i = 0; i < CROWD; i++)
        c->moments[i] = end - 2 + (int64_t)rng_below(rng, 8);
    crowd_say(c, 'r', "n1", round, end - STORE_REDIS_TTL);
    crowd_returns(c, round);
    store_view_checker_look(w);
    for (size_t i = 0; i < w->count; i++)
        assert_true(w->users[i].online);
    crowd_say(c, 'f', "n1", round, 0);
    store_view_checker_look(w);
}

static void test_reconnects_in_the_moment_of_expiry(void **state)
{
    struct store_view_checker w = {.t = &t};
    struct rng rng;
    store_redis_clear(&t);
    print_message("seed 7\n");
    rng_init(&rng, 7);
    struct crowd c = {.expired = 0};
    for (int round = 0; round < ROUNDS; round++)
        reconnect_round(&w, &c, &rng, round);
    print_message("%zu of %d came after the sweep\n", c.expired, CROWD * ROUNDS);
}

static int start(void **state)
{
    store_redis_start(&t);
    return 0;
}

static int stop(void **state)
{
    store_redis_stop(&t);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_holding_in_a_row_is_bounded),
        cmocka_unit_test(test_an_outage_is_no_time_of_holding),
        cmocka_unit_test(test_the_index_is_lazy_one_way),
        cmocka_unit_test(test_a_deadline_beyond_numbers),
        cmocka_unit_test(test_answers_of_the_sweep),
        cmocka_unit_test(test_reconnects_in_the_moment_of_expiry),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
