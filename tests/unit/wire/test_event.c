/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "wire/event.h"

static void test_whole(void **state)
{
    struct event e;
    assert_int_equal(
        event_read(SPAN("{\"userId\":\"123\",\"status\":\"online\",\"timestamp\":1702281234567,"
                        "\"lastSeen\":1702281234000,\"deviceId\":\"d\",\"rev\":42,\"epoch\":\"e1\","
                        "\"db\":3,\"reason\":\"connected\",\"node\":\"ws-1\",\"groups\":[\"a\",\"b\"]}"),
                   &e),
        0);
    expect_span("user", e.change.user, SPAN("123"));
    assert_true(e.change.online);
    assert_int_equal(e.change.timestamp_ms, 1702281234567);
    assert_int_equal(e.change.last_seen_ms, 1702281234000);
    expect_span("device", e.change.device, SPAN("d"));
    assert_int_equal(e.change.rev, 42);
    expect_span("epoch", e.epoch, SPAN("e1"));
    assert_int_equal(e.db, 3);
    expect_span("reason", e.change.reason, SPAN("connected"));
    expect_span("node", e.change.node, SPAN("ws-1"));
    assert_int_equal(e.change.group_count, 2);
    expect_span("group", e.change.groups[0], SPAN("a"));
    expect_span("group", e.change.groups[1], SPAN("b"));
    event_finish(&e);
}

/* The guide, Troubleshooting: this line by hand is an event. */
static void test_by_hand(void **state)
{
    struct event e;
    assert_int_equal(event_read(SPAN("{\"userId\":\"test\",\"status\":\"online\"}"), &e), 0);
    expect_span("user", e.change.user, SPAN("test"));
    assert_true(e.change.online);
    assert_int_equal(e.change.rev, 0);
    assert_int_equal(e.epoch.len, 0);
    assert_int_equal(e.db, -1);
    assert_int_equal(e.change.timestamp_ms, 0);
    assert_int_equal(e.change.device.len, 0);
    assert_int_equal(e.change.group_count, 0);
    event_finish(&e);
}

#define HEAD "{\"userId\":\"u\",\"status\":\"offline\""

