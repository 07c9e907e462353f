/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "support/golden.h"
#include "wire/message.h"

#define MSGPACK ENCODING_MSGPACK
#define JSON    ENCODING_JSON

static void test_golden(void **state)
{
    static const struct {
        const char *what;
        struct span from;
        int64_t timestamp_ms;
        struct span metadata;
    } cases[] = {
        {"heartbeat", SPAN("user123"), GOLDEN_TIME, {0}},
        {"heartbeat_number", SPAN("42"), GOLDEN_TIME, {0}},
        {"heartbeat_six", SPAN("user123"), GOLDEN_TIME, {0}},
        {"heartbeat_nil", SPAN("user123"), 0, {0}},
        {"heartbeat_undefined", SPAN("user123"), 0, {0}},
        {"heartbeat_metadata", SPAN("user123"), GOLDEN_TIME,
         SPAN(
             "{\"battery\":0.87,\"networkType\":\"wifi\",\"charging\":true,\"cells\":[1,-2,70000,5000000000],"
             "\"sim\":null}")},
    };
    bytes_auto scratch = BYTES_INIT;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct golden *g;
        size_t at = 0, count = 0;

        while ((g = golden_next(cases[i].what, &at))) {
            struct heartbeat h;

            expect_int(g->writer, message_read_heartbeat(golden_encoding(g), golden_span(g), &scratch, &h),
                       0);
            expect_span(g->writer, h.from, cases[i].from);
            expect_int(g->writer, h.timestamp_ms, cases[i].timestamp_ms);
            expect_span(g->writer, h.metadata, cases[i].metadata);
            count++;
        }
        assert_int_equal(count, GOLDEN_WRITERS);
    }
}

