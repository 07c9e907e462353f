/* SPDX-License-Identifier: MIT */
/* Heartbeats that did not count: remembered with the user, and in a list for doctor; nobody is made up, and
 * no key of another type is touched (op `u` of apply.lua). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/store_scenario.h"

#include "base/mem.h"
#include "store/keys.h"
#include "support/store_redis.h"

static const struct scenario scenarios[] = {
    {"remembered with the user, also after the session has expired",
     {
         {"open ab-1 n1/1 phone left=30", "n +ab-1 connected"},
         {"refused ab-1 n1/1 at=-5 extra=1\tfrom metadata=AB-1", "."},
         {"redis ZCARD presence:refused", "1"},
         {"wait 40", NULL},
         {"sweep", "-ab-1 expired"},
         {"refused ab-1 n1/1 at=-5 extra=2\tfrom metadata=AB-1", "."},
         {"redis ZCARD presence:refused", "1"},
         {"open ab-1 n1/2 phone", "n +ab-1 connected"},
         {"beat ab-1 n1/2 phone", "."},
         {"redis HEXISTS presence:meta:ab-1 refused", "1"},
         {"redis HGET presence:meta:ab-1 status", "online"},
     }},
    {"it changes no state and prolongs nothing",
     {
         {"open alice n1/1 phone left=30", "n +alice connected"},
         {"redis HGET presence:meta:alice rev", NULL},
         {"refused alice n1/1 at=-5 extra=1\tfrom metadata=x", "."},
         {"refused alice n9/9 at=-5 extra=1\tfrom metadata=x", "."},
         {"redis HLEN presence:sessions:alice", "1"},
         {"wait 40", NULL},
         {"sweep", "-alice expired"},
     }},
    {"nobody is made up",
     {
         {"refused ghost n1/1 at=-5 extra=1\tfrom metadata=x", "m"},
         {"redis EXISTS presence:meta:ghost presence:sessions:ghost presence:user:ghost", "0"},
     }},
    {"keys of another type are left alone",
     {
         {"open alice n1/1 phone", "n +alice connected"},
         {"redis SET presence:refused rubbish", "OK"},
         {"refused alice n1/1 at=-5 extra=1\tfrom metadata=x", "."},
         {"redis GET presence:refused", "rubbish"},
         {"redis HEXISTS presence:meta:alice refused", "1"},
         {"redis DEL presence:refused", "1"},
         {"redis SET presence:meta:bob rubbish", "OK"},
         {"refused bob n1/1 at=-5 extra=1\ttype", "x"},
         {"redis GET presence:meta:bob", "rubbish"},
         {"redis ZCARD presence:refused", "1"},
     }},
    {"who was refused long ago leaves the list, and the list goes by itself",
     {
         {"redis ZADD presence:refused 1000 old1 2000 old2", "2"},
         {"open alice n1/1 phone", "n +alice connected"},
         {"refused alice n1/1 at=-5 extra=1\tlate", "."},
         {"redis ZCARD presence:refused", "1"},
         {"redis ZRANK presence:refused alice", "0"},
         {"redis PERSIST presence:refused", "1"},
     }},
    {"a time to come is none",
     {
         {"open alice n1/1 phone", "n +alice connected"},
         {"refused alice n1/1 at=500000 extra=1\tfrom metadata=x", "."},
         {"redis ZCOUNT presence:refused 0 4000000000000", "1"},
     }},
};

static void test_refusals(void **state)
{
    store_scenario_run_all(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

static void test_what_stands_there_is_read_again(void **state)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    struct stored_refusal r;
    store_redis_start(t);
    struct session_op ops[] = {store_redis_op('o', "ab-1", "n1/7", "p"),
                               store_redis_op('u', "ab-1", "n1/7", "")};
    ops[1].extra = SPAN("12\tfrom");
    ops[1].metadata = SPAN("A\tB-1");
    ops[1].beat_ms = 1700000000000;
    assert_int_equal(store_redis_apply(t, ops, 2), 0);
    assert_true(span_equal(t->answer.outcomes, SPAN("n.")));
    const char *value = STORE_REDIS_TEXT(t, "HGET", "presence:meta:ab-1", "refused");
    assert_int_equal(store_refusal_read(span_of(value), &r), 0);
    assert_int_equal(r.count, 12);
    assert_int_equal(r.at_ms, 1700000000000);
    assert_true(span_equal(r.reason, SPAN("from")));
    assert_true(span_equal(r.session, SPAN("n1/7")));
    assert_true(span_equal(r.from, SPAN("A\tB-1")));
    static const char *const wrong[] = {
        "", "12", "12\tfrom", "12\tfrom\t1", "x\tfrom\t1\tn/1\t", "1\tfrom\tx\tn/1\t"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(store_refusal_read(span_of(wrong[i]), &r), STORE_ERROR);
    store_redis_stop(t);
    free(t);
}

#define CROWD 1250
#define EACH  250

static void test_the_list_is_bounded(void **state)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    static char names[CROWD][16];
    struct session_op ops[EACH];
    store_redis_start(t);
    for (size_t i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof(names[i]), "user%04zu", i);
        ops[i % EACH] = store_redis_op('u', names[i], "n1/1", "");
        ops[i % EACH].extra = SPAN("1\tfrom");
        ops[i % EACH].beat_ms = store_redis_now(t) - CROWD + (int64_t)i;
        if (i % EACH == EACH - 1)
            assert_int_equal(store_redis_apply(t, ops, EACH), 0);
    }
    assert_string_equal(STORE_REDIS_TEXT(t, "ZCARD", "presence:refused"), "1000");
    assert_string_equal(STORE_REDIS_TEXT(t, "ZRANK", "presence:refused", "user0250"), "0");
    store_redis_stop(t);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_what_stands_there_is_read_again),
        cmocka_unit_test(test_the_list_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
