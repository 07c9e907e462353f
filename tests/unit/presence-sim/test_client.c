/* SPDX-License-Identifier: MIT */
#include "fanout/subscriber.h"
#include "presence-sim/client.h"
#include "support/cases.h"
#include "support/golden.h"

#define MSGPACK ENCODING_MSGPACK
#define JSON    ENCODING_JSON

static void test_heartbeats(void **state)
{
    static const struct {
        const char *name;
        struct span user, metadata;
    } cases[] = {
        {"plain", SPAN("user123"), {0}},
        {"quotes", SPAN("a\"\\b"), {0}},
        {"metadata", SPAN("u"), SPAN("{\"a\":[1,-2,0.5,true,false,null,\"x\"],\"b\":{\"c\":{}}}")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            bytes_auto out = BYTES_INIT, scratch = BYTES_INIT;
            struct heartbeat h;

            client_write_heartbeat(encoding, cases[i].user, GOLDEN_TIME, cases[i].metadata, &out);
            expect_int(cases[i].name, message_read_heartbeat(encoding, bytes_span(&out), &scratch, &h),
                       MESSAGE_OK);
            expect_span(cases[i].name, h.from, cases[i].user);
            expect_int(cases[i].name, h.timestamp_ms, GOLDEN_TIME);
            expect_span(cases[i].name, h.metadata, cases[i].metadata);
        }
    }
}

/* The guide's heartbeat, byte for byte as the JavaScript phones send it. */
static void test_golden_heartbeat(void **state)
{
    const struct golden *g;
    size_t at = 0;
    while ((g = golden_next("heartbeat", &at))) {
        bytes_auto out = BYTES_INIT;

        client_write_heartbeat(golden_encoding(g), SPAN("user123"), GOLDEN_TIME, SPAN_NONE, &out);
        expect_span(g->writer, bytes_span(&out), golden_span(g));
    }
}

static void test_interests(void **state)
{
    static const struct span groups[] = {SPAN("a"), SPAN("b\"")}, users[] = {SPAN("u")};
    static const struct {
        const char *name;
        struct client_interest interest;
    } cases[] = {
        {"nothing", {0}},
        {"groups", {.groups = groups, .group_count = 2, .batch = true}},
        {"nobody", {.users = users, .user_count = 0}},
        {"all",
         {.groups = groups,
          .group_count = 1,
          .users = users,
          .user_count = 1,
          .since_epoch = SPAN("e"),
          .since_rev = GOLDEN_REV}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            const struct client_interest *interest = &cases[i].interest;
            bytes_auto out = BYTES_INIT;
            struct subscribe s;

            client_write_subscribe(encoding, interest, &out);
            expect_int(cases[i].name, message_read_subscribe(encoding, bytes_span(&out), &s), MESSAGE_OK);
            expect_int(cases[i].name, s.has_groups, interest->groups != NULL);
            expect_int(cases[i].name, s.has_users, interest->users != NULL);
            expect_int(cases[i].name, s.group_count, interest->group_count);
            expect_int(cases[i].name, s.user_count, interest->user_count);
            for (size_t k = 0; k < s.group_count; k++)
                expect_span(cases[i].name, s.groups[k], groups[k]);
            expect_int(cases[i].name, s.batch, interest->batch);
            expect_int(cases[i].name, s.has_since, interest->since_epoch.len != 0);
            expect_span(cases[i].name, s.since_epoch, interest->since_epoch);
            expect_int(cases[i].name, s.since_rev, interest->since_rev);
            message_subscribe_finish(&s);
        }
    }
}

static void check_update(const char *name, const struct client_state *s)
{
    expect_span(name, s->user, SPAN("user123"));
    expect_int(name, s->online, true);
    expect_int(name, s->timestamp_ms, GOLDEN_TIME);
    expect_int(name, s->last_seen_ms, GOLDEN_TIME - 5);
    expect_span(name, s->device, SPAN("device-abc-123"));
    expect_int(name, s->rev, GOLDEN_REV);
    expect_span(name, s->reason, SPAN("connected"));
}

static void read_golden(const struct golden *g, struct client_message *m)
{
    int64_t type = 0;
    uint64_t message_id = 0;
    expect_int(g->writer, client_read(golden_encoding(g), golden_span(g), m), MESSAGE_OK);
    expect_int(g->writer, client_peek(golden_encoding(g), golden_span(g), &type, &message_id), MESSAGE_OK);
    expect_int(g->writer, type, m->type);
    expect_int(g->writer, message_id, m->message_id);
}

