/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "wire/status.h"

#define JSON_ERROR          "Invalid JSON"
#define IDS_ERROR           "Invalid userIds: "
#define ITEM(number, index) IDS_ERROR "item " #number " (userIds[" #index "]) "
#define LARGE_ERROR         "Body too large"

static void describe(const struct status_request *r, struct bytes *out)
{
    for (size_t i = 0; i < r->count; i++) {
        bytes_append_span(out, r->ids[i].id);
        bytes_append_text(out, r->ids[i].number ? "# " : " ");
    }
}

static void test_requests(void **state)
{
    static const struct {
        const char *name;
        struct span body;
        const char *ids, *error;
    } cases[] = {
        {"the guide's", SPAN("{\n  \"userIds\": [\"user123\", \"user456\", \"user789\"]\n}"),
         "user123 user456 user789 ", NULL},
        {"none", SPAN("{\"userIds\":[]}"), "", NULL},
        {"numbers", SPAN("{\"userIds\":[7,\"7\",-1,9223372036854775807]}"), "7# 7 -1# 9223372036854775807# ",
         NULL},
        {"duplicates", SPAN("{\"userIds\":[\"a\",\"a\"]}"), "a a ", NULL},
        {"more keys", SPAN("{\"x\":{\"y\":[1]},\"userIds\":[\"a\"]}"), "a ", NULL},
        {"escapes", SPAN("{\"userIds\":[\"\\u00dc\\\"\"]}"), "\xc3\x9c\" ", NULL},
        {"empty", SPAN(""), NULL, JSON_ERROR},
        {"no JSON", SPAN("userIds=a"), NULL, JSON_ERROR},
        {"cut", SPAN("{\"userIds\":[\"a\""), NULL, JSON_ERROR},
        {"trailing", SPAN("{\"userIds\":[]}x"), NULL, JSON_ERROR},
        {"scalar", SPAN("5"), NULL, JSON_ERROR},
        {"duplicate key", SPAN("{\"userIds\":[],\"userIds\":[]}"), NULL, JSON_ERROR},
        {"NUL behind a number", SPAN("{\"userIds\":[7\0]}"), NULL, JSON_ERROR},
        {"invalid UTF-8", SPAN("{\"userIds\":[\"\xc3\"]}"), NULL, JSON_ERROR},
        {"byte order mark", SPAN("\xef\xbb\xbf{\"userIds\":[\"a\"]}"), "a ", NULL},
        {"two byte order marks", SPAN("\xef\xbb\xbf\xef\xbb\xbf{\"userIds\":[]}"), NULL, JSON_ERROR},
        {"byte order mark alone", SPAN("\xef\xbb\xbf"), NULL, JSON_ERROR},
        {"whole numbers as doubles", SPAN("{\"userIds\":[7.0,1e3,-0.0,9007199254740992.0]}"),
         "7# 1000# 0# 9007199254740992# ", NULL},
        {"a double that is no single integer", SPAN("{\"userIds\":[9007199254740994.0]}"), NULL,
         ITEM(1, 0) "is a double that is not exact"},
        {"number above", SPAN("{\"userIds\":[9223372036854775808]}"), NULL,
         ITEM(1, 0) "is an integer beyond 64 bits"},
        {"number below", SPAN("{\"userIds\":[1,-9223372036854775808,-9223372036854775809]}"), NULL,
         ITEM(3, 2) "is an integer beyond 64 bits"},
        {"number far above",
         SPAN("{\"userIds\":[\"1\\\"e400\",123456789012345678901234567890e0,"
              "\"99999999999999999999\",5]}"),
         NULL, ITEM(2, 1) "is an integer beyond 64 bits"},
        {"number beyond a double", SPAN("{\"userIds\":[\"a\",\"b\",\"c\",-1e400]}"), NULL,
         ITEM(4, 3) "is an integer beyond 64 bits"},
        {"numbers above elsewhere",
         SPAN("{\"nonce\":99999999999999999999,\"t\":[true,false,null,-1e999],\"userIds\":[\"a\",7]}"),
         "a 7# ", NULL},
        {"number above, no JSON otherwise", SPAN("{\"userIds\":[99999999999999999999x]}"), NULL, JSON_ERROR},
        {"number above, leading zero", SPAN("{\"userIds\":[099999999999999999999]}"), NULL, JSON_ERROR},
        {"number above, string not closed", SPAN("{\"userIds\":[99999999999999999999,\"a\\"), NULL,
         JSON_ERROR},
        {"17 levels", SPAN("{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],\"userIds\":[]}"), NULL, JSON_ERROR},
        {"list", SPAN("[\"a\"]"), NULL, IDS_ERROR "the body is no object"},
        {"no ids", SPAN("{}"), NULL, IDS_ERROR "the key is missing"},
        {"null", SPAN("{\"userIds\":null}"), NULL, IDS_ERROR "must be an array"},
        {"text", SPAN("{\"userIds\":\"a\"}"), NULL, IDS_ERROR "must be an array"},
        {"object", SPAN("{\"userIds\":{\"a\":1}}"), NULL, IDS_ERROR "must be an array"},
        {"float", SPAN("{\"userIds\":[1.5]}"), NULL, ITEM(1, 0) "is a number with a fraction"},
        {"null among them", SPAN("{\"userIds\":[\"a\",null]}"), NULL,
         ITEM(2, 1) "is neither a string nor an integer"},
        {"empty id", SPAN("{\"userIds\":[\"\"]}"), NULL, ITEM(1, 0) "is empty"},
        {"control character", SPAN("{\"userIds\":[\"a\\tb\"]}"), NULL,
         ITEM(1, 0) "contains a control character"},
        {"nested", SPAN("{\"userIds\":[[\"a\"]]}"), NULL, ITEM(1, 0) "is neither a string nor an integer"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto line = BYTES_INIT;
        struct status_request r;
        char error[STATUS_ERROR_SIZE] = "";

        expect_int(cases[i].name, status_request_read(cases[i].body, &r, error), cases[i].error ? -1 : 0);
        expect_span(cases[i].name, span_of(error), span_of(cases[i].error ? cases[i].error : ""));
        if (cases[i].error)
            continue;
        describe(&r, &line);
        expect_span(cases[i].name, bytes_span(&line), span_of(cases[i].ids));
        status_request_finish(&r);
    }
}

static void write_body(size_t ids, size_t id_len, size_t padding, struct bytes *out)
{
    bytes_append_text(out, "{\"userIds\":[");
    for (size_t i = 0; i < ids; i++) {
        bytes_append_text(out, i ? ",\"" : "\"");
        memset(bytes_reserve(out, id_len), 'x', id_len);
        out->len += id_len;
        bytes_append_char(out, '"');
    }
    bytes_append_text(out, "]}");
    memset(bytes_reserve(out, padding), ' ', padding);
    out->len += padding;
}

static void test_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t ids, id_len, padding;
        const char *error;
    } cases[] = {
        {"100 ids", 100, 1, 0, NULL},
        {"101 ids", 101, 1, 0, IDS_ERROR "101 items, at most 100 are allowed"},
        {"longest id", 1, USER_ID_MAX, 0, NULL},
        {"id too long", 1, USER_ID_MAX + 1, 0, ITEM(1, 0) "is longer than 128 bytes"},
        {"largest", 0, 0, STATUS_BODY_MAX - 14, NULL},
        {"too large", 0, 0, STATUS_BODY_MAX - 13, LARGE_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto body = BYTES_INIT;
        struct status_request r;
        char error[STATUS_ERROR_SIZE] = "";

        write_body(cases[i].ids, cases[i].id_len, cases[i].padding, &body);
        expect_int(cases[i].name, status_request_read(bytes_span(&body), &r, error), cases[i].error ? -1 : 0);
        expect_span(cases[i].name, span_of(error), span_of(cases[i].error ? cases[i].error : ""));
        if (!cases[i].error) {
            expect_int(cases[i].name, r.count, cases[i].ids);
            status_request_finish(&r);
        }
    }
}

