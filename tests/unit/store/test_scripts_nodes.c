/* SPDX-License-Identifier: MIT */
/* The daemons among themselves (node, fence, audit), and what is read without a script's writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/store_redis.h"

#include "redis/resp.h"
#include "store/keys.h"

#include <unistd.h>

#define LONG_MS 60000

static struct store_redis t;
static int64_t forget_ms = LONG_MS;

static void say(char kind, const char *user, const char *session, const char *device)
{
    struct session_op op = store_redis_op(kind, user, session, device);
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
}

static int say_node(const char *name, uint64_t generation, bool leave, struct node_answer *ret)
{
    bytes_auto out = BYTES_INIT;
    struct node_says says = {.program = "presence-ws",
                             .address = "127.0.0.1:3000",
                             .offset_ms = -7,
                             .asserted = "e-1",
                             .forget_ms = forget_ms,
                             .leave = leave,
                             .epoch = "",
                             .ahead_s = 7,
                             .ttl_ms = 61000};
    struct store s = t.store;
    snprintf(s.node, sizeof(s.node), "%s", name);
    s.generation = generation;
    store_node(&s, &says, &out);
    store_redis_keep(&t, store_redis_send(&t, &out));
    return store_read_node(t.reply, ret);
}

/* The registration of that number, behind `answered` that was answered at answered_ms in `epoch`. */
static void say_number(uint64_t number, uint64_t answered, int64_t answered_ms, const char *epoch,
                       struct node_answer *ret)
{
    bytes_auto out = BYTES_INIT;
    struct node_says says = {.program = "presence-ws",
                             .address = "",
                             .asserted = "",
                             .forget_ms = 60000,
                             .number = number,
                             .answered = answered,
                             .answered_ms = answered_ms,
                             .epoch = epoch};
    struct store s = t.store;
    strcpy(s.node, "n1");
    strcpy(s.run_id, STORE_RUN_ID_UNKNOWN);
    store_node(&s, &says, &out);
    store_redis_keep(&t, store_redis_send(&t, &out));
    assert_int_equal(store_read_node(t.reply, ret), 0);
}