static void test_update(void **state)
{
    const struct golden *g;
    size_t at = 0, count = 0;
    while ((g = golden_next("server_update", &at))) {
        struct client_message m;

        read_golden(g, &m);
        expect_int(g->writer, m.type, MESSAGE_UPDATE);
        expect_int(g->writer, m.message_id, GOLDEN_REV);
        expect_int(g->writer, m.rev, GOLDEN_REV);
        expect_int(g->writer, m.timestamp_ms, GOLDEN_TIME);
        expect_span(g->writer, m.to, SPAN("broadcast"));
        expect_int(g->writer, m.state_count, 1);
        check_update(g->writer, &m.states[0]);
        client_message_finish(&m);
        count++;
    }
    assert_int_equal(count, GOLDEN_WRITERS);
}

static void test_batch(void **state)
{
    const struct golden *g;
    size_t at = 0, count = 0;
    while ((g = golden_next("server_batch", &at))) {
        struct client_message m;

        read_golden(g, &m);
        expect_int(g->writer, m.rev, GOLDEN_REV + 1);
        expect_int(g->writer, m.state_count, 2);
        check_update(g->writer, &m.states[0]);
        expect_span(g->writer, m.states[1].user, SPAN("\"\xc3\x9cnal\""));
        expect_int(g->writer, m.states[1].online, false);
        expect_int(g->writer, m.states[1].device.len, 0);
        expect_int(g->writer, m.states[1].rev, GOLDEN_REV + 1);
        client_message_finish(&m);
        count++;
    }
    assert_int_equal(count, GOLDEN_WRITERS);
}

static void test_snapshot(void **state)
{
    const struct golden *g;
    size_t at = 0, count = 0;
    while ((g = golden_next("server_snapshot", &at))) {
        struct client_message m;

        read_golden(g, &m);
        expect_span(g->writer, m.to, SPAN("admin"));
        expect_span(g->writer, m.epoch, SPAN("e1"));
        expect_int(g->writer, m.total_online, GOLDEN_MANY);
        expect_int(g->writer, m.state_count, 20);
        expect_span(g->writer, m.states[19].user, SPAN("user19"));
        expect_span(g->writer, m.states[19].device, SPAN("device-19"));
        for (size_t i = 0; i < m.state_count; i++) {
            expect_int(g->writer, m.states[i].online, i % 2 == 0);
            expect_int(g->writer, m.states[i].last_seen_ms, GOLDEN_TIME + (int64_t)i);
            expect_int(g->writer, m.states[i].rev, GOLDEN_REV);
            expect_int(g->writer, m.states[i].timestamp_ms, GOLDEN_TIME);
        }
        client_message_finish(&m);
        count++;
    }
    assert_int_equal(count, GOLDEN_WRITERS);
}

static void test_hello(void **state)
{
    const struct golden *g;
    size_t at = 0, count = 0;
    while ((g = golden_next("server_hello", &at))) {
        struct client_message m;

        read_golden(g, &m);
        expect_int(g->writer, m.heartbeat_interval_ms, GOLDEN_MANY);
        expect_int(g->writer, m.ttl_ms, GOLDEN_MANY + 1);
        expect_int(g->writer, m.timestamp_ms, GOLDEN_TIME);
        expect_span(g->writer, m.store, SPAN("lost"));
        expect_int(g->writer, m.store_since_ms, GOLDEN_TIME - 1);
        expect_int(g->writer, m.state_count, 0);
        client_message_finish(&m);
        count++;
    }
    assert_int_equal(count, GOLDEN_WRITERS);
}

