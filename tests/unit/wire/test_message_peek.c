#include "cases.h"
#include "golden/golden.h"
#include "wire/message.h"

#define MSGPACK ENCODING_MSGPACK
#define JSON    ENCODING_JSON

static void test_heads(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span head;
        int result;
        int64_t type;
    } cases[] = {
        {"five", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\xc0"), 0, 30},
        {"six", MSGPACK, SPAN("\x96\0\x1e\xa1u\0\0\xc0"), 0, 30},
        {"four", MSGPACK, SPAN("\x94\0\x1e\xa1u\0"), MESSAGE_MALFORMED, 0},
        {"seven", MSGPACK, SPAN("\x97\0\x1e\xa1u\0\0\0\xc0"), MESSAGE_MALFORMED, 0},
        {"array32", MSGPACK, SPAN("\xdd\0\0\0\5\xcc\0\xcd\x01\0\0\0\0"), 0, 256},
        {"nothing yet", MSGPACK, SPAN(""), MESSAGE_MORE, 0},
        {"cut in the type", MSGPACK, SPAN("\x95\0\xcd\1"), MESSAGE_MORE, 0},
        {"map", MSGPACK, SPAN("\x81\0\0"), MESSAGE_MALFORMED, 0},
        {"channel is text", MSGPACK, SPAN("\x95\xa1x\x1e\0\0\0"), MESSAGE_MALFORMED, 0},
        {"type is text", MSGPACK,
         SPAN("\x95\0\xa2"
              "30\0\0\0"),
         MESSAGE_MALFORMED, 0},
        {"type is a float", MSGPACK, SPAN("\x95\0\xca\x41\xf0\0\0\0\0\0"), MESSAGE_MALFORMED, 0},
        {"type is above", MSGPACK, SPAN("\x95\0\xcf\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0"),
         MESSAGE_MALFORMED, 0},
        {"long text in front", MSGPACK,
         SPAN("\x95\xdb\xff\xff\xff\xff"
              "0123456789012345678901234567890123456789012345678901234567"),
         MESSAGE_MALFORMED, 0},
        {"never used", MSGPACK, SPAN("\xc1"), MESSAGE_MALFORMED, 0},
        {"text", MSGPACK, SPAN("[0,30"), MESSAGE_MALFORMED, 0},
        {"JSON", JSON, SPAN("[0,30,\"u\",0,null]"), 0, 30},
        {"JSON with spaces", JSON, SPAN(" [\t0 ,\r\n 30 , \"u"), 0, 30},
        {"JSON negative", JSON, SPAN("[-1,-30,"), 0, -30},
        {"JSON of two", JSON, SPAN("[0,30]"), MESSAGE_MALFORMED, 0},
        {"JSON cut behind a digit", JSON, SPAN("[0,30"), MESSAGE_MORE, 0},
        {"JSON nothing yet", JSON, SPAN(""), MESSAGE_MORE, 0},
        {"JSON fraction", JSON, SPAN("[0,30.0,"), MESSAGE_MALFORMED, 0},
        {"JSON exponent", JSON, SPAN("[0,3e1,"), MESSAGE_MALFORMED, 0},
        {"JSON leading zero", JSON, SPAN("[0,030,"), MESSAGE_MALFORMED, 0},
        {"JSON plus", JSON, SPAN("[0,+30,"), MESSAGE_MALFORMED, 0},
        {"JSON sign alone", JSON, SPAN("[0,-,"), MESSAGE_MALFORMED, 0},
        {"JSON 18 digits", JSON, SPAN("[0,999999999999999999,"), 0, 999999999999999999},
        {"JSON 19 digits", JSON, SPAN("[0,1000000000000000000,"), MESSAGE_MALFORMED, 0},
        {"JSON text type", JSON, SPAN("[0,\"30\","), MESSAGE_MALFORMED, 0},
        {"JSON object", JSON, SPAN("{\"a\":1}"), MESSAGE_MALFORMED, 0},
        {"JSON 63 spaces", JSON, SPAN("                                                               "),
         MESSAGE_MORE, 0},
        {"JSON 64 spaces", JSON, SPAN("                                                                "),
         MESSAGE_MALFORMED, 0},
        {"JSON byte order mark", JSON, SPAN("\xef\xbb\xbf[0,30,"), MESSAGE_MALFORMED, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t type = -77;

        expect_int(cases[i].name, message_peek(cases[i].encoding, cases[i].head, &type), cases[i].result);
        expect_int(cases[i].name, type, cases[i].result == 0 ? cases[i].type : -77);
    }
}

/* Whatever the JavaScript clients send: each shorter head asks for more or says the same. */
static void test_prefixes(void **state)
{
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        const struct golden *g = &golden_messages[i];
        struct span head = golden_span(g);
        int64_t whole, part;

        expect_int(g->what, message_peek(golden_encoding(g), head, &whole), MESSAGE_OK);
        for (head.len = 0; head.len < g->len && head.len < 64; head.len++) {
            int result = message_peek(golden_encoding(g), head, &part);

            expect_int(g->what, result == MESSAGE_OK ? part : whole, whole);
            expect_int(g->what, result == MESSAGE_MALFORMED, false);
        }
    }
}

static void test_golden_types(void **state)
{
    static const struct {
        const char *what;
        int64_t type;
    } cases[] = {{"heartbeat", 30}, {"subscribe", 33}, {"talk", 2}, {"server_update", 31}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct golden *g;
        size_t at = 0, count = 0;

        while ((g = golden_next(cases[i].what, &at))) {
            int64_t type = 0;

            expect_int(g->writer, message_peek(golden_encoding(g), golden_span(g), &type), MESSAGE_OK);
            expect_int(g->writer, type, cases[i].type);
            count++;
        }
        assert_int_equal(count, GOLDEN_WRITERS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_golden_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