/* What a daemon without INFO notices a loss of memory by. */
static void test_a_registration_that_redis_forgot_begins_an_epoch(void **state)
{
    static const struct {
        const char *name;
        const char *tamper[5];
        uint64_t answered;
        int64_t answered_ago_ms;
        bool of_this_epoch, begins;
    } cases[] = {
        {"the record stands", {"PING"}, 7, 0, true, false},
        {"a later one was executed, its answer was lost", {"PING"}, 6, 0, true, false},
        {"nothing was answered yet", {"PING"}, 0, 0, true, false},
        {"an older record", {"HSET", "presence:nodes", "n1", "{\"said\":6,\"seen\":1}"}, 7, 0, true, true},
        {"a record of an earlier version",
         {"HSET", "presence:nodes", "n1", "{\"seen\":1}"},
         7,
         0,
         true,
         true},
        {"an older record, but another has begun an epoch since",
         {"HSET", "presence:nodes", "n1", "{\"said\":6,\"seen\":1}"},
         7,
         0,
         false,
         false},
        {"no record", {"HDEL", "presence:nodes", "n1"}, 7, 0, true, true},
        {"all records gone", {"DEL", "presence:nodes"}, 7, 0, true, true},
        {"forgotten after a silence", {"HDEL", "presence:nodes", "n1"}, 7, 60001, true, false},
        {"no JSON", {"HSET", "presence:nodes", "n1", "{"}, 7, 0, true, false},
        {"no object", {"HSET", "presence:nodes", "n1", "7"}, 7, 0, true, false},
        {"an odd number", {"HSET", "presence:nodes", "n1", "{\"said\":[]}"}, 7, 0, true, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node_answer a;
        char epoch[EPOCH_SIZE];
        int count = 0;
        print_message("%s\n", cases[i].name);
        store_redis_clear(&t);
        say_number(7, 0, 0, "", &a);
        assert_int_equal(span_copy(a.state.epoch, epoch, sizeof(epoch)), 0);
        int64_t answered_ms = a.state.now_ms - cases[i].answered_ago_ms;
        while (cases[i].tamper[count])
            count++;
        store_redis_text(&t, count, cases[i].tamper);
        say_number(8, cases[i].answered, answered_ms, cases[i].of_this_epoch ? epoch : "other", &a);
        assert_int_equal(!span_equal(a.state.epoch, span_of(epoch)), cases[i].begins);
        assert_int_equal(span_copy(a.state.epoch, epoch, sizeof(epoch)), 0);
        say_number(9, 8, a.state.now_ms, epoch, &a);
        assert_true(span_equal(a.state.epoch, span_of(epoch)));
    }
}

static void test_nodes_come_and_go(void **state)
{
    struct node_answer a;
    struct node n;
    store_redis_clear(&t);
    assert_int_equal(say_node("n1", 1, false, &a), 0);
    assert_int_equal(a.swept_ms, 0);
    assert_int_equal(a.held_ms, 0);
    assert_int_equal(a.state.online, 0);
    assert_int_equal(reply_count(a.nodes), 2);
    assert_int_equal(store_node_read(a.nodes, 0, &n), 0);
    assert_true(span_equal(n.name, SPAN("n1")));
    assert_true(span_equal(n.program, SPAN("presence-ws")));
    assert_true(span_equal(n.address, SPAN("127.0.0.1:3000")));
    assert_true(span_equal(n.asserted, SPAN("e-1")));
    assert_int_equal(n.seen_ms, a.state.now_ms);
    assert_int_equal(n.offset_ms, -7);
    assert_int_equal(n.ahead_s, 7);
    store_node_finish(&n);
    assert_int_equal(say_node("n2", 1, false, &a), 0);
    assert_int_equal(reply_count(a.nodes), 4);
    assert_int_equal(say_node("n2", 1, true, &a), 0);
    assert_int_equal(reply_count(a.nodes), 2);
    assert_string_equal(STORE_REDIS_TEXT(&t, "HEXISTS", "presence:fence", "n2"), "0");
}

/* A record of an earlier version has no lead of the issuers' clocks; one by hand may have any. */
static void test_a_lead_is_bounded(void **state)
{
    static const struct {
        const char *record;
        int64_t ahead_s;
    } cases[] = {
        {"{}", 0},
        {"{\"ahead\":-9}", 0},
        {"{\"ahead\":\"9\"}", 0},
        {"{\"ahead\":60}", 60},
        {"{\"ahead\":99999}", 60},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct node n;
        store_redis_clear(&t);
        redis_server_do(&t.server, "HSET", "presence:nodes", "n1", cases[i].record, NULL);
        bytes_auto out = BYTES_INIT;
        resp_command(&out, "HGETALL", "presence:nodes", NULL);
        store_redis_keep(&t, store_redis_send(&t, &out));
        assert_int_equal(store_node_read(t.reply, 0, &n), 0);
        assert_int_equal(n.ahead_s, cases[i].ahead_s);
        store_node_finish(&n);
    }
}

/* Records of earlier versions say none, and nobody's word is longer than a day. */
static void test_the_longest_ttl_among_the_nodes(void **state)
{
    static const struct {
        const char *records[3];
        int64_t longest_ms;
    } cases[] = {
        {{"{\"ttl\":0}", "{}", "no json"}, 5},
        {{"{\"ttl\":24000}", "{\"ttl\":4000}", "{}"}, 24000},
        {{"{\"ttl\":4000}", "{\"ttl\":86400001}", "{\"ttl\":-1}"}, 4000},
        {{"{\"ttl\":\"9\"}", "{\"ttl\":[]}", "{\"ttl\":86400000}"}, 86400000},
    };
    struct node_answer a;
    struct node n;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        store_redis_clear(&t);
        redis_server_do(&t.server, "HSET", "presence:nodes", "n1", cases[i].records[0], "n2",
                        cases[i].records[1], "n3", cases[i].records[2]);
        bytes_auto out = BYTES_INIT;
        resp_command(&out, "HGETALL", "presence:nodes", NULL);
        store_redis_keep(&t, store_redis_send(&t, &out));
        assert_int_equal(store_nodes_longest_ttl(t.reply, 5), cases[i].longest_ms);
    }
    store_redis_clear(&t);
    assert_int_equal(say_node("n1", 1, false, &a), 0);
    assert_int_equal(store_node_read(a.nodes, 0, &n), 0);
    assert_int_equal(n.ttl_ms, 61000);
    store_node_finish(&n);
}

