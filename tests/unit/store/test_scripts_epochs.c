/* SPDX-License-Identifier: MIT */
/* Epochs and revisions: what begins a new one, what never comes twice, and what the events look like
 * (KEYS.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/store_view_checker.h"

#define AHEAD  1000000000 /* of what is known, where the clock is not */
#define DAY_US 86400000000

static struct store_redis t;

static void say(char kind, const char *user, const char *session)
{
    struct session_op op = store_redis_op(kind, user, session, "phone");
    if (kind == 'e')
        op.extra = SPAN("disconnected");
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
}

static void epoch_copy(char out[EPOCH_SIZE])
{
    assert_int_equal(span_copy(t.answer.state.epoch, out, EPOCH_SIZE), 0);
}

/* A command as words up to NULL; none at all is fine. */
static void tamper(const char *const *words)
{
    int count = 0;
    while (words[count])
        count++;
    if (count)
        store_redis_text(&t, count, words);
}

static void test_what_begins_an_epoch(void **state)
{
    static const struct {
        const char *name;
        const char *tamper[2][6];
        const char *run_id;
        bool begins;
    } cases[] = {
        {"nothing", {{"PING"}}, NULL, false},
        {"another process", {{"PING"}}, "9999999922222222333333334444444455555555", true},
        {"a process that is not known", {{"PING"}}, "unknown", false},
        {"a record by one that did not know", {{"HSET", "presence:epoch", "run_id", "unknown"}}, NULL, false},
        {"a record without a process", {{"HDEL", "presence:epoch", "run_id"}}, "unknown", true},
        {"emptied, and the process is not known", {{"FLUSHALL"}}, "unknown", true},
        {"counter set back, and the process is not known", {{"SET", "presence:rev", "5"}}, "unknown", true},
        {"emptied", {{"FLUSHALL"}}, NULL, true},
        {"counter deleted", {{"DEL", "presence:rev"}}, NULL, true},
        {"counter set back", {{"SET", "presence:rev", "5"}}, NULL, true},
        {"counter no number", {{"SET", "presence:rev", "0x10"}}, NULL, true},
        {"counter beyond doubles", {{"SET", "presence:rev", "9007199254740992"}}, NULL, true},
        {"record deleted", {{"DEL", "presence:epoch"}}, NULL, true},
        {"index deleted", {{"DEL", "presence:due"}}, NULL, true},
        {"log deleted", {{"DEL", "presence:log"}}, NULL, false},
        {"log ahead", {{"XADD", "presence:log", "9000000000000000-0", "a", "b"}}, NULL, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char before[EPOCH_SIZE], after[EPOCH_SIZE];
        print_message("%s\n", cases[i].name);
        store_redis_clear(&t);
        say('o', "alice", "n1/1");
        epoch_copy(before);
        uint64_t rev = t.answer.state.rev;
        tamper(cases[i].tamper[0]);
        tamper(cases[i].tamper[1]);
        if (cases[i].run_id)
            strcpy(t.store.run_id, cases[i].run_id);
        struct store_view_checker w = {.t = &t, .may_repeat = true};
        snprintf(w.epoch, sizeof(w.epoch), "%s", before);
        w.rev = w.highest = rev;
        store_redis_hear(&t);
        store_redis_forget(&t);
        say('o', "bob", "n1/2");
        say('o', "carol", "n1/3");
        store_view_checker_look(&w);
        epoch_copy(after);
        assert_int_equal(strcmp(before, after) != 0, cases[i].begins);
        assert_string_equal(STORE_REDIS_TEXT(&t, "HGET", "presence:epoch", "id"), after);
        assert_int_equal(strtoull(STORE_REDIS_TEXT(&t, "GET", "presence:rev"), NULL, 10), t.answer.state.rev);
        if (cases[i].begins)
            assert_memory_equal(after, t.store.run_id,
                                strlen(t.store.run_id) < 8 ? strlen(t.store.run_id) : 8);
        assert_string_equal(STORE_REDIS_TEXT(&t, "XLEN", "presence:log"),
                            cases[i].begins || !strcmp(cases[i].name, "log deleted") ? "2" : "3");
    }
}

/* Two daemons of which one may ask INFO: the epoch stays, and the record names the process once it is known.
 */
static void test_daemons_with_and_without_info_share_an_epoch(void **state)
{
    char known[RUN_ID_SIZE], epoch[EPOCH_SIZE];
    store_redis_clear(&t);
    strcpy(known, t.store.run_id);
    strcpy(t.store.run_id, STORE_RUN_ID_UNKNOWN);
    say('o', "alice", "n1/1");
    epoch_copy(epoch);
    assert_string_equal(STORE_REDIS_TEXT(&t, "HGET", "presence:epoch", "run_id"), "unknown");
    for (int i = 0; i < 3; i++) {
        strcpy(t.store.run_id, known);
        say('b', "alice", "n1/1");
        assert_true(span_equal(t.answer.state.epoch, span_of(epoch)));
        strcpy(t.store.run_id, STORE_RUN_ID_UNKNOWN);
        say('b', "alice", "n1/1");
        assert_true(span_equal(t.answer.state.epoch, span_of(epoch)));
        assert_string_equal(STORE_REDIS_TEXT(&t, "HGET", "presence:epoch", "run_id"), known);
    }
}

/* The log shows it only with the transition that it refuses: the events before belong to the epoch before. */
static void test_an_epoch_begins_within_a_batch(void **state)
{
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    redis_server_do(&t.server, "SET", "presence:rev", "5");
    struct session_op ops[] = {store_redis_op('b', "alice", "n1/1", "phone"),
                               store_redis_op('o', "bob", "n1/2", "phone"),
                               store_redis_op('o', "carol", "n1/3", "phone")};
    assert_int_equal(store_redis_apply(&t, ops, 3), 0);
    assert_true(span_equal(t.answer.outcomes, SPAN(".nn")));
    assert_string_equal(STORE_REDIS_TEXT(&t, "XLEN", "presence:log"), "2");
    assert_int_equal(t.answer.state.online, 3);
    struct store_view_checker w = {.t = &t, .may_repeat = true};
    store_view_checker_look(&w);
    assert_int_equal(w.rev, t.answer.state.rev);
}

static void test_revisions_start_above_clock_and_what_was_known(void **state)
{
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    assert_true(t.answer.state.rev > (uint64_t)t.answer.state.now_ms * 1000);
    assert_true(t.answer.state.rev < (uint64_t)t.answer.state.now_ms * 1000 + 2000);
    redis_server_do(&t.server, "FLUSHALL");
    uint64_t known = (uint64_t)t.answer.state.now_ms * 1000 + 100 * DAY_US;
    t.store.known_rev = known;
    say('o', "alice", "n1/1");
    /* The clock is behind what is known, as after it was set back: far above, since others may have heard of
     * more. */
    uint64_t rev = t.answer.state.rev;
    assert_true(rev > known + AHEAD && rev < known + 2 * AHEAD + 2);
    say('o', "bob", "n1/2");
    assert_int_equal(t.answer.state.rev, rev + 1);
    known += 100 * DAY_US;
    t.store.known_rev = known;
    say('o', "carol", "n1/3");
    rev = t.answer.state.rev;
    assert_true(rev > known + AHEAD && rev < known + 2 * AHEAD + 2);
    redis_server_do(&t.server, "DEL", "presence:epoch");
    t.store.known_rev = 0;
    say('o', "dave", "n1/4");
    assert_true(t.answer.state.rev > rev + AHEAD);
}

/* A counter that somebody set, or that was restored from another scheme: one epoch by the clock, and no storm
 * of them at each daemon that has heard of it. */
static void test_a_counter_years_ahead_is_none(void **state)
{
    char epoch[EPOCH_SIZE];
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    uint64_t clock = (uint64_t)t.answer.state.now_ms * 1000;
    redis_server_do(&t.server, "SET", "presence:rev", "9007199254740990");
    say('b', "alice", "n1/1");
    epoch_copy(epoch);
    assert_true(t.answer.state.rev < clock + DAY_US);
    for (int i = 0; i < 3; i++) {
        t.store.known_rev = i % 2 ? UINT64_MAX / 2 : 9007199254740990;
        say('b', "alice", "n1/1");
        assert_true(span_equal(t.answer.state.epoch, span_of(epoch)));
    }
}

/* What stood in Redis's socket while it stood still was given up by its sender, who says again what is so by
 * then. */
static void test_a_batch_is_not_executed_late(void **state)
{
    struct session_op end = store_redis_op('e', "alice", "n1/1", "phone");
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    t.store.until_ms = store_redis_now(&t) - 1;
    assert_int_equal(store_redis_apply(&t, &end, 1), STORE_ERROR);
    assert_true(reply_error_is(t.reply, "STALE"));
    assert_string_equal(STORE_REDIS_TEXT(&t, "ZCARD", "presence:due"), "1");
    t.store.until_ms = store_redis_now(&t) + 60000;
    assert_int_equal(store_redis_apply(&t, &end, 1), 0);
    assert_string_equal(STORE_REDIS_TEXT(&t, "ZCARD", "presence:due"), "0");
    t.store.until_ms = 0;
}

/* Deadlines of before Redis's clock was set back would keep the silent online until it has caught up. */
static void test_deadlines_of_another_clock_are_bounded(void **state)
{
    char value[128];
    struct span alice = SPAN("alice");
    int64_t far = store_redis_now(&t) + 3600000;
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    snprintf(value, sizeof(value), "%lld\t%lld\t1\t\t\tphone", (long long)far, (long long)far - t.ttl_ms);
    redis_server_do(&t.server, "HSET", "presence:sessions:alice", "n1/1", value);
    snprintf(value, sizeof(value), "%lld", (long long)far);
    redis_server_do(&t.server, "PEXPIREAT", "presence:user:alice", value);
    redis_server_do(&t.server, "ZADD", "presence:due", value, "alice");
    assert_int_equal(store_redis_repair(&t, &alice, 1), 0);
    int64_t latest = store_redis_now(&t) + t.ttl_ms;
    assert_true(atoll(STORE_REDIS_TEXT(&t, "ZSCORE", "presence:due", "alice")) <= latest);
    assert_true(atoll(STORE_REDIS_TEXT(&t, "HGET", "presence:sessions:alice", "n1/1")) <= latest);
    assert_true(atoll(STORE_REDIS_TEXT(&t, "PTTL", "presence:user:alice")) <= t.ttl_ms);
}

/* Who repairs may have a shorter TTL than the servers whose sessions it looks at. */
static void test_a_repair_leaves_longer_deadlines_alone(void **state)
{
    struct span alice = SPAN("alice");
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    char before[64];
    snprintf(before, sizeof(before), "%s", STORE_REDIS_TEXT(&t, "HGET", "presence:sessions:alice", "n1/1"));
    int64_t ttl_ms = t.ttl_ms;
    t.ttl_ms = 100;
    assert_int_equal(store_redis_repair(&t, &alice, 1), 0);
    t.ttl_ms = ttl_ms;
    assert_true(span_equal(t.answer.outcomes, SPAN(".")));
    assert_string_equal(STORE_REDIS_TEXT(&t, "HGET", "presence:sessions:alice", "n1/1"), before);
}

static void test_state_outlives_the_epoch(void **state)
{
    store_redis_clear(&t);
    say('o', "alice", "n1/1");
    strcpy(t.store.run_id, "9999999922222222333333334444444455555555");
    say('r', "alice", "n1/1");
    assert_true(span_equal(t.answer.outcomes, SPAN(".")));
    assert_int_equal(t.answer.state.online, 1);
    say('e', "alice", "n1/1");
    assert_true(span_equal(t.answer.outcomes, SPAN("f")));
}

static void test_a_new_epoch_holds_back(void **state)
{
    store_redis_clear(&t);
    t.holdback_ms = 5000;
    say('o', "alice", "n1/1");
    assert_int_equal(store_redis_sweep(&t), 0);
    redis_server_do(&t.server, "HSET", "presence:epoch", "hold", "0");
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(t.swept.held_ms, 0);
    redis_server_do(&t.server, "DEL", "presence:rev");
    assert_int_equal(store_redis_sweep(&t), 0);
    assert_int_equal(t.swept.held_ms, 5000);
}

static void test_the_log_is_capped(void **state)
{
    store_redis_clear(&t);
    t.store.log_max = 100;
    struct session_op ops[200];
    for (int i = 0; i < 200; i++)
        ops[i] = i % 2 ? store_redis_op('e', "alice", "n1/1", "phone")
                       : store_redis_op('o', "alice", "n1/1", "phone");
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_redis_apply(&t, ops, 200), 0);
    int64_t length = atoll(STORE_REDIS_TEXT(&t, "XLEN", "presence:log"));
    assert_in_range(length, 100, 299);
}

