#include "cases.h"
#include "wire/status.h"

#define JSON_ERROR  "Invalid JSON"
#define IDS_ERROR   "Invalid userIds"
#define LARGE_ERROR "Body too large"

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
        {"number above", SPAN("{\"userIds\":[9223372036854775808]}"), NULL, JSON_ERROR},
        {"17 levels", SPAN("{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],\"userIds\":[]}"), NULL, JSON_ERROR},
        {"list", SPAN("[\"a\"]"), NULL, IDS_ERROR},
        {"no ids", SPAN("{}"), NULL, IDS_ERROR},
        {"null", SPAN("{\"userIds\":null}"), NULL, IDS_ERROR},
        {"text", SPAN("{\"userIds\":\"a\"}"), NULL, IDS_ERROR},
        {"object", SPAN("{\"userIds\":{\"a\":1}}"), NULL, IDS_ERROR},
        {"float", SPAN("{\"userIds\":[1.5]}"), NULL, IDS_ERROR},
        {"null among them", SPAN("{\"userIds\":[\"a\",null]}"), NULL, IDS_ERROR},
        {"empty id", SPAN("{\"userIds\":[\"\"]}"), NULL, IDS_ERROR},
        {"control character", SPAN("{\"userIds\":[\"a\\tb\"]}"), NULL, IDS_ERROR},
        {"nested", SPAN("{\"userIds\":[[\"a\"]]}"), NULL, IDS_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto line = BYTES_INIT;
        struct status_request r;
        const char *error = NULL;

        expect_int(cases[i].name, status_request_read(cases[i].body, &r, &error), cases[i].error ? -1 : 0);
        expect_span(cases[i].name, span_of(error), span_of(cases[i].error));
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
        {"101 ids", 101, 1, 0, IDS_ERROR},
        {"longest id", 1, USER_ID_MAX, 0, NULL},
        {"id too long", 1, USER_ID_MAX + 1, 0, IDS_ERROR},
        {"largest", 0, 0, STATUS_BODY_MAX - 14, NULL},
        {"too large", 0, 0, STATUS_BODY_MAX - 13, LARGE_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto body = BYTES_INIT;
        struct status_request r;
        const char *error = NULL;

        write_body(cases[i].ids, cases[i].id_len, cases[i].padding, &body);
        expect_int(cases[i].name, status_request_read(bytes_span(&body), &r, &error),
                   cases[i].error ? -1 : 0);
        expect_span(cases[i].name, span_of(error), span_of(cases[i].error));
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
        {{SPAN("user123"), false}, {true, 1702281234567, SPAN("device-abc-123")}},
        {{SPAN("7"), true}, {false, 1702280000000, SPAN("d\"\n")}},
        {{SPAN("7"), false}, {false, 0, {0}}},
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
             "abc-123\"},"
             "{\"userId\":7,\"status\":\"offline\",\"lastSeen\":1702280000000,\"deviceId\":\"d\\\"\\n\"},"
             "{\"userId\":\"7\",\"status\":\"offline\",\"lastSeen\":0,\"deviceId\":null}"
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