static void test_silent_nodes_are_forgotten(void **state)
{
    struct node_answer a;
    store_redis_clear(&t);
    forget_ms = 40;
    assert_int_equal(say_node("n1", 1, false, &a), 0);
    redis_server_do(&t.server, "HSET", "presence:nodes", "odd", "no json", "list", "[1]");
    store_redis_wait_until(&t, a.state.now_ms + 45);
    t.holdback_ms = 1000;
    assert_int_equal(store_redis_sweep(&t), 0);
    int64_t swept = t.swept.state.now_ms;
    assert_int_equal(say_node("n2", 1, false, &a), 0);
    forget_ms = LONG_MS;
    assert_int_equal(reply_count(a.nodes), 2);
    assert_string_equal(STORE_REDIS_TEXT(&t, "HLEN", "presence:nodes"), "1");
    assert_string_equal(STORE_REDIS_TEXT(&t, "HLEN", "presence:fence"), "1");
    assert_int_equal(a.swept_ms, swept);
    assert_in_range(a.held_ms, 1, 1000);
}

static void test_an_earlier_connection_is_fenced_off(void **state)
{
    struct node_answer a;
    store_redis_clear(&t);
    t.store.generation = 1;
    say('o', "alice", "n1/1", "phone");
    assert_int_equal(say_node("n1", 2, false, &a), 0);
    struct session_op op = store_redis_op('e', "alice", "n1/1", "");
    assert_int_equal(store_redis_apply(&t, &op, 1), STORE_FENCED);
    assert_int_equal(say_node("n1", 1, false, &a), STORE_FENCED);
    assert_string_equal(STORE_REDIS_TEXT(&t, "ZCARD", "presence:due"), "1");
    t.store.generation = 2;
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
    t.store.generation = 0;
    say('o', "alice", "n1/1", "phone");
    strcpy(t.store.node, "n2");
    t.store.generation = 1;
    say('o', "alice", "n2/1", "phone");
}

static void test_node_keys_of_another_type(void **state)
{
    static const char *const keys[] = {"nodes", "fence", "revoked", "due", "epoch"};
    struct node_answer a;
    store_redis_clear(&t);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char key[32], why[64];
        snprintf(key, sizeof(key), "presence:%s", keys[i]);
        snprintf(why, sizeof(why), "FOREIGN %s is a string", key);
        redis_server_do(&t.server, "SET", key, "theirs");
        assert_int_equal(say_node("n1", 1, false, &a), STORE_ERROR);
        assert_true(span_equal(reply_error(t.reply), span_of(why)));
        assert_string_equal(STORE_REDIS_TEXT(&t, "GET", key), "theirs");
        assert_string_equal(STORE_REDIS_TEXT(&t, "DBSIZE"), "1");
        redis_server_do(&t.server, "DEL", key);
    }
    assert_int_equal(say_node("n1", 1, false, &a), 0);
    assert_int_equal(reply_count(a.nodes), 2);
}

