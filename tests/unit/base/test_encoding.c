/* SPDX-License-Identifier: MIT */
#include "base/base64.h"
#include "base/bytes.h"
#include "base/rng.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BYTES_OF(literal)                                                                                    \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }

static void test_utf8(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        bool valid, plain;
    } rows[] = {
        {"empty", BYTES_OF(""), true, true},
        {"ascii", BYTES_OF("user:123 ~"), true, true},
        {"two bytes", BYTES_OF("\xc3\xa4"), true, true},
        {"three bytes", BYTES_OF("\xe2\x82\xac"), true, true},
        {"four bytes", BYTES_OF("\xf0\x9f\x98\x80"), true, true},
        {"last", BYTES_OF("\xf4\x8f\xbf\xbf"), true, true},
        {"NUL", BYTES_OF("a\0b"), true, false},
        {"newline", BYTES_OF("a\nb"), true, false},
        {"0x1f", BYTES_OF("\x1f"), true, false},
        {"DEL", BYTES_OF("\x7f"), true, false},
        {"U+0080", BYTES_OF("\xc2\x80"), true, false},
        {"U+009F", BYTES_OF("\xc2\x9f"), true, false},
        {"U+00A0", BYTES_OF("\xc2\xa0"), true, true},
        {"lone continuation", BYTES_OF("\x80"), false, false},
        {"overlong slash, 2", BYTES_OF("\xc0\xaf"), false, false},
        {"overlong, c1", BYTES_OF("\xc1\xbf"), false, false},
        {"overlong slash, 3", BYTES_OF("\xe0\x80\xaf"), false, false},
        {"overlong, e0 9f", BYTES_OF("\xe0\x9f\xbf"), false, false},
        {"first of three", BYTES_OF("\xe0\xa0\x80"), true, true},
        {"overlong slash, 4", BYTES_OF("\xf0\x80\x80\xaf"), false, false},
        {"overlong, f0 8f", BYTES_OF("\xf0\x8f\xbf\xbf"), false, false},
        {"U+D7FF", BYTES_OF("\xed\x9f\xbf"), true, true},
        {"surrogate D800", BYTES_OF("\xed\xa0\x80"), false, false},
        {"surrogate DFFF", BYTES_OF("\xed\xbf\xbf"), false, false},
        {"U+110000", BYTES_OF("\xf4\x90\x80\x80"), false, false},
        {"f5", BYTES_OF("\xf5\x80\x80\x80"), false, false},
        {"ff", BYTES_OF("\xff"), false, false},
        {"cut, 2", BYTES_OF("a\xc3"), false, false},
        {"cut, 3", BYTES_OF("\xe2\x82"), false, false},
        {"cut, 4", BYTES_OF("\xf0\x9f\x98"), false, false},
        {"broken third", BYTES_OF("\xe2\x82\x41"), false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (utf8_valid(rows[i].input) != rows[i].valid || utf8_valid_plain(rows[i].input) != rows[i].plain)
            fail_msg("%s", rows[i].name);
}

static void append_utf8(uint32_t c, struct bytes *out)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    bytes_append_char(out, (char)(leads[len] | c >> 6 * (len - 1)));
    while (--len)
        bytes_append_char(out, (char)(0x80 | (c >> 6 * (len - 1) & 0x3f)));
}

static void test_utf8_every_character(void **state)
{
    bytes_auto b = BYTES_INIT;

    for (uint32_t c = 0; c < 0x110000; c++) {
        uint32_t back = 0;
        bool surrogate = c >= 0xd800 && c < 0xe000;
        size_t len;

        bytes_reset(&b);
        append_utf8(c, &b);
        len = utf8_next(bytes_span(&b), &back);
        if (surrogate ? len != 0 : len != b.len || back != c)
            fail_msg("U+%04X: %zu, U+%04X", c, len, back);
    }
}