static void test_works_when_memory_is_full(void **state)
{
    store_redis_clear(&t);
    redis_server_do(&t.server, "CONFIG", "SET", "maxmemory", "1");
    redis_server_do(&t.server, "SCRIPT", "FLUSH");
    redisReply *r = redis_server_call(&t.server, "SET", "x", "y", NULL);
    assert_int_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
    store_redis_load_scripts(&t);
    say('o', "alice", "n1/1");
    assert_true(span_equal(t.answer.outcomes, SPAN("n")));
    say('b', "alice", "n1/1");
    assert_int_equal(store_redis_sweep(&t), 0);
    struct span alice = SPAN("alice");
    assert_int_equal(store_redis_repair(&t, &alice, 1), 0);
    say('e', "alice", "n1/1");
    assert_true(span_equal(t.answer.outcomes, SPAN("f")));
    redis_server_do(&t.server, "CONFIG", "SET", "maxmemory", "0");
}

static void test_a_forgotten_script_is_said_to_be(void **state)
{
    store_redis_clear(&t);
    struct session_op op = store_redis_op('o', "alice", "n1/1", "phone");
    redis_server_do(&t.server, "SCRIPT", "FLUSH");
    assert_int_equal(store_redis_apply(&t, &op, 1), STORE_ERROR);
    assert_true(reply_error_is(t.reply, "NOSCRIPT"));
    store_redis_load_scripts(&t);
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
}