static void test_shapes(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span message;
        int result;
        size_t states;
    } cases[] = {
        {"least update", JSON, SPAN("[0,31,0,\"b\",\"1\",{\"userId\":\"u\",\"status\":\"online\"}]"), 0, 1},
        {"five elements", JSON, SPAN("[0,31,0,0,{\"userId\":\"u\",\"status\":\"online\"}]"), 0, 1},
        {"unknown key", JSON, SPAN("[0,31,0,0,{\"x\":[{}],\"userId\":\"u\",\"status\":\"online\"}]"), 0, 1},
        {"update without user", JSON, SPAN("[0,31,0,0,{\"status\":\"online\"}]"), MESSAGE_MALFORMED, 0},
        {"update without status", JSON, SPAN("[0,31,0,0,{\"userId\":\"u\"}]"), MESSAGE_MALFORMED, 0},
        {"another status", JSON, SPAN("[0,31,0,0,{\"userId\":\"u\",\"status\":\"away\"}]"), MESSAGE_MALFORMED,
         0},
        {"user a number", JSON, SPAN("[0,31,0,0,{\"userId\":7,\"status\":\"online\"}]"), MESSAGE_MALFORMED,
         0},
        {"rev negative", JSON, SPAN("[0,31,0,0,{\"userId\":\"u\",\"status\":\"online\",\"rev\":-1}]"),
         MESSAGE_MALFORMED, 0},
        {"rev a list", JSON, SPAN("[0,31,0,0,{\"userId\":\"u\",\"status\":\"online\",\"rev\":[]}]"),
         MESSAGE_MALFORMED, 0},
        {"id no number", JSON, SPAN("[0,31,0,0,\"x\",{\"userId\":\"u\",\"status\":\"online\"}]"),
         MESSAGE_MALFORMED, 0},
        {"snapshot without users", JSON, SPAN("[0,32,0,0,\"1\",{}]"), MESSAGE_MALFORMED, 0},
        {"snapshot of none", JSON, SPAN("[0,32,0,0,\"1\",{\"users\":[]}]"), 0, 0},
        {"batch of a text", JSON, SPAN("[0,34,0,0,\"1\",{\"updates\":[\"x\"]}]"), MESSAGE_MALFORMED, 0},
        {"payload a list", JSON, SPAN("[0,31,0,0,\"1\",[]]"), MESSAGE_MALFORMED, 0},
        {"another type", JSON, SPAN("[0,99,0,0,\"x\",[]]"), 0, 0},
        {"toId a list", JSON, SPAN("[0,99,0,[],\"1\",{}]"), MESSAGE_MALFORMED, 0},
        {"least update, packed", MSGPACK, SPAN("\x95\0\x1f\0\0\x82\xa6userId\xa1u\xa6status\xa7offline"), 0,
         1},
        {"unknown key, packed", MSGPACK,
         SPAN("\x95\0\x1f\0\0\x83\xa1x\x91\x80\xa6userId\xa1u\xa6status\xa7offline"), 0, 1},
        {"user twice, packed", MSGPACK,
         SPAN("\x95\0\x1f\0\0\x83\xa6userId\xa1u\xa6userId\xa1u\xa6status\xa7offline"), MESSAGE_MALFORMED, 0},
        {"trailing, packed", MSGPACK, SPAN("\x95\0\x1f\0\0\x82\xa6userId\xa1u\xa6status\xa7offline\0"),
         MESSAGE_MALFORMED, 0},
        {"snapshot without users, packed", MSGPACK, SPAN("\x95\0\x20\0\0\x80"), MESSAGE_MALFORMED, 0},
        {"snapshot of four billion, packed", MSGPACK, SPAN("\x95\0\x20\0\0\x81\xa5users\xdd\xff\xff\xff\xff"),
         MESSAGE_MALFORMED, 0},
        {"snapshot of texts, packed", MSGPACK, SPAN("\x95\0\x20\0\0\x81\xa5users\x91\xa0"), MESSAGE_MALFORMED,
         0},
        {"rev a list, packed", MSGPACK, SPAN("\x95\0\x20\0\0\x82\xa5users\x90\xa3rev\x90"), MESSAGE_MALFORMED,
         0},
        {"another type, packed", MSGPACK, SPAN("\x95\0\x02\0\0\xc4\1x"), 0, 0},
        {"empty", MSGPACK, SPAN(""), MESSAGE_MALFORMED, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct client_message m;

        expect_int(cases[i].name, client_read(cases[i].encoding, cases[i].message, &m), cases[i].result);
        if (cases[i].result != 0)
            continue;
        expect_int(cases[i].name, m.state_count, cases[i].states);
        client_message_finish(&m);
    }
}