static void test_answer(void **state)
{
    static const struct {
        struct status_id id;
        struct status status;
    } users[] = {
        {{SPAN("user123"), false}, {true, 1702281234567, 1702281299999, SPAN("device-abc-123")}},
        {{SPAN("7"), true}, {false, 1702280000000, 1702280000000, SPAN("d\"\n")}},
        {{SPAN("7"), false}, {false, 0, 0, {0}}},
    };
    bytes_auto out = BYTES_INIT;

    status_write_begin(&out);
    for (size_t i = 0; i < COUNT_OF(users); i++)
        status_write_user(users[i].id, &users[i].status, i == 0, &out);
    status_write_end(1702281234567, &out);
    expect_span(
        "answer", bytes_span(&out),
        SPAN("{\"success\":true,\"users\":["
             "{\"userId\":\"user123\",\"status\":\"online\",\"lastSeen\":1702281234567,\"deviceId\":\"device-"
             "abc-123\",\"lastHeartbeat\":1702281299999},"
             "{\"userId\":7,\"status\":\"offline\",\"lastSeen\":1702280000000,\"deviceId\":\"d\\\"\\n\","
             "\"lastHeartbeat\":1702280000000},"
             "{\"userId\":\"7\",\"status\":\"offline\",\"lastSeen\":0,\"deviceId\":null,\"lastHeartbeat\":0}"
             "],\"timestamp\":1702281234567}"));
}

static void test_no_users(void **state)
{
    bytes_auto out = BYTES_INIT;

    status_write_begin(&out);
    status_write_end(5, &out);
    expect_span("answer", bytes_span(&out), SPAN("{\"success\":true,\"users\":[],\"timestamp\":5}"));
}

static void test_error(void **state)
{
    bytes_auto out = BYTES_INIT;

    status_write_error("Invalid \"userIds\"", &out);
    expect_span("error", bytes_span(&out), SPAN("{\"success\":false,\"error\":\"Invalid \\\"userIds\\\"\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_bounds), cmocka_unit_test(test_answer),
        cmocka_unit_test(test_no_users), cmocka_unit_test(test_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
