/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "support/golden.h"
#include "wire/message.h"

#define MSGPACK ENCODING_MSGPACK
#define JSON    ENCODING_JSON

enum { OTHER = MESSAGE_OTHER, MALFORMED = MESSAGE_MALFORMED, MORE = MESSAGE_MORE };

static void test_heads(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span head;
        int whole, part; /* results: these are all bytes; more may come. Above 0: OK and the type */
    } cases[] = {
        {"five", MSGPACK, SPAN("\x95\0\x1e\xa1u\0\xc0"), 30, 30},
        {"six", MSGPACK, SPAN("\x96\0\x1e\xa1u\0\0\xc0"), 30, 30},
        {"four", MSGPACK, SPAN("\x94\0\x1e\xa1u\0"), MALFORMED, MALFORMED},
        {"seven", MSGPACK, SPAN("\x97\0\x1e\xa1u\0\0\0\xc0"), MALFORMED, MALFORMED},
        {"a subscription of two", MSGPACK, SPAN("\x92\0\x21"), MALFORMED, MALFORMED},
        {"more declared than there are", MSGPACK, SPAN("\xdd\xff\xff\xff\xff\0\x1e"), MALFORMED, MALFORMED},
        {"the SDK's greeting", MSGPACK, SPAN("\x93\0\4\xa5user1"), OTHER, OTHER},
        {"the SDK's end of talk", MSGPACK, SPAN("\x94\1\2\xa5user1\xa1\x30"), OTHER, OTHER},
        {"two of another type", MSGPACK, SPAN("\x92\0\4"), OTHER, OTHER},
        {"a million of another type", MSGPACK, SPAN("\xdd\0\x0f\x42\x40\0\4"), OTHER, OTHER},
        {"another type, cut behind it", MSGPACK, SPAN("\x95\0\1\xa5us"), OTHER, OTHER},
        {"array32", MSGPACK, SPAN("\xdd\0\0\0\5\xcc\0\xcd\x01\0\0\0\0"), OTHER, OTHER},
        {"array32, array16, widest integers", MSGPACK,
         SPAN("\xdd\0\0\0\5\xcf\0\0\0\0\0\0\0\0\xd3\0\0\0\0\0\0\0\x1e"), 30, 30},
        {"int8", MSGPACK, SPAN("\xdc\0\5\xd0\0\xd0\x21"), 33, 33},
        {"uint16", MSGPACK, SPAN("\x95\xcd\0\0\xcd\0\x1e"), 30, 30},
        {"int32", MSGPACK, SPAN("\x95\xd2\0\0\0\0\xd2\0\0\0\x1e"), 30, 30},
        {"float32", MSGPACK, SPAN("\x95\xca\0\0\0\0\xca\x41\xf0\0\0"), 30, 30},
        {"float64", MSGPACK, SPAN("\x95\xcb\0\0\0\0\0\0\0\0\xcb\x40\x40\x80\0\0\0\0\0"), 33, 33},
        {"minus zero", MSGPACK, SPAN("\x95\xcb\x80\0\0\0\0\0\0\0\x1e"), 30, 30},
        {"channel 0.5", MSGPACK, SPAN("\x95\xca\x3f\0\0\0\x1e"), MALFORMED, MALFORMED},
        {"type 30.5", MSGPACK, SPAN("\x95\0\xca\x41\xf4\0\0"), OTHER, OTHER},
        {"type NaN", MSGPACK, SPAN("\x95\0\xca\x7f\xc0\0\0"), OTHER, OTHER},
        {"type infinite", MSGPACK, SPAN("\x95\0\xcb\x7f\xf0\0\0\0\0\0\0"), OTHER, OTHER},
        {"type above", MSGPACK, SPAN("\x95\0\xcf\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0"), OTHER, OTHER},
        {"type is text", MSGPACK, SPAN("\x95\0\xa2\x33\x30\0\0\0"), OTHER, OTHER},
        {"type is nil", MSGPACK, SPAN("\x95\0\xc0\0\0\0"), OTHER, OTHER},
        {"type is a list", MSGPACK, SPAN("\x95\0\x91\x1e\0\0\0"), OTHER, OTHER},
        {"type is an extension", MSGPACK, SPAN("\x95\0\xd4\0\0"), OTHER, OTHER},
        {"channel is text", MSGPACK, SPAN("\x95\xa1x\x1e\0\0\0"), MALFORMED, MALFORMED},
        {"channel is text, another type", MSGPACK, SPAN("\x95\xa1x\1\0\0\0"), OTHER, OTHER},
        {"channel is nested", MSGPACK, SPAN("\x92\x81\xa1x\x92\x91\x90\xc4\1y\x1f"), OTHER, OTHER},
        {"channel is a map, type 30", MSGPACK, SPAN("\x95\x80\x1e"), MALFORMED, MALFORMED},
        {"channel is nested without end", MSGPACK,
         SPAN("\x92\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\0\4"), OTHER,
         OTHER},
        {"one element", MSGPACK, SPAN("\x91\x1e"), OTHER, OTHER},
        {"no elements", MSGPACK, SPAN("\x90"), OTHER, OTHER},
        {"no elements, and more behind", MSGPACK, SPAN("\x90\0"), MALFORMED, MALFORMED},
        {"a map", MSGPACK, SPAN("\x82\0\0\1\x1e"), OTHER, OTHER},
        {"a map, cut", MSGPACK, SPAN("\x82\0\0\1"), MALFORMED, MORE},
        {"nil", MSGPACK, SPAN("\xc0"), OTHER, OTHER},
        {"a number", MSGPACK, SPAN("\x1e"), OTHER, OTHER},
        {"numbers in a row", MSGPACK, SPAN("hello"), MALFORMED, MALFORMED},
        {"a text", MSGPACK, SPAN("\xa2hi"), OTHER, OTHER},
        {"a text, cut", MSGPACK, SPAN("\xa5hi"), MALFORMED, MORE},
        {"nothing", MSGPACK, SPAN(""), OTHER, MORE},
        {"cut behind the channel", MSGPACK, SPAN("\x95\0"), MALFORMED, MORE},
        {"cut in the type", MSGPACK, SPAN("\x95\0\xcd\1"), MALFORMED, MORE},
        {"never used", MSGPACK, SPAN("\xc1"), MALFORMED, MALFORMED},
        {"never used, as the channel", MSGPACK, SPAN("\x95\xc1\x1e"), MALFORMED, MALFORMED},
        {"JSON text", MSGPACK, SPAN("[0,30"), MALFORMED, MALFORMED},
        {"JSON", JSON, SPAN("[0,30,\"u\",0,null]"), 30, 30},
        {"JSON with spaces", JSON, SPAN(" [\t0 ,\r\n 30 , \"u"), 30, 30},
        {"JSON with a byte order mark", JSON, SPAN("\xef\xbb\xbf[0,30,"), 30, 30},
        {"JSON, a part of the mark", JSON, SPAN("\xef\xbb"), MALFORMED, MORE},
        {"JSON, the mark alone", JSON, SPAN("\xef\xbb\xbf"), MALFORMED, MORE},
        {"JSON, two marks", JSON, SPAN("\xef\xbb\xbf\xef\xbb\xbf[0,30,"), MALFORMED, MALFORMED},
        {"JSON of two", JSON, SPAN("[0,30]"), MALFORMED, MALFORMED},
        {"JSON of two, another type", JSON, SPAN("[0,4]"), OTHER, OTHER},
        {"JSON, the SDK's greeting", JSON, SPAN("[0,4,\"user1\"]"), OTHER, OTHER},
        {"JSON of one", JSON, SPAN("[30]"), OTHER, OTHER},
        {"JSON of none", JSON, SPAN(" [ ] "), OTHER, OTHER},
        {"JSON of none, and more behind", JSON, SPAN("[]]"), MALFORMED, MALFORMED},
        {"JSON negative", JSON, SPAN("[-1,-30,"), OTHER, OTHER},
        {"JSON 30.0", JSON, SPAN("[0.0,30.0,"), 30, 30},
        {"JSON 3e1", JSON, SPAN("[0e5,3e1,"), 30, 30},
        {"JSON 330E-1", JSON, SPAN("[-0,330E-1,"), 33, 33},
        {"JSON 30.5", JSON, SPAN("[0,30.5,"), OTHER, OTHER},
        {"JSON 1e400", JSON, SPAN("[0,1e400,"), OTHER, OTHER},
        {"JSON 20 digits", JSON, SPAN("[0,10000000000000000000,"), OTHER, OTHER},
        {"JSON channel of 20 digits", JSON, SPAN("[10000000000000000000,30,"), MALFORMED, MALFORMED},
        {"JSON cut behind a digit", JSON, SPAN("[0,3"), OTHER, MORE},
        {"JSON cut behind 30", JSON, SPAN("[0,30"), MALFORMED, MORE},
        {"JSON cut behind a dot", JSON, SPAN("[0,30."), MALFORMED, MORE},
        {"JSON cut behind an e", JSON, SPAN("[0,3e"), MALFORMED, MORE},
        {"JSON cut behind a comma", JSON, SPAN("[0,"), MALFORMED, MORE},
        {"JSON nothing", JSON, SPAN(""), OTHER, MORE},
        {"JSON white space", JSON, SPAN(" \n"), MALFORMED, MORE},
        {"JSON leading zero", JSON, SPAN("[0,030,"), OTHER, OTHER},
        {"JSON plus", JSON, SPAN("[0,+30,"), MALFORMED, MALFORMED},
        {"JSON sign alone", JSON, SPAN("[0,-,"), MALFORMED, MALFORMED},
        {"JSON dot alone", JSON, SPAN("[0,30.,"), MALFORMED, MALFORMED},
        {"JSON text type", JSON, SPAN("[0,\"30\","), OTHER, OTHER},
        {"JSON null type", JSON, SPAN("[0,null,"), OTHER, OTHER},
        {"JSON type a word", JSON, SPAN("[0,nil,"), MALFORMED, MALFORMED},
        {"JSON text channel", JSON, SPAN("[\"\\\"]\",30,"), MALFORMED, MALFORMED},
        {"JSON text channel, another type", JSON, SPAN("[\"\\\"]\",3,"), OTHER, OTHER},
        {"JSON nested channel", JSON, SPAN("[{\"a\":[1,{\"[\":true}]},5,"), OTHER, OTHER},
        {"JSON nested channel, cut", JSON, SPAN("[{\"a\":[1,{\"[\":tr"), MALFORMED, MORE},
        {"JSON object", JSON, SPAN("{\"a\":1}"), OTHER, OTHER},
        {"JSON object, cut", JSON, SPAN("{\"a\":1"), MALFORMED, MORE},
        {"JSON number", JSON, SPAN("30"), OTHER, MORE},
        {"JSON number and text", JSON, SPAN("30 x"), MALFORMED, MALFORMED},
        {"JSON null", JSON, SPAN("null"), OTHER, OTHER},
        {"JSON string", JSON, SPAN("\"x\""), OTHER, OTHER},
        {"no JSON", JSON, SPAN("hello"), MALFORMED, MALFORMED},
        {"JSON with a comment", JSON, SPAN("/**/[0,30,"), MALFORMED, MALFORMED},
        {"JSON with a NUL", JSON, SPAN("[0\0,30,"), MALFORMED, MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int whole = 0; whole < 2; whole++) {
            int expected = whole ? cases[i].whole : cases[i].part;
            int64_t type = -77;

            expect_int(cases[i].name, message_peek(cases[i].encoding, cases[i].head, whole, &type),
                       expected > 0 ? MESSAGE_OK : expected);
            expect_int(cases[i].name, type, expected > 0 ? expected : -77);
        }
    }
}

