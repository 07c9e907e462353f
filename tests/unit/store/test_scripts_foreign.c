/* SPDX-License-Identifier: MIT */
/* What others do to the keys: deleted, changed, of another type, written by another system (KEYS.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/store_redis.h"
#include "support/store_scenario.h"

static const struct scenario scenarios[] = {
    {"the user's key deleted: the next beat puts it back",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:user:alice", "1"},
         {"mended", NULL},
         {"beat alice n1/1 phone left=6000", "."},
         {"redis GET presence:user:alice", "1"},
     }},
    {"the user's key shortened, prolonged, made to stay, or of another type",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"tampered", NULL},
         {"redis PEXPIRE presence:user:alice 1000", "1"},
         {"mended", NULL},
         {"beat alice n1/1 phone left=6000", "."},
         {"tampered", NULL},
         {"redis PERSIST presence:user:alice", "1"},
         {"mended", NULL},
         {"beat alice n1/1 phone left=7000", "."},
         {"tampered", NULL},
         {"redis DEL presence:user:alice", "1"},
         {"redis RPUSH presence:user:alice x", "1"},
         {"beat alice n1/1 phone left=8000", "."},
         {"repair alice", "x"},
         {"force alice extra=forced", "f -alice forced"},
         {"open alice n1/2 phone", "x"},
         {"redis EXISTS presence:sessions:alice", "0"},
         {"redis LLEN presence:user:alice", "1"},
         {"redis PTTL presence:user:alice", "-1"},
         {"redis DEL presence:user:alice", "1"},
         {"open alice n1/2 phone", "n +alice connected"},
         {"redis GET presence:user:alice", "1"},
         {"mended", NULL},
     }},
    {"keys of another program under our names are neither written nor deleted",
     {
         {"redis HSET presence:user:zoe name Zoe", "1"},
         {"repair zoe", "x"},
         {"open zoe n1/1 phone", "x"},
         {"beat zoe n1/1 phone", "x"},
         {"assert zoe n1/1 phone", "x"},
         {"redis HGET presence:user:zoe name", "Zoe"},
         {"redis PTTL presence:user:zoe", "-1"},
         {"redis EXISTS presence:sessions:zoe presence:meta:zoe", "0"},
         {"open yan n1/1 phone left=20", "n +yan connected"},
         {"tampered", NULL},
         {"redis DEL presence:sessions:yan", "1"},
         {"redis SET presence:sessions:yan theirs", "OK"},
         {"wait 30", NULL},
         {"sweep", "-yan expired"},
         {"redis GET presence:sessions:yan", "theirs"},
         {"redis GET presence:user:yan", "(nil)"},
     }},
    {"lastSeen does not go back when a session is asserted that another outlived",
     {
         {"open alice n1/1 phone at=-5000", "n +alice connected"},
         {"open alice n1/2 tablet", "."},
         {"end alice n1/1 extra=disconnected", "."},
         {"end alice n1/2 extra=disconnected", "f -alice disconnected"},
         {"assert alice n1/1 phone at=-5000", "n +alice recovered"},
     }},
    {"meta deleted: the next beat puts it back, whatever its age",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:meta:alice", "1"},
         {"mended", NULL},
         {"beat alice n1/1 phone left=6000", "."},
         {"redis HEXISTS presence:meta:alice sinceSeen", "1"},
         {"redis HGET presence:meta:alice deviceId", "phone"},
         {"redis HGET presence:meta:alice role", "mobile"},
         {"tampered", NULL},
         {"redis DEL presence:meta:alice", "1"},
         {"mended", NULL},
         {"beat alice n1/1 phone", "."},
         {"end alice n1/1 extra=disconnected", "f -alice disconnected"},
     }},
    {"meta deleted: the groups come back, too, whoever looks first",
     {
         {"open alice n1/1 phone left=5000 groups=[\"g\"]", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:meta:alice", "1"},
         {"beat alice n1/1 phone groups=[\"g\"]",
          ". "
          "!{\"cmd\":\"groups\",\"userId\":\"alice\",\"groups\":[\"g\"],NOW,\"db\":0}"},
         {"redis HGET presence:meta:alice groups", "[\"g\"]"},
         {"redis DEL presence:meta:alice", "1"},
         {"repair alice", "k "
                          "!{\"cmd\":\"groups\",\"userId\":\"alice\",\"groups\":[\"g\"],NOW,\"db\":0}"},
         {"redis HDEL presence:meta:alice groups", "1"},
         {"beat alice n1/1 phone groups=[\"g\"]",
          ". "
          "!{\"cmd\":\"groups\",\"userId\":\"alice\",\"groups\":[\"g\"],NOW,\"db\":0}"},
         {"redis HGET presence:meta:alice groups", "[\"g\"]"},
         {"redis HGET presence:meta:alice deviceId", "phone"},
         {"mended", NULL},
         {"beat alice n1/1 phone groups=[\"g\"]", "."},
     }},
    {"sessions deleted: a beat opens anew, unseen",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:sessions:alice", "1"},
         {"mended", NULL},
         {"beat alice n1/1 phone left=6000", ". ?"},
         {"beat alice n1/2 tablet left=5000", "."},
     }},
    {"sessions deleted: the key says how long to wait",
     {
         {"open alice n1/1 phone left=30", "n +alice connected"},
         {"beat alice n1/1 phone left=90", "."},
         {"tampered", NULL},
         {"redis DEL presence:sessions:alice", "1"},
         {"wait 40", NULL},
         {"sweep", "?"},
         {"wait 60", NULL},
         {"sweep", "-alice expired"},
     }},
    {"the index deleted: a beat that finds out",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"open alice n1/2 tablet left=9000", "."},
         {"tampered", NULL},
         {"redis DEL presence:due", "1"},
         {"beat alice n1/1 phone left=6000", "n +alice heartbeat"},
         {"mended", NULL},
         {"end alice n1/2 extra=disconnected", "."},
         {"end alice n1/1 extra=disconnected", "f -alice disconnected"},
     }},
    {"an entry taken out of the index: the next beat finds out, the repair counts anew",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"open bob n1/2 phone left=5000", "n +bob connected"},
         {"tampered", NULL},
         {"redis ZREM presence:due alice", "1"},
         {"beat bob n1/2 phone left=6000", "."},
         {"beat alice n1/1 phone left=6000", "n +alice heartbeat"},
         {"beat alice n1/1 phone left=7000", "."},
         {"redis HGET presence:epoch online", "3"},
         {"mended", NULL},
         {"repair alice bob", ".."},
         {"redis HGET presence:epoch online", "2"},
         {"beat alice n1/1 phone left=8000", "."},
         {"end alice n1/1 extra=disconnected", "f -alice disconnected"},
         {"redis HGET presence:epoch online", "1"},
     }},
    {"the index deleted: what is asserted in the new epoch finds out, also with a newer beat",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:due", "1"},
         {"beat alice n1/1 phone left=6000", "."},
         {"assert alice n1/1 phone left=7000", "n +alice recovered"},
         {"mended", NULL},
         {"end alice n1/1 extra=disconnected", "f -alice disconnected"},
     }},
    {"the index deleted: the repair finds out",
     {
         {"open alice n1/1 phone left=5000 groups=[\"g\"]", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:due", "1"},
         {"beat alice n1/1 phone left=6000 groups=[\"g\"]", "."},
         {"repair alice", "k +alice repaired"},
         {"mended", NULL},
         {"redis HGET presence:meta:alice groups", "[\"g\"]"},
     }},
    {"an entry taken out of the index: the repair finds out",
     {
         {"open alice n1/1 phone left=5000 groups=[\"g\"]", "n +alice connected"},
         {"open bob n1/2 phone", "n +bob connected"},
         {"tampered", NULL},
         {"redis ZREM presence:due alice", "1"},
         {"repair alice", "k +alice repaired"},
         {"redis HGET presence:epoch online", "2"},
         {"mended", NULL},
         {"redis HGET presence:meta:alice groups", "[\"g\"]"},
     }},
    {"the index deleted, and the session ends before anybody finds out",
     {
         {"open alice n1/1 phone", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:due", "1"},
         {"end alice n1/1 extra=disconnected", ". -alice disconnected"},
         {"mended", NULL},
         {"repair alice", "."},
     }},
    {"index and meta deleted, then a beat that moves the deadline",
     {
         {"open alice n1/1 phone left=5000", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:due presence:meta:alice", "2"},
         {"beat alice n1/1 phone left=6000", "n +alice heartbeat"},
         {"mended", NULL},
         {"sweep", ""},
     }},
    {"foreign types are left alone",
     {
         {"redis SET presence:sessions:bob x", "OK"},
         {"open bob n1/1 phone", "x"},
         {"beat bob n1/1 phone", "x"},
         {"end bob n1/1 extra=disconnected", "x"},
         {"grace bob n1/1 extra=disconnected", "x"},
         {"drain bob n1/1 extra=10", "x"},
         {"force bob extra=forced", "x"},
         {"repair bob", "x"},
         {"redis GET presence:sessions:bob", "x"},
         {"redis SET presence:meta:carol x", "OK"},
         {"open carol n1/1 phone", "x"},
         {"beat carol n1/1 phone", "x"},
         {"redis EXISTS presence:sessions:carol", "0"},
         {"force carol extra=forced", "x"},
         {"repair carol", "x"},
         {"redis GET presence:meta:carol", "x"},
     }},
    {"meta of another type under a living user",
     {
         {"open alice n1/1 phone left=200 groups=[\"g\"]", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:meta:alice", "1"},
         {"redis SET presence:meta:alice x", "OK"},
         {"beat alice n1/1 phone left=220 groups=[\"g\"] extra={}", "."},
         {"beat alice n1/1 phone left=210 groups=[\"g\"]", "."},
         {"open alice n1/2 tablet", "x"},
         {"end alice n1/1 extra=disconnected", "x"},
         {"force alice extra=forced", "x"},
         {"wait 240", NULL},
         {"sweep", "-alice expired"},
         {"redis GET presence:meta:alice", "x"},
     }},
    {"meta of another type, and the index gone",
     {
         {"open alice n1/1 phone left=3000", "n +alice connected"},
         {"tampered", NULL},
         {"redis DEL presence:meta:alice presence:due presence:user:alice", "3"},
         {"redis SET presence:meta:alice x", "OK"},
         {"beat alice n1/1 phone left=4000", "x"},
     }},
    {"sessions that are none",
     {
         {"redis HSET presence:sessions:alice n9/9 rubbish n9/8 9\t9\t9\t\t{\tother", "2"},
         {"open alice n1/1 phone groups=[\"g\"]", "n +alice connected"},
         {"redis HLEN presence:sessions:alice", "3"},
         {"end alice n1/1 extra=disconnected",
          ". !{\"cmd\":\"groups\",\"userId\":\"alice\",\"groups\":[],NOW,\"db\":0}"},
         {"sweep", "-alice expired"},
         {"tampered", NULL},
         {"redis HSET presence:sessions:bob n9/8 9999999999999\t9\t9\t\t{\"a\":[1]}\tphone n9/7 "
          "9\t9\t9\t\t[1,null,[],\"g\"]\tx",
          "2"},
         {"repair bob", "k +bob repaired "
                        "!{\"cmd\":\"groups\",\"userId\":\"bob\",\"groups\":[\"g\"],NOW,\"db\":0}"},
         {"beat bob n1/2 phone", "."},
     }},
    {"another writer's user is adopted until the key ends",
     {
         {"redis HSET presence:meta:alice status online lastSeen 1700000000000 deviceId other role mobile",
          "4"},
         {"tampered", NULL},
         {"redis SET presence:user:alice 1 PX 40", "OK"},
         {"repair alice", "a +alice adopted"},
         {"mended", NULL},
         {"redis HGET presence:meta:alice sinceSeen", "1700000000000"},
         {"redis HGET presence:meta:alice deviceId", "other"},
         {"repair alice", "."},
         {"wait 45", NULL},
         {"sweep", "-alice expired"},
     }},
    {"another writer's device that is no plain text is left out",
     {
         {"redis HSET presence:meta:alice deviceId \xff\xfe\x01x", "1"},
         {"tampered", NULL},
         {"redis SET presence:user:alice 1 PX 5000", "OK"},
         {"repair alice", "a +alice adopted"},
         {"redis HGET presence:meta:alice deviceId", ""},
     }},
    {"another writer's device, reason and groups that are no plain text are left out of what is told",
     {
         {"tampered", NULL},
         {"redis ZADD presence:due 1 alice", "1"},
         {"redis HSET presence:sessions:alice odd/1 1\t1\t1\t\xff\t\t\xff\xfe", "1"},
         {"sweep", "-alice expired"},
         {"redis HGET presence:meta:alice deviceId", ""},
         {"redis ZADD presence:due 1 bob", "1"},
         {"redis HSET presence:meta:bob deviceId a\x01b", "1"},
         {"redis HSET presence:sessions:bob odd/1 1\t1\t1\tbye\t\t\xc3\xa9", "1"},
         {"sweep", "-bob bye"},
         {"redis HGET presence:meta:bob deviceId", "\xc3\xa9"},
         {"redis ZADD presence:due 1 dave", "1"},
         {"redis HSET presence:sessions:dave odd/1 1\t99999999999999999999\t7\t\t\tx", "1"},
         {"sweep", "-dave expired"},
         {"open carol n1/1 phone groups=[\"g\"]", "n +carol connected"},
         {"redis HSET presence:sessions:carol odd/1 9\t9\t9\t\t[\"\xff\",\"h\",\"\xc2\x85\"]\tx", "1"},
         {"beat carol n1/2 phone",
          ". !{\"cmd\":\"groups\",\"userId\":\"carol\",\"groups\":[\"g\",\"h\"],NOW,\"db\":0}"},
     }},
    {"another writer's id in the index that is no plain text goes unsaid",
     {
         {"tampered", NULL},
         {"redis ZADD presence:due 1 \xff", "1"},
         {"sweep", ""},
         {"redis ZCARD presence:due", "0"},
     }},
    {"another writer's heartbeats prolong",
     {
         {"tampered", NULL},
         {"redis SET presence:user:alice 1 PX 40", "OK"},
         {"repair alice", "a +alice adopted"},
         {"redis PEXPIRE presence:user:alice 90", "1"},
         {"wait 45", NULL},
         {"sweep", ""},
         {"mended", NULL},
         {"wait 55", NULL},
         {"sweep", "-alice expired"},
     }},
    {"another writer's key without end gets one",
     {
         {"tampered", NULL},
         {"redis SET presence:user:alice 1", "OK"},
         {"repair alice", "a +alice adopted"},
         {"mended", NULL},
         {"redis HGET presence:meta:alice role", "mobile"},
     }},
    {"another writer's key ends beyond all numbers: a day and an hour are enough",
     {
         {"tampered", NULL},
         {"redis SET presence:user:alice 1 PXAT 9223372036854775807", "OK"},
         {"redis SET presence:user:bob 1 PX 5000", "OK"},
         {"repair alice bob", "aa +alice adopted +bob adopted"},
         {"mended", NULL},
         {"repair alice bob", ".."},
         {"sweep", ""},
         {"end alice external/0 extra=external", "f -alice external"},
     }},
    {"another writer's key is prolonged beyond all numbers before its end",
     {
         {"tampered", NULL},
         {"redis SET presence:user:alice 1 PX 40", "OK"},
         {"repair alice", "a +alice adopted"},
         {"redis PEXPIREAT presence:user:alice 9223372036854775807", "1"},
         {"wait 45", NULL},
         {"sweep", ""},
         {"repair alice", "a"},
         {"mended", NULL},
         {"repair alice", "."},
     }},
    {"numbers beyond all others in sessions, index and meta",
     {
         {"tampered", NULL},
         {"redis HSET presence:sessions:alice n9/1 99999999999999999999999\t9\t9\t\t\tphone n9/2 "
          "9\t99999999999999999999999\t9\t\t\tx",
          "2"},
         {"redis HSET presence:meta:alice status offline lastSeen 99999999999999999999999", "2"},
         {"redis ZADD presence:due 1e300 alice", "1"},
         {"redis HSET presence:meta:bob status offline lastSeen nan deviceId x", "3"},
         {"redis ZADD presence:due -inf bob", "1"},
         {"repair alice", NULL},
         {"beat alice n9/2 x", "."},
         {"open alice n1/1 phone", "."},
         {"force alice extra=forced", "f -alice forced"},
         {"open bob n1/1 phone", ". ?"},
         {"end bob n1/1 extra=disconnected", "f -bob disconnected"},
         {"sweep", ""},
     }},
    {"another writer takes its key away",
     {
         {"tampered", NULL},
         {"redis SET presence:user:alice 1 PX 5000", "OK"},
         {"repair alice", "a +alice adopted"},
         {"redis DEL presence:user:alice", "1"},
         {"repair alice", "e -alice external"},
         {"redis SET presence:user:alice 1 PX 5000", "OK"},
         {"repair alice", "a +alice adopted"},
         {"open alice n1/1 phone", "."},
         {"redis DEL presence:user:alice", "1"},
         {"repair alice", "e"},
         {"mended", NULL},
         {"end alice n1/1 extra=disconnected", "f -alice disconnected"},
     }},
    {"another writer beats for a user of ours",
     {
         {"open alice n1/1 phone left=2000", "n +alice connected"},
         {"tampered", NULL},
         {"redis PEXPIRE presence:user:alice 8000", "1"},
         {"repair alice", "a"},
         {"mended", NULL},
         {"end alice n1/1 extra=disconnected", "."},
         {"tampered", NULL},
         {"redis DEL presence:user:alice", "1"},
         {"repair alice", "e -alice external"},
     }},
    {"the repair puts key and TTL right",
     {
         {"open alice n1/1 phone", "n +alice connected"},
         {"repair alice bob", ".."},
         {"tampered", NULL},
         {"redis DEL presence:user:alice", "1"},
         {"repair alice", "k"},
         {"mended", NULL},
         {"tampered", NULL},
         {"redis PEXPIRE presence:user:alice 2000", "1"},
         {"repair alice", "k"},
         {"mended", NULL},
         {"tampered", NULL},
         {"redis PERSIST presence:user:alice", "1"},
         {"repair alice", "k"},
         {"mended", NULL},
         {"tampered", NULL},
         {"redis HSET presence:meta:alice status offline", "0"},
         {"repair alice", "k"},
         {"mended", NULL},
         {"repair alice", "."},
     }},
    {"an online in meta that nothing bears out",
     {
         {"redis HSET presence:meta:alice status online lastSeen 5", "2"},
         {"repair alice", "o"},
         {"redis HGET presence:meta:alice status", "offline"},
         {"repair alice", "."},
     }},
    {"sessions left over are cleared",
     {
         {"redis HSET presence:sessions:alice n1/1 5\t5\t5\t\t\tphone", "1"},
         {"repair alice", "."},
         {"redis EXISTS presence:sessions:alice", "0"},
     }},
    {"an index entry without end gets one",
     {
         {"tampered", NULL},
         {"redis ZADD presence:due inf alice", "1"},
         {"repair alice", "k"},
         {"repair alice", "."},
         {"redis ZADD presence:due 1 alice", "0"},
         {"sweep", "-alice expired"},
         {"mended", NULL},
         {"sweep", ""},
     }},
    {"an index entry behind a living session",
     {
         {"open alice n1/1 phone left=25", "n +alice connected"},
         {"tampered", NULL},
         {"redis ZADD presence:due inf alice", "0"},
         {"wait 30", NULL},
         {"sweep", ""},
         {"repair alice", "k"},
         {"sweep", "-alice expired"},
     }},
};

static void test_other_writers(void **state)
{
    store_scenario_run_all(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

static void test_one_bad_user_fails_no_batch(void **state)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    store_redis_start(t);
    redis_server_do(&t->server, "SET", "presence:sessions:b", "x");
    redis_server_do(&t->server, "SET", "presence:meta:c", "x");
    struct session_op ops[] = {
        store_redis_op('o', "a", "n1/1", "p"), store_redis_op('o', "b", "n1/2", "p"),
        store_redis_op('b', "c", "n1/3", "p"), store_redis_op('e', "b", "n1/2", "p"),
        store_redis_op('o', "d", "n1/4", "p"), store_redis_op('e', "a", "n1/1", "p"),
    };
    assert_int_equal(store_redis_apply(t, ops, sizeof(ops) / sizeof(ops[0])), 0);
    assert_true(span_equal(t->answer.outcomes, SPAN("nxxxnf")));
    assert_int_equal(t->answer.state.online, 1);
    struct span users[] = {SPAN("b"), SPAN("c"), SPAN("d")};
    assert_int_equal(store_redis_repair(t, users, 3), 0);
    assert_true(span_equal(t->answer.outcomes, SPAN("xx.")));
    store_redis_stop(t);
    free(t);
}

/* Every script ends before it has written anything. */
static void test_our_own_keys_of_another_type(void **state)
{
    static const char *const keys[] = {"presence:due", "presence:rev", "presence:epoch"};
    struct store_redis *t = mem_zalloc(sizeof(*t));
    struct span alice = SPAN("alice");
    store_redis_start(t);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct session_op op = store_redis_op('o', "alice", "n1/1", "p");
        char why[64];
        snprintf(why, sizeof(why), "FOREIGN %s is a list", keys[i]);
        store_redis_clear(t);
        redis_server_do(&t->server, "RPUSH", keys[i], "theirs");
        assert_int_equal(store_redis_apply(t, &op, 1), STORE_ERROR);
        assert_true(span_equal(reply_error(t->reply), span_of(why)));
        assert_int_equal(store_redis_sweep(t), STORE_ERROR);
        assert_true(span_equal(reply_error(t->reply), span_of(why)));
        assert_int_equal(store_redis_repair(t, &alice, 1), STORE_ERROR);
        assert_true(span_equal(reply_error(t->reply), span_of(why)));
        assert_string_equal(STORE_REDIS_TEXT(t, "LLEN", keys[i]), "1");
        assert_string_equal(STORE_REDIS_TEXT(t, "DBSIZE"), "1");
        redis_server_do(&t->server, "DEL", keys[i]);
        assert_int_equal(store_redis_apply(t, &op, 1), 0);
        assert_true(span_equal(t->answer.outcomes, SPAN("n")));
    }
    store_redis_stop(t);
    free(t);
}