static void test_events_to_the_letter(void **state)
{
    static const struct {
        const char *user, *device, *groups, *reason, *user_json, *device_json, *groups_json;
    } cases[] = {
        {"7", "d-1", "", "", "\"7\"", "\"d-1\"", ""},
        {"a:b", "", "", "forced", "\"a:b\"", "null", ""},
        {"say \"hi\"\\", "x\"y", "[\"b\",\"a:\\u00e4\"]", "", "\"say \\\"hi\\\"\\\\\"", "\"x\\\"y\"",
         ",\"groups\":[\"a:\xc3\xa4\",\"b\"]"},
        {"\xc3\xa4\xf0\x9f\x93\xb1", "d", "[]", "", "\"\xc3\xa4\xf0\x9f\x93\xb1\"", "\"d\"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        store_redis_clear(&t);
        struct session_op op = store_redis_op('o', cases[i].user, "n1/1", cases[i].device);
        op.groups = span_of(cases[i].groups);
        op.extra = span_of(cases[i].reason);
        op.beat_ms = store_redis_now(&t) - 1000;
        assert_int_equal(store_redis_apply(&t, &op, 1), 0);
        store_redis_hear(&t);
        bytes_auto expected = BYTES_INIT;
        bytes_printf(&expected,
                     "{\"userId\":%s,\"status\":\"online\",\"timestamp\":%lld,\"lastSeen\":%lld,\"deviceId\":"
                     "%s,\"rev\":%llu,"
                     "\"epoch\":\"%.*s\",\"db\":0,\"reason\":\"%s\",\"node\":\"n1\"%s}",
                     cases[i].user_json, (long long)t.answer.state.now_ms, (long long)op.beat_ms,
                     cases[i].device_json, (unsigned long long)t.answer.state.rev,
                     (int)t.answer.state.epoch.len, t.answer.state.epoch.data,
                     cases[i].reason[0] ? cases[i].reason : "connected", cases[i].groups_json);
        assert_int_equal(t.message_count, 2);
        assert_string_equal(t.messages[0].channel, "presence:online");
        assert_string_equal(t.messages[0].payload, bytes_text(&expected));
        assert_string_equal(t.messages[1].channel, "presence:updates");
        assert_string_equal(t.messages[1].payload, bytes_text(&expected));
    }
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
        cmocka_unit_test(test_what_begins_an_epoch),
        cmocka_unit_test(test_daemons_with_and_without_info_share_an_epoch),
        cmocka_unit_test(test_an_epoch_begins_within_a_batch),
        cmocka_unit_test(test_revisions_start_above_clock_and_what_was_known),
        cmocka_unit_test(test_a_counter_years_ahead_is_none),
        cmocka_unit_test(test_a_batch_is_not_executed_late),
        cmocka_unit_test(test_deadlines_of_another_clock_are_bounded),
        cmocka_unit_test(test_a_repair_leaves_longer_deadlines_alone),
        cmocka_unit_test(test_state_outlives_the_epoch),
        cmocka_unit_test(test_a_new_epoch_holds_back),
        cmocka_unit_test(test_the_log_is_capped),
        cmocka_unit_test(test_works_when_memory_is_full),
        cmocka_unit_test(test_a_forgotten_script_is_said_to_be),
        cmocka_unit_test(test_events_to_the_letter),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