/* A head that does not tell: `lead`, `count` bytes of `filler`, `trail`. */
static enum message_result peek_long(enum encoding encoding, struct span lead, char filler, size_t count,
                                     struct span trail, bool whole)
{
    bytes_auto head = BYTES_INIT;
    int64_t type;

    bytes_append_span(&head, lead);
    memset(bytes_reserve(&head, count), filler, count);
    head.len += count;
    bytes_append_span(&head, trail);
    return message_peek(encoding, bytes_span(&head), whole, &type);
}

static void test_long_heads(void **state)
{
    static const struct {
        const char *name;
        enum encoding encoding;
        struct span lead;
        char filler;
        struct span trail;
        int within; /* with so many bytes that all of it stands in MESSAGE_HEAD_MAX */
    } cases[] = {
        {"bytes as the channel", MSGPACK, SPAN("\x95\xc5\x0f\xf0"), 7, SPAN("\x1f"), MESSAGE_OTHER},
        {"lists in lists", MSGPACK, SPAN("\x92"), '\x91', SPAN("\0\x1f"), MESSAGE_OTHER},
        {"space", JSON, SPAN("[0,"), ' ', SPAN("30,"), MESSAGE_OK},
        {"lists in lists as JSON", JSON, SPAN(""), '[', SPAN(""), MESSAGE_MORE},
        {"a string", JSON, SPAN("[\""), 'x', SPAN("\",5,"), MESSAGE_OTHER},
        {"digits", JSON, SPAN("[0,1"), '0', SPAN(","), MESSAGE_OTHER},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t room = MESSAGE_HEAD_MAX - cases[i].lead.len - cases[i].trail.len;

        room = cases[i].encoding == MSGPACK && cases[i].filler == 7 ? 0xff0 : room - 1;
        expect_int(cases[i].name,
                   peek_long(cases[i].encoding, cases[i].lead, cases[i].filler, room, cases[i].trail, false),
                   cases[i].within);
        /* Beyond it: skipped, whether more comes or not. */
        for (int whole = 0; whole < 2; whole++)
            expect_int(cases[i].name,
                       peek_long(cases[i].encoding, cases[i].lead, cases[i].filler, 2 * MESSAGE_HEAD_MAX,
                                 cases[i].trail, whole),
                       MESSAGE_OTHER);
    }
}