/* Events are published as ever, in the same epoch; a new epoch leaves the key alone, too. */
static void test_a_log_of_another_type(void **state)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    struct session_op op = store_redis_op('o', "alice", "n1/1", "p"),
                      end = store_redis_op('e', "alice", "n1/1", "");
    char epoch[EPOCH_SIZE];
    store_redis_start(t);
    redis_server_do(&t->server, "SET", "presence:log", "theirs");
    assert_int_equal(store_redis_apply(t, &op, 1), 0);
    assert_int_equal(span_copy(t->answer.state.epoch, epoch, sizeof(epoch)), 0);
    uint64_t rev = t->answer.state.rev;
    assert_int_equal(store_redis_apply(t, &end, 1), 0);
    assert_true(span_equal(t->answer.state.epoch, span_of(epoch)));
    assert_int_equal(t->answer.state.rev, rev + 1);
    redis_server_do(&t->server, "DEL", "presence:rev");
    assert_int_equal(store_redis_apply(t, &op, 1), 0);
    assert_false(span_equal(t->answer.state.epoch, span_of(epoch)));
    store_redis_hear(t);
    assert_int_equal(t->message_count, 6);
    assert_string_equal(STORE_REDIS_TEXT(t, "GET", "presence:log"), "theirs");
    store_redis_stop(t);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_writers),
        cmocka_unit_test(test_one_bad_user_fails_no_batch),
        cmocka_unit_test(test_our_own_keys_of_another_type),
        cmocka_unit_test(test_a_log_of_another_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