/* All pages of a cursor of that many users must show each exactly once. */
static void test_the_audit_finds_what_stands_under_our_name(void **state)
{
    size_t mine = 0;
    char cursor[32] = "0";
    store_redis_clear(&t);
    for (int i = 0; i < 300; i++) {
        char user[16], session[16];
        snprintf(user, sizeof(user), "user%d", i);
        snprintf(session, sizeof(session), "n%d/%d", i % 3 ? 1 : 11, i);
        say('o', user, session, "phone");
    }
    do {
        bytes_auto out = BYTES_INIT;
        struct audit_answer a;
        store_audit(&t.store, span_of(cursor), 50, &out);
        store_redis_keep(&t, store_redis_send(&t, &out));
        assert_int_equal(store_read_audit(t.reply, &a), 0);
        for (size_t i = 0; i < reply_count(a.pairs); i += 2) {
            struct span session = reply_text(reply_at(a.pairs, i + 1));
            assert_memory_equal(session.data, "n1/", 3);
            mine++;
        }
        assert_int_equal(span_copy(a.cursor, cursor, sizeof(cursor)), 0);
    } while (strcmp(cursor, "0") != 0);
    assert_int_equal(mine, 200);
}

static void load(struct load_answer *ret)
{
    bytes_auto out = BYTES_INIT;
    store_load(&t.store, SPAN("0"), 1000, &out);
    store_redis_keep(&t, store_redis_send(&t, &out));
    assert_int_equal(store_read_load(t.reply, ret), 0);
    assert_true(span_equal(ret->cursor, SPAN("0")));
}

static void test_the_roster_is_that_of_the_last_transitions(void **state)
{
    struct load_answer a;
    struct store_load_user u;
    store_redis_clear(&t);
    load(&a);
    assert_int_equal(a.state.epoch.len, 0);
    assert_int_equal(a.count, 0);
    struct session_op op = store_redis_op('o', "alice", "n1/1", "phone");
    op.beat_ms = store_redis_now(&t) - 1000;
    op.groups = SPAN("[\"g\"]");
    assert_int_equal(store_redis_apply(&t, &op, 1), 0);
    uint64_t rev = t.answer.state.rev;
    say('o', "alice", "n1/2", "tablet");
    say('b', "alice", "n1/1", "phone");
    load(&a);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.state.rev, rev);
    assert_true(a.state.epoch.len > 9);
    store_load_user(&a, 0, &u);
    assert_true(span_equal(u.user, SPAN("alice")));
    assert_true(span_equal(u.device, SPAN("phone")));
    assert_int_equal(u.last_seen_ms, op.beat_ms);
    assert_int_equal(u.rev, rev);
    redis_server_do(&t.server, "SET", "presence:meta:alice", "x");
    load(&a);
    assert_int_equal(a.count, 1);
    store_load_user(&a, 0, &u);
    assert_int_equal(u.rev, 0);
}

static void test_status(void **state)
{
    struct span users[] = {SPAN("alice"), SPAN("bob"), SPAN("alice"), SPAN("gone")};
    struct status_answer s[4];
    store_redis_clear(&t);
    say('o', "alice", "n1/1", "phone");
    int64_t seen = t.answer.state.now_ms;
    say('o', "gone", "n1/2", "");
    say('e', "gone", "n1/2", "");
    struct session_op later = store_redis_op('o', "alice", "n1/3", "tablet");
    later.beat_ms = 0;
    usleep(2000);
    assert_int_equal(store_redis_apply(&t, &later, 1), 0);
    int64_t beat = t.answer.state.now_ms;
    bytes_auto out = BYTES_INIT;
    store_status(&t.store, users, 4, &out);
    struct redisReply *scores = store_redis_send(&t, &out);
    for (size_t i = 0; i < 4; i++) {
        struct redisReply *meta = store_redis_next(&t);
        assert_int_equal(store_read_status(scores, i, meta, &s[i]), 0);
        assert_int_equal(s[i].online, i == 0 || i == 2);
        assert_true(i == 1 || i == 3 ? s[i].device.data == NULL : span_equal(s[i].device, SPAN("phone")));
        assert_int_equal(s[i].last_seen_ms == 0, i == 1);
        if (i == 0 || i == 2) { /* as of the transition, and live */
            assert_int_equal(s[i].last_seen_ms, seen);
            assert_int_equal(s[i].last_heartbeat_ms, beat);
        } else {
            assert_int_equal(s[i].last_heartbeat_ms, s[i].last_seen_ms);
        }
        freeReplyObject(meta);
    }
    assert_int_equal(store_read_status(scores, 4, NULL, &s[0]), STORE_ERROR);
    freeReplyObject(scores);
}