static void test_json(void **state)
{
    static const struct {
        struct span input;
        const char *expected;
    } rows[] = {
        {BYTES_OF(""), "\"\""},
        {BYTES_OF("user123"), "\"user123\""},
        {BYTES_OF("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {BYTES_OF("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {BYTES_OF("\0\x01\x0b\x1f\x7f"), "\"\\u0000\\u0001\\u000b\\u001f\x7f\""},
        {BYTES_OF("\xc3\xa4\xf0\x9f\x98\x80"), "\"\xc3\xa4\xf0\x9f\x98\x80\""},
        {BYTES_OF("a\xff\x62"), "\"a\xef\xbf\xbd\x62\""},
        {BYTES_OF("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {BYTES_OF("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {BYTES_OF("\xc3\""), "\"\xef\xbf\xbd\\\"\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto b = BYTES_INIT;

        bytes_append_json(&b, rows[i].input);
        assert_string_equal(bytes_text(&b), rows[i].expected);
    }
}

static void test_json_of_noise_is_utf8(void **state)
{
    struct rng rng;
    rng_init(&rng, 31);
    for (int run = 0; run < 2000; run++) {
        bytes_auto noise = BYTES_INIT, json = BYTES_INIT;

        for (uint64_t n = rng_below(&rng, 40); n; n--)
            bytes_append_char(&noise, (char)rng_next(&rng));
        bytes_append_json(&json, bytes_span(&noise));
        assert_true(utf8_valid(bytes_span(&json)));
        for (size_t i = 0; i < json.len; i++)
            assert_true((unsigned char)json.data[i] >= 0x20);
    }
}

/* RFC 4648, 10; and the two digits that differ. */
static void test_base64(void **state)
{
    static const struct {
        struct span input;
        const char *url, *standard;
    } rows[] = {
        {BYTES_OF(""), "", ""},
        {BYTES_OF("f"), "Zg", "Zg=="},
        {BYTES_OF("fo"), "Zm8", "Zm8="},
        {BYTES_OF("foo"), "Zm9v", "Zm9v"},
        {BYTES_OF("foob"), "Zm9vYg", "Zm9vYg=="},
        {BYTES_OF("fooba"), "Zm9vYmE", "Zm9vYmE="},
        {BYTES_OF("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {BYTES_OF("\xfb\xff\xbf"), "-_-_", "+/+/"},
        {BYTES_OF("\0\0"), "AAA", "AAA="},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto url = BYTES_INIT, standard = BYTES_INIT, back = BYTES_INIT;

        base64url_encode(rows[i].input, &url);
        base64_encode(rows[i].input, &standard);
        assert_string_equal(bytes_text(&url), rows[i].url);
        assert_string_equal(bytes_text(&standard), rows[i].standard);
        assert_int_equal(base64url_decode(bytes_span(&url), &back), 0);
        assert_true(span_equal(bytes_span(&back), rows[i].input));
    }
}

static void test_base64url_refused(void **state)
{
    static const char *const rows[] = {
        "A",    "AAAAA", "Zg==",   "Zg=",   "Zh",         "Zm9", /* spare bits */
        "+/+/", "Zm 9v", "Zm9v\n", "Zm9v.", "Z\xc3\xa4g", "=",
    };
    bytes_auto out = BYTES_INIT;

    bytes_append_text(&out, "before");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!base64url_decode(span_of(rows[i]), &out))
            fail_msg("taken: '%s'", rows[i]);
        assert_string_equal(bytes_text(&out), "before");
    }
    assert_int_equal(base64url_decode(SPAN("Zm8\0"), &out), -1);
}

static void test_base64_as_people_write_it(void **state)
{
    static const struct {
        const char *text, *bytes; /* NULL: refused */
    } rows[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zg", "f"},
        {"Zm8=", "fo"},
        {"Zm8", "fo"},
        {"Zm9v", "foo"},
        {"Zm9v\n", "foo"},
        {" Zm\r\n9v\t", "foo"},
        {"Zg=\n=", "f"},
        {"+/+/", "\xfb\xff\xbf"},
        {"-_-_", "\xfb\xff\xbf"},
        {"+_+_", NULL},
        {"Zg=", NULL},
        {"Zg===", NULL},
        {"Zm9v=", NULL},
        {"Zm9v====", NULL},
        {"Zg==Zg==", NULL},
        {"=", NULL},
        {"Z", NULL},
        {"Zh==", NULL},
        {"Zm9v!", NULL},
        {"Zm9v\xc2\xa0", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto out = BYTES_INIT;

        bytes_append_text(&out, "<");
        if (base64_decode(span_of(rows[i].text), &out) != (rows[i].bytes ? 0 : -1))
            fail_msg("'%s'", rows[i].text);
        assert_int_equal(out.len, 1 + (rows[i].bytes ? strlen(rows[i].bytes) : 0));
        assert_memory_equal(out.data + 1, rows[i].bytes ? rows[i].bytes : "", out.len - 1);
    }
}

static void test_base64url_there_and_back(void **state)
{
    struct rng rng;
    rng_init(&rng, 77);
    for (size_t len = 0; len < 300; len++) {
        bytes_auto data = BYTES_INIT, text = BYTES_INIT, back = BYTES_INIT;

        for (size_t i = 0; i < len; i++)
            bytes_append_char(&data, (char)rng_next(&rng));
        base64url_encode(bytes_span(&data), &text);
        assert_int_equal(text.len, (len * 4 + 2) / 3);
        assert_int_equal(base64url_decode(bytes_span(&text), &back), 0);
        assert_true(span_equal(bytes_span(&back), bytes_span(&data)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_every_character),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_noise_is_utf8),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64url_refused),
        cmocka_unit_test(test_base64url_there_and_back),
        cmocka_unit_test(test_base64_as_people_write_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