static void test_resumed(void **state)
{
    const struct golden *g;
    size_t at = 0;
    while ((g = golden_next("server_resumed", &at))) {
        struct client_message m;

        expect_int(g->writer, client_read(golden_encoding(g), golden_span(g), &m), MESSAGE_OK);
        expect_int(g->writer, m.answers_since && m.resumed, true);
        expect_int(g->writer, m.state_count, 0);
        expect_int(g->writer, m.rev == GOLDEN_REV, true);
        client_message_finish(&m);
    }
}

/* What the server writes the client reads, at a size where the list has grown often. */
static void test_large_snapshot(void **state)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        bytes_auto frame = BYTES_INIT, tail = BYTES_INIT;
        struct client_message m;

        message_write_snapshot_tail_begin(encoding, 3000, GOLDEN_TIME, 7, SPAN("e"), &tail);
        for (size_t i = 0; i < 3000; i++)
            message_write_snapshot_user(encoding, SPAN("user"), true, (int64_t)i, SPAN("d"), i == 0, &tail);
        message_write_snapshot_tail_end(encoding, 3000, &tail);
        message_write_snapshot_head(encoding, SPAN("v"), 7, SPAN("ahead"), &frame);
        bytes_append_span(&frame, bytes_span(&tail));
        assert_int_equal(client_read(encoding, bytes_span(&frame), &m), MESSAGE_OK);
        assert_int_equal(m.state_count, 3000);
        assert_int_equal(m.message_id, 7);
        assert_true(m.answers_since && !m.resumed && span_equal(m.refusal, SPAN("ahead")));
        for (size_t i = 0; i < 3000; i++)
            assert_int_equal(m.states[i].last_seen_ms, i);
        client_message_finish(&m);
    }
}

static void tell_user(struct roster *r, const char *user, bool online)
{
    const struct change c = {.user = span_of(user), .online = online, .rev = ++r->rev};
    roster_apply(r, &c);
}

/* Of which those were cut out again who went meanwhile, the first one, the last one, all. */
static void test_scanned_snapshot(void **state)
{
    static const char users[5][2] = {"a", "b", "c", "d", "e"};
    for (unsigned gone = 0; gone < 1 << 5; gone++) {
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            bytes_auto frame = BYTES_INIT;
            struct groups groups;
            struct roster roster;
            struct fanout fanout;
            struct fanout_chunk piece;
            struct client_message m;
            unsigned left = 0;
            groups_init(&groups);
            roster_init(&roster);
            fanout_init(&fanout, 64, 0);
            struct subscriber v = {.encoding = (uint8_t)encoding,
                                   .interest = interest_create(&groups, false, NULL, 0)};
            for (int i = 0; i < 5; i++)
                tell_user(&roster, users[i], true);
            subscriber_scan(&v, &fanout, &roster);
            assert_false(snapshot_scan_advance(&fanout, &roster, 5, GOLDEN_TIME, 0));
            for (int i = 0; i < 5; i++)
                if (gone >> i & 1)
                    tell_user(&roster, users[i], false);
            assert_true(snapshot_scan_advance(&fanout, &roster, 1, GOLDEN_TIME, 0));
            subscriber_begin(&v, &fanout, &roster, SPAN("me"), RESUME_NOT_ASKED, GOLDEN_TIME, 0);
            assert_int_equal(subscriber_next(&v, &fanout, &piece), FANOUT_BYTES);
            for (size_t i = 0; i < piece.count; i++)
                bytes_append_span(&frame, piece.parts[i]);
            assert_int_equal(client_read(encoding, bytes_span(&frame), &m), MESSAGE_OK);
            for (size_t i = 0; i < m.state_count; i++)
                left |= 1u << (m.states[i].user.data[0] - 'a');
            assert_int_equal(left, ~gone & 0x1f);
            assert_int_equal(m.state_count, roster.online);
            client_message_finish(&m);
            subscriber_finish(&v);
            interest_destroy(&groups, v.interest);
            fanout_finish(&fanout);
            roster_finish(&roster);
            groups_finish(&groups);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heartbeats),       cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_golden_heartbeat), cmocka_unit_test(test_interests),
        cmocka_unit_test(test_update),           cmocka_unit_test(test_batch),
        cmocka_unit_test(test_snapshot),         cmocka_unit_test(test_hello),
        cmocka_unit_test(test_shapes),           cmocka_unit_test(test_large_snapshot),
        cmocka_unit_test(test_scanned_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