static struct redisReply *first_reply(void (*ask)(const struct store *s, struct bytes *out))
{
    bytes_auto out = BYTES_INIT;
    ask(&t.store, &out);
    return store_redis_send(&t, &out);
}

static void ask_log(const struct store *s, struct bytes *out)
{
    store_log(s, t.answer.state.rev - 1, 10, out);
}

static void ask_user(const struct store *s, struct bytes *out)
{
    store_user(s, SPAN("bob"), out);
}

static void ask_group(const struct store *s, struct bytes *out)
{
    store_group("g.{group}.u", SPAN("9"), out);
}

static void ask_publish(const struct store *s, struct bytes *out)
{
    store_publish(s, CHANNEL_CONTROL, SPAN("{}"), out);
}

static void test_plain_reads(void **state)
{
    uint64_t rev;
    struct span event;
    store_redis_clear(&t);
    say('o', "alice", "n1/1", "phone");
    say('o', "bob", "n1/2", "phone");
    struct redisReply *r = first_reply(ask_log);
    assert_int_equal(reply_count(r), 2);
    assert_int_equal(store_log_entry(r, 1, &rev, &event), 0);
    assert_int_equal(rev, t.answer.state.rev);
    assert_memory_equal(event.data, "{\"userId\":\"bob\"", 15);
    assert_int_equal(store_log_entry(r, 2, &rev, &event), STORE_ERROR);
    freeReplyObject(r);
    r = first_reply(store_epoch);
    assert_true(span_equal(reply_text(reply_at(r, 0)), t.answer.state.epoch));
    assert_true(span_equal(reply_text(reply_at(r, 1)), span_of(t.store.run_id)));
    freeReplyObject(r);
    r = first_reply(ask_user);
    struct redisReply *sessions = store_redis_next(&t), *score = store_redis_next(&t);
    struct stored_session s;
    assert_int_equal(reply_count(r), 20);
    assert_int_equal(store_session_read(sessions, 0, r, &s), 0);
    assert_true(span_equal(s.name, SPAN("n1/2")));
    assert_true(span_equal(s.device, SPAN("phone")));
    assert_int_equal(s.deadline_ms, s.beat_ms + t.ttl_ms);
    assert_int_equal(s.opened_ms, 1000);
    assert_int_equal(reply_integer(score, 0), s.deadline_ms);
    freeReplyObject(r);
    freeReplyObject(sessions);
    freeReplyObject(score);
    redis_server_do(&t.server, "SADD", "g.9.u", "alice");
    r = first_reply(ask_group);
    assert_int_equal(reply_count(r), 1);
    freeReplyObject(r);
    r = first_reply(ask_publish);
    assert_int_equal(reply_integer(r, 0), 1);
    freeReplyObject(r);
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
        cmocka_unit_test(test_nodes_come_and_go),
        cmocka_unit_test(test_a_registration_that_redis_forgot_begins_an_epoch),
        cmocka_unit_test(test_a_lead_is_bounded),
        cmocka_unit_test(test_the_longest_ttl_among_the_nodes),
        cmocka_unit_test(test_silent_nodes_are_forgotten),
        cmocka_unit_test(test_an_earlier_connection_is_fenced_off),
        cmocka_unit_test(test_node_keys_of_another_type),
        cmocka_unit_test(test_the_audit_finds_what_stands_under_our_name),
        cmocka_unit_test(test_the_roster_is_that_of_the_last_transitions),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_plain_reads),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