static void test_accepted(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span message, from;
        int64_t timestamp_ms;
        struct span metadata;
    } cases[] = {
        {"least", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x80"), SPAN("u"), 0, {0}},
        {"negative id", MSGPACK, SPAN("\x95\0\x1e\xff\0\x80"), SPAN("-1"), 0, {0}},
        {"lowest id",
         MSGPACK,
         SPAN("\x95\0\x1e\xd3\x80\0\0\0\0\0\0\0\0\x80"),
         SPAN("-9223372036854775808"),
         0,
         {0}},
        {"id as a double",
         MSGPACK,
         SPAN("\x95\xca\0\0\0\0\xcb\x40\x3e\0\0\0\0\0\0\xca\x42\x28\0\0\0\x80"),
         SPAN("42"),
         0,
         {0}},
        {"time a whole double",
         MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\xca\x42\xc8\0\0"),
         SPAN("u"),
         100,
         {0}},
        {"unknown keys", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x82\xa1x\x92\1\x80\xa1y\xc0"), SPAN("u"), 0, {0}},
        {"time a float",
         MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\xcb\x40\x59\x20\0\0\0\0\0"),
         SPAN("u"),
         100,
         {0}},
        {"time not a number",
         MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\xcb\x7f\xf8\0\0\0\0\0\0"),
         SPAN("u"),
         0,
         {0}},
        {"time negative", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\xff"), SPAN("u"), 0, {0}},
        {"time a text",
         MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\xa1"
              "1"),
         SPAN("u"),
         0,
         {0}},
        {"time a Date",
         MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\xd7\0\0\0\0\0\0\0\0\1"),
         SPAN("u"),
         0,
         {0}},
        {"time a list", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa9timestamp\x91\1"), SPAN("u"), 0, {0}},
        {"metadata nil", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\xc0"), SPAN("u"), 0, {0}},
        {"metadata empty", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x80"), SPAN("u"), 0, SPAN("{}")},
        {"metadata that JSON lacks", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x85\xa1"
              "a\xcb\x7f\xf0\0\0\0\0\0\0\xa1"
              "b\xc4\1x\xa1"
              "c\xd4\0\0\xa1"
              "d\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1\"\xa2\x01\xff"),
         SPAN("u"), 0,
         SPAN("{\"a\":null,\"b\":null,\"c\":null,\"d\":1.84467440737096e+19,\"\\\"\":"
              "\"\\u0001\xef\xbf\xbd\"}")},
        {"16 levels", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1"
              "a\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90"),
         SPAN("u"), 0, SPAN("{\"a\":[[[[[[[[[[[[[]]]]]]]]]]]]]}")},
        {"JSON least", JSON, SPAN("[0,30,\"u\",0,{}]"), SPAN("u"), 0, {0}},
        {"JSON null", JSON, SPAN("[0,30,\"u\",0,null]"), SPAN("u"), 0, {0}},
        {"JSON escapes", JSON, SPAN("[0,30,\"\\u00dcnal\",0,\"id\",{\"metadata\":{\"a\":\"\\n\"}}]"),
         SPAN("\xc3\x9cnal"), 0, SPAN("{\"a\":\"\\n\"}")},
        {"JSON id a whole double", JSON, SPAN("[0.0,3e1,7.0,0,{}]"), SPAN("7"), 0, {0}},
        {"JSON byte order mark", JSON, SPAN("\xef\xbb\xbf[0,30,\"u\",0,{}]"), SPAN("u"), 0, {0}},
        {"JSON time beyond 64 bits",
         JSON,
         SPAN("[0,30,\"u\",0,{\"timestamp\":99999999999999999999}]"),
         SPAN("u"),
         0,
         {0}},
        {"JSON numbers beyond a double", JSON,
         SPAN("[0,30,\"u\",0,{\"x\":[1e400,\"1e400\"],\"metadata\":{\"n\":-1e400}}]"), SPAN("u"), 0,
         SPAN("{\"n\":-1e308}")},
        {"JSON metadata with an unsigned 64-bit integer", JSON,
         SPAN("[0,30,\"u\",0,{\"metadata\":{\"n\":18446744073709551615}}]"), SPAN("u"), 0,
         SPAN("{\"n\":1.84467440737096e19}")},
        {"JSON time negative", JSON, SPAN("[0,30,\"u\",0,{\"timestamp\":-5}]"), SPAN("u"), 0, {0}},
        {"JSON time a float", JSON, SPAN("[0,30,\"u\",0,{\"timestamp\":5.5}]"), SPAN("u"), 5, {0}},
        {"JSON time a text", JSON, SPAN("[0,30,\"u\",0,{\"timestamp\":\"5\"}]"), SPAN("u"), 0, {0}},
        {"JSON 16 levels",
         JSON,
         SPAN("[0,30,\"u\",0,{\"x\":[[[[[[[[[[[[[[\"[[\"]]]]]]]]]]]]]]}]"),
         SPAN("u"),
         0,
         {0}},
    };
    bytes_auto scratch = BYTES_INIT;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct heartbeat h;

        expect_int(cases[i].name, message_read_heartbeat(cases[i].encoding, cases[i].message, &scratch, &h),
                   MESSAGE_OK);
        expect_span(cases[i].name, h.from, cases[i].from);
        expect_int(cases[i].name, h.timestamp_ms, cases[i].timestamp_ms);
        expect_span(cases[i].name, h.metadata, cases[i].metadata);
        expect_int(cases[i].name, h.metadata_dropped, false);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span message;
    } cases[] = {
        {"id above", MSGPACK, SPAN("\x95\0\x1e\xcf\x80\0\0\0\0\0\0\0\0\x80")},
        {"id nil", MSGPACK, SPAN("\x95\0\x1e\xc0\0\x80")},
        {"id true", MSGPACK, SPAN("\x95\0\x1e\xc3\0\x80")},
        {"id a list", MSGPACK, SPAN("\x95\0\x1e\x90\0\x80")},
        {"toId a list", MSGPACK, SPAN("\x95\0\x1e\xa1u\x90\x80")},
        {"another type", MSGPACK, SPAN("\x95\0\x21\xa1u\0\x80")},
        {"four elements", MSGPACK, SPAN("\x94\0\x1e\xa1u\0")},
        {"payload a number", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\7")},
        {"payload a list", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x90")},
        {"payload a text", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\xa1x")},
        {"trailing byte", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x80\0")},
        {"cut", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa1t")},
        {"key a number", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\1\2")},
        {"17 levels elsewhere", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa1x\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90")},
        {"id 7.5", MSGPACK, SPAN("\x95\0\x1e\xca\x40\xf0\0\0\0\x80")},
        {"JSON id 7.5", JSON, SPAN("[0,30,7.5,0,{}]")},
        {"JSON id beyond 64 bits", JSON, SPAN("[0,30,99999999999999999999,0,{}]")},
        {"metadata cut short", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x92\1")},
        {"metadata with a byte never used", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x91\xc1")},
        {"JSON metadata no JSON", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":{a:1}}]")},
        {"JSON metadata deep, and more", JSON,
         SPAN("[0,30,\"u\",0,{\"metadata\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],\"a\":1,\"a\":1}]")},
        {"JSON metadata bad twice", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":{\"\xff\":1},\"metadata\":1}]")},
        {"JSON id null", JSON, SPAN("[0,30,null,0,{}]")},
        {"JSON payload a list", JSON, SPAN("[0,30,\"u\",0,[]]")},
        {"JSON duplicate", JSON, SPAN("[0,30,\"u\",0,{\"timestamp\":1,\"timestamp\":2}]")},
        {"JSON trailing", JSON, SPAN("[0,30,\"u\",0,{}]x")},
        {"JSON NUL", JSON, SPAN("[0,30\0,\"u\",0,{}]")},
        {"JSON NUL escape", JSON, SPAN("[0,30,\"u\\u0000\",0,{}]")},
        {"JSON invalid UTF-8", JSON, SPAN("[0,30,\"\xff\",0,{}]")},
        {"seven elements", MSGPACK, SPAN("\x97\0\x1e\xa1u\0\0\0\x80")},
        {"seven declared, five there", MSGPACK, SPAN("\x97\0\x1e\xa7user123\0\x80")},
        {"JSON seven", JSON, SPAN("[0,30,\"u\",0,0,0,{}]")},
        {"JSON four", JSON, SPAN("[0,30,\"u\",0]")},
        {"JSON object", JSON, SPAN("{}")},
        {"JSON empty", JSON, SPAN("")},
        {"JSON 17 levels", JSON, SPAN("[0,30,\"u\",0,{\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}]")},
    };
    bytes_auto scratch = BYTES_INIT;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct heartbeat h;

        expect_int(cases[i].name, message_read_heartbeat(cases[i].encoding, cases[i].message, &scratch, &h),
                   MESSAGE_MALFORMED);
    }
}

/* Metadata that can't be kept does not cost the beat. */
static void test_dropped(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span message;
    } cases[] = {
        {"metadata a text", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\xa1x")},
        {"metadata a list", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x90")},
        {"metadata twice", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x82\xa8metadata\x80\xa8metadata\x80")},
        {"metadata key twice", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x83\xa1"
              "a\x91\1\xa1"
              "b\1\xa1"
              "a\2")},
        {"metadata key with NUL", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1\0\1")},
        {"metadata key no UTF-8", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1\xff\1")},
        {"metadata with NUL", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1"
              "a\xa1\0")},
        {"metadata key a number", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\1\2")},
        {"17 levels", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1"
              "a\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90")},
        {"JSON metadata a list", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":[]}]")},
        {"metadata a number", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x82\xa8metadata\7\xa9timestamp\5")},
        {"metadata before and behind it", MSGPACK,
         SPAN("\x95\0\x1e\xa1u\0\x83\xa1x\1\xa8metadata\x90\xa9timestamp\5")},
        {"metadata bad, then good", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\x82\xa8metadata\x90\xa8metadata\x80")},
        {"metadata deeper than any reader goes", MSGPACK,
         SPAN(
             "\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1x"
             "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90")},
        {"JSON metadata a text", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":\"{}\"}]")},
        {"JSON metadata deep", JSON,
         SPAN("[0,30,\"u\",0,{\"metadata\":{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}}]")},
        {"JSON metadata key twice", JSON, SPAN("[0,30,\"u\",0,{\"x\":[1],\"metadata\":{\"a\":1,\"a\":2}}]")},
        {"JSON metadata with NUL", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":{\"a\":\"\\u0000\"}}]")},
        {"JSON metadata key with NUL", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":{\"\\u0000\":1}}]")},
        {"JSON metadata no UTF-8", JSON, SPAN("[0,30,\"u\",0,{\"metadata\":{\"\xff\":1}}]")},
        {"JSON metadata lone surrogate", JSON,
         SPAN("\xef\xbb\xbf[0,30,\"u\",0,null,{\"metadata\":{\"a\":\"\\ud800\"},\"timestamp\":5}]")},
    };
    bytes_auto scratch = BYTES_INIT;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct heartbeat h;

        expect_int(cases[i].name, message_read_heartbeat(cases[i].encoding, cases[i].message, &scratch, &h),
                   MESSAGE_OK);
        expect_span(cases[i].name, h.from, SPAN("u"));
        expect_span(cases[i].name, h.metadata, SPAN_NONE);
        expect_int(cases[i].name, h.metadata_dropped, true);
    }
}

/* {"a":"xx…"} with `len` bytes as JSON, in a message of either encoding. */
static void write_metadata(enum encoding encoding, size_t len, struct bytes *out)
{
    const size_t text_len = len - 8;
    if (encoding == JSON)
        bytes_append_text(out, "[0,30,\"u\",0,{\"metadata\":{\"a\":\"");
    else
        bytes_append(out,
                     "\x95\0\x1e\xa1u\0\x81\xa8metadata\x81\xa1"
                     "a\xda",
                     20);
    if (encoding == MSGPACK) {
        bytes_append_char(out, (char)(text_len >> 8));
        bytes_append_char(out, (char)text_len);
    }
    memset(bytes_reserve(out, text_len), 'x', text_len);
    out->len += text_len;
    if (encoding == JSON)
        bytes_append_text(out, "\"}}]");
}

static void test_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t metadata_len;
        int result;
        bool dropped;
    } cases[] = {
        {"at the bound", METADATA_SIZE_MAX, MESSAGE_OK, false},
        {"above the bound", METADATA_SIZE_MAX + 1, MESSAGE_OK, true},
        {"far above", 3 * METADATA_SIZE_MAX, MESSAGE_OK, true},
        {"message too long", HEARTBEAT_SIZE_MAX + 1, MESSAGE_MALFORMED, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            bytes_auto message = BYTES_INIT, scratch = BYTES_INIT;
            struct heartbeat h;

            write_metadata(encoding, cases[i].metadata_len, &message);
            expect_int(cases[i].name, message_read_heartbeat(encoding, bytes_span(&message), &scratch, &h),
                       cases[i].result);
            if (cases[i].result != MESSAGE_OK)
                continue;
            expect_int(cases[i].name, h.metadata.len, cases[i].dropped ? 0 : cases[i].metadata_len);
            expect_int(cases[i].name, h.metadata_dropped, cases[i].dropped);
        }
    }
}

/* An array of many small items costs its budget before it costs time. */
static void test_budget(void **state)
{
    bytes_auto message = BYTES_INIT, scratch = BYTES_INIT;
    struct heartbeat h;

    bytes_append(&message, "\x95\0\x1e\xa1u\0\x81\xa1x\xdc\x0f\x00", 12);
    memset(bytes_reserve(&message, 0xf00), 0, 0xf00);
    message.len += 0xf00;
    assert_true(message.len < HEARTBEAT_SIZE_MAX);
    assert_int_equal(message_read_heartbeat(MSGPACK, bytes_span(&message), &scratch, &h), MESSAGE_MALFORMED);
}

static void test_untouched_on_failure(void **state)
{
    bytes_auto scratch = BYTES_INIT;
    struct heartbeat h, before;

    memset(&h, 0x5a, sizeof(h));
    before = h;
    assert_int_equal(message_read_heartbeat(MSGPACK, SPAN("\x95\0\x1e\7\0\7"), &scratch, &h),
                     MESSAGE_MALFORMED);
    assert_memory_equal(&h, &before, sizeof(h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_untouched_on_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