static void test_shapes(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        int result;
        const char *user;
        uint64_t rev;
        int64_t timestamp_ms;
        const char *device;
    } cases[] = {
        {"least", SPAN(HEAD "}"), 0, "u", 0, 0, ""},
        {"number", SPAN("{\"userId\":7,\"status\":\"offline\"}"), 0, "7", 0, 0, ""},
        {"number as a double", SPAN("{\"userId\":7.0,\"status\":\"offline\"}"), 0, "7", 0, 0, ""},
        {"time as a double", SPAN(HEAD ",\"timestamp\":1.702281234567e+12}"), 0, "u", 0, 1702281234567, ""},
        {"time with a fraction", SPAN(HEAD ",\"timestamp\":5.5}"), 0, "u", 0, 0, ""},
        {"time beyond 64 bits", SPAN(HEAD ",\"timestamp\":99999999999999999999}"), 0, "u", 0, 0, ""},
        {"byte order mark", SPAN("\xef\xbb\xbf" HEAD "}"), 0, "u", 0, 0, ""},
        {"escaped", SPAN("{\"userId\":\"\\u00dc\",\"status\":\"offline\"}"), 0, "\xc3\x9c", 0, 0, ""},
        {"unknown keys", SPAN(HEAD ",\"x\":[{}],\"type\":\"presence_update\"}"), 0, "u", 0, 0, ""},
        {"rev with epoch", SPAN(HEAD ",\"rev\":5,\"epoch\":\"e\"}"), 0, "u", 5, 0, ""},
        {"rev as text", SPAN(HEAD ",\"rev\":\"9223372036854775807\",\"epoch\":\"e\"}"), 0, "u", INT64_MAX, 0,
         ""},
        {"rev above", SPAN(HEAD ",\"rev\":\"9223372036854775808\",\"epoch\":\"e\"}"), -1, NULL, 0, 0, NULL},
        {"rev without epoch", SPAN(HEAD ",\"rev\":5}"), 0, "u", 0, 0, ""},
        {"others' time", SPAN(HEAD ",\"timestamp\":\"now\"}"), 0, "u", 0, 0, ""},
        {"others' negative time", SPAN(HEAD ",\"timestamp\":-4}"), 0, "u", 0, 0, ""},
        {"others' device", SPAN(HEAD ",\"deviceId\":7}"), 0, "u", 0, 0, ""},
        {"device with control characters", SPAN(HEAD ",\"deviceId\":\"\\n\"}"), 0, "u", 0, 0, ""},
        {"device", SPAN(HEAD ",\"deviceId\":\"d\",\"timestamp\":9}"), 0, "u", 0, 9, "d"},
        {"nulls",
         SPAN(HEAD
              ",\"deviceId\":null,\"rev\":null,\"epoch\":null,\"db\":null,\"reason\":null,\"groups\":null}"),
         0, "u", 0, 0, ""},
        {"empty groups as an object", SPAN(HEAD ",\"groups\":{}}"), 0, "u", 0, 0, ""},
        {"no user", SPAN("{\"status\":\"online\"}"), -1, NULL, 0, 0, NULL},
        {"empty user", SPAN("{\"userId\":\"\",\"status\":\"online\"}"), -1, NULL, 0, 0, NULL},
        {"user a float", SPAN("{\"userId\":1.5,\"status\":\"online\"}"), -1, NULL, 0, 0, NULL},
        {"user with a line feed", SPAN("{\"userId\":\"a\\nb\",\"status\":\"online\"}"), -1, NULL, 0, 0, NULL},
        {"no status", SPAN("{\"userId\":\"u\"}"), -1, NULL, 0, 0, NULL},
        {"another status", SPAN("{\"userId\":\"u\",\"status\":\"away\"}"), -1, NULL, 0, 0, NULL},
        {"status in capitals", SPAN("{\"userId\":\"u\",\"status\":\"Online\"}"), -1, NULL, 0, 0, NULL},
        {"status a bool", SPAN("{\"userId\":\"u\",\"status\":true}"), -1, NULL, 0, 0, NULL},
        {"rev negative", SPAN(HEAD ",\"rev\":-1}"), -1, NULL, 0, 0, NULL},
        {"rev a float", SPAN(HEAD ",\"rev\":1.7e+15}"), -1, NULL, 0, 0, NULL},
        {"rev no number", SPAN(HEAD ",\"rev\":\"x\"}"), -1, NULL, 0, 0, NULL},
        {"epoch a number", SPAN(HEAD ",\"epoch\":1}"), -1, NULL, 0, 0, NULL},
        {"db a text", SPAN(HEAD ",\"db\":\"0\"}"), -1, NULL, 0, 0, NULL},
        {"db negative", SPAN(HEAD ",\"db\":-1}"), -1, NULL, 0, 0, NULL},
        {"reason a list", SPAN(HEAD ",\"reason\":[]}"), -1, NULL, 0, 0, NULL},
        {"node a number", SPAN(HEAD ",\"node\":1}"), -1, NULL, 0, 0, NULL},
        {"groups a text", SPAN(HEAD ",\"groups\":\"a\"}"), -1, NULL, 0, 0, NULL},
        {"group a number", SPAN(HEAD ",\"groups\":[1]}"), -1, NULL, 0, 0, NULL},
        {"group empty", SPAN(HEAD ",\"groups\":[\"\"]}"), -1, NULL, 0, 0, NULL},
        {"groups an object", SPAN(HEAD ",\"groups\":{\"a\":1}}"), -1, NULL, 0, 0, NULL},
        {"list", SPAN("[]"), -1, NULL, 0, 0, NULL},
        {"text", SPAN("hello"), -1, NULL, 0, 0, NULL},
        {"empty", SPAN(""), -1, NULL, 0, 0, NULL},
        {"duplicate", SPAN(HEAD ",\"userId\":\"v\"}"), -1, NULL, 0, 0, NULL},
        {"NUL behind a number", SPAN("{\"userId\":7\0,\"status\":\"online\"}"), -1, NULL, 0, 0, NULL},
        {"trailing", SPAN(HEAD "}}"), -1, NULL, 0, 0, NULL},
        {"invalid UTF-8", SPAN("{\"userId\":\"\xff\",\"status\":\"online\"}"), -1, NULL, 0, 0, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct event e;

        expect_int(cases[i].name, event_read(cases[i].text, &e), cases[i].result);
        if (cases[i].result < 0)
            continue;
        expect_span(cases[i].name, e.change.user, span_of(cases[i].user));
        expect_int(cases[i].name, e.change.rev, cases[i].rev);
        expect_int(cases[i].name, e.epoch.len != 0, cases[i].rev != 0);
        expect_int(cases[i].name, e.change.timestamp_ms, cases[i].timestamp_ms);
        expect_span(cases[i].name, e.change.device, span_of(cases[i].device));
        expect_int(cases[i].name, e.change.online, false);
        event_finish(&e);
    }
}

static void write_groups(size_t count, size_t padding, struct bytes *out)
{
    bytes_append_text(out, HEAD ",\"groups\":[");
    for (size_t i = 0; i < count; i++)
        bytes_append_text(out, i ? ",\"g\"" : "\"g\"");
    bytes_append_text(out, "]}");
    memset(bytes_reserve(out, padding), ' ', padding);
    out->len += padding;
}

static void test_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t groups, padding;
        int result;
        size_t taken;
    } cases[] = {
        {"most groups", GROUPS_UNION_MAX, 0, 0, GROUPS_UNION_MAX},
        {"more: the first ones count", GROUPS_UNION_MAX + 1, 0, 0, GROUPS_UNION_MAX},
        {"too long", 1, EVENT_SIZE_MAX, -1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto text = BYTES_INIT;
        struct event e;

        write_groups(cases[i].groups, cases[i].padding, &text);
        expect_int(cases[i].name, event_read(bytes_span(&text), &e), cases[i].result);
        if (cases[i].result == 0) {
            expect_int(cases[i].name, e.change.group_count, cases[i].taken);
            event_finish(&e);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