/* Whatever the JavaScript clients send: each shorter head asks for more or says the same. */
static void test_prefixes(void **state)
{
    const struct golden *g;
    size_t at = 0;
    while ((g = golden_next(NULL, &at))) {
        struct span head = golden_span(g);
        int64_t whole, part;

        enum message_result all = message_peek(golden_encoding(g), head, true, &whole);

        for (head.len = 0; head.len < g->len; head.len++) {
            enum message_result result = message_peek(golden_encoding(g), head, false, &part);

            expect_int(g->what, result == MESSAGE_MORE ? all : result, all);
            if (result == MESSAGE_OK)
                expect_int(g->what, part, whole);
        }
    }
}

static void test_golden_types(void **state)
{
    static const struct {
        const char *what;
        int64_t type; /* 0: none of ours */
    } cases[] = {{"heartbeat", 30}, {"subscribe", 33}, {"talk", 0}, {"server_update", 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct golden *g;
        size_t at = 0, count = 0;

        while ((g = golden_next(cases[i].what, &at))) {
            int64_t type = 0;

            expect_int(g->writer, message_peek(golden_encoding(g), golden_span(g), true, &type),
                       cases[i].type ? MESSAGE_OK : MESSAGE_OTHER);
            expect_int(g->writer, type, cases[i].type);
            count++;
        }
        assert_int_equal(count, GOLDEN_WRITERS);
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *name;
        struct span head;
        bool whole;
        enum message_result msgpack, json;
        int64_t type;
    } cases[] = {
        {"nothing yet", SPAN(""), false, MESSAGE_MORE, MESSAGE_MORE, 0},
        {"nothing", SPAN(""), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"an array", SPAN("\x95"), false, MESSAGE_MORE, MESSAGE_OTHER, 0},
        {"cut", SPAN("\x95"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"a channel", SPAN("\x95\x00"), false, MESSAGE_MORE, MESSAGE_OTHER, 0},
        {"audio", SPAN("\x95\x00\x03"), false, MESSAGE_OK, MESSAGE_OTHER, 3},
        {"wide", SPAN("\xdd\x00\x00\x00\x05\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xcd\x00\x1f"), false,
         MESSAGE_OK, MESSAGE_OTHER, 31},
        {"a text for a channel", SPAN("\x95\xa1x\x1f"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"a text for a type", SPAN("\x95\x00\xa1x"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"one element", SPAN("\x91\x00"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"JSON", SPAN("[0,31,"), false, MESSAGE_OTHER, MESSAGE_OK, 31},
        {"JSON with blanks", SPAN(" [ 0 , 3 ]"), true, MESSAGE_OTHER, MESSAGE_OK, 3},
        {"JSON that may go on", SPAN("[0,3"), false, MESSAGE_OTHER, MESSAGE_MORE, 0},
        {"JSON of a text", SPAN("[\"a\",3]"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"an object", SPAN("{\"a\":1}"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
        {"words", SPAN("hello"), true, MESSAGE_OTHER, MESSAGE_OTHER, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t type = 0;
        expect_int(cases[i].name, message_peek_type(ENCODING_MSGPACK, cases[i].head, cases[i].whole, &type),
                   cases[i].msgpack);
        expect_int(cases[i].name, message_peek_type(ENCODING_JSON, cases[i].head, cases[i].whole, &type),
                   cases[i].json);
        if (cases[i].type)
            expect_int(cases[i].name, type, cases[i].type);
    }
    char blanks[MESSAGE_TYPE_MAX];
    int64_t type;
    memset(blanks, ' ', sizeof(blanks));
    expect_int("too many blanks",
               message_peek_type(ENCODING_JSON, (struct span){blanks, sizeof(blanks)}, false, &type),
               MESSAGE_OTHER);
    assert_false(message_is_presence(29) || message_is_presence(36));
    assert_true(message_is_presence(30) && message_is_presence(35));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),    cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_golden_types),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
