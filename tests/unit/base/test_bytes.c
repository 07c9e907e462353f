/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_span_equal(void **state)
{
    static const struct {
        const char *name, *a, *b;
        bool equal, nocase;
    } rows[] = {
        {"same", "token", "token", true, true},
        {"case", "Token", "tOKEN", false, true},
        {"length", "token", "token2", false, false},
        {"empty", "", "", true, true},
        {"none", NULL, "", true, true},
        {"not letters", "a[b", "a{b", false, false},
        {"high bytes", "\xc3\x84", "\xc3\xa4", false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span a = span_of(rows[i].a), b = span_of(rows[i].b);

        if (span_equal(a, b) != rows[i].equal || span_equal_nocase(a, b) != rows[i].nocase)
            fail_msg("%s", rows[i].name);
    }
}

static void test_span_trim(void **state)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {{"", ""}, {" \t ", ""}, {"a", "a"}, {"\t a b \t", "a b"}, {"\na\n", "\na\n"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(span_equal(span_trim(span_of(rows[i].input)), span_of(rows[i].expected)));
    assert_int_equal(span_trim(SPAN_NONE).len, 0);
}

static void test_span_split(void **state)
{
    static const struct {
        const char *input, *parts; /* parts with '|' between them */
    } rows[] = {{"", ""}, {"a", "a"}, {"a,b", "a|b"}, {",a", "|a"}, {"a,,b", "a||b"}, {"a,", "a"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span rest = span_of(rows[i].input);
        bytes_auto parts = BYTES_INIT;
        bool first = true;

        while (rest.len) {
            if (!first)
                bytes_append_char(&parts, '|');
            first = false;
            bytes_append_span(&parts, span_split(&rest, ','));
        }
        assert_string_equal(bytes_text(&parts), rows[i].parts);
    }
}

static void test_span_to_u64(void **state)
{
    static const struct {
        const char *input;
        uint64_t max;
        int code;
        uint64_t expected;
    } rows[] = {
        {"0", UINT64_MAX, 0, 0},
        {"7", 7, 0, 7},
        {"8", 7, -1, 0},
        {"10", 9, -1, 0},
        {"007", 7, 0, 7},
        {"0", 0, 0, 0},
        {"1", 0, -1, 0},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, -1, 0},
        {"99999999999999999999999", UINT64_MAX, -1, 0},
        {"65535", 65535, 0, 65535},
        {"65536", 65535, -1, 0},
        {"", UINT64_MAX, -1, 0},
        {"-1", UINT64_MAX, -1, 0},
        {"+1", UINT64_MAX, -1, 0},
        {" 1", UINT64_MAX, -1, 0},
        {"1 ", UINT64_MAX, -1, 0},
        {"0x1", UINT64_MAX, -1, 0},
        {"1\xb2", UINT64_MAX, -1, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 4711;
        int code = span_to_u64(span_of(rows[i].input), rows[i].max, &value);

        if (code != rows[i].code || value != (code ? 4711 : rows[i].expected))
            fail_msg("'%s': %d, %llu", rows[i].input, code, (unsigned long long)value);
    }
}

static void test_span_copy(void **state)
{
    char out[4] = "old";
    assert_int_equal(span_copy(SPAN("abcd"), out, sizeof(out)), -1);
    assert_int_equal(span_copy(SPAN("a\0b"), out, sizeof(out)), -1);
    assert_int_equal(span_copy(SPAN(""), out, 0), -1);
    assert_string_equal(out, "old");
    assert_int_equal(span_copy(SPAN("abc"), out, sizeof(out)), 0);
    assert_string_equal(out, "abc");
    assert_int_equal(span_copy(SPAN_NONE, out, sizeof(out)), 0);
    assert_string_equal(out, "");
}

static void test_append_numbers(void **state)
{
    bytes_auto b = BYTES_INIT;

    bytes_append_u64(&b, 0);
    bytes_append_char(&b, ' ');
    bytes_append_u64(&b, UINT64_MAX);
    bytes_append_char(&b, ' ');
    bytes_append_i64(&b, INT64_MIN);
    bytes_append_char(&b, ' ');
    bytes_append_i64(&b, INT64_MAX);
    assert_string_equal(bytes_text(&b), "0 18446744073709551615 -9223372036854775808 9223372036854775807");
}

static void test_grow(void **state)
{
    bytes_auto b = BYTES_INIT;

    assert_string_equal(bytes_text(&b), "");
    for (unsigned i = 0; i < 1000; i++)
        bytes_printf(&b, "%03u,", i);
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data + 4 * 567, "567,568,", 8);
    assert_true(bytes_reserve(&b, 100000) == b.data + 4000);
    assert_true(b.cap >= 104000);
    bytes_append(&b, NULL, 0);
    bytes_append_span(&b, SPAN_NONE);
    assert_int_equal(b.len, 4000);
    bytes_reset(&b);
    assert_int_equal(b.len, 0);
    assert_true(b.cap >= 104000);
    bytes_finish(&b);
    assert_null(b.data);
}

static void test_consume(void **state)
{
    bytes_auto b = BYTES_INIT;

    bytes_consume(&b, 3);
    bytes_append_text(&b, "abcdef");
    bytes_consume(&b, 0);
    bytes_consume(&b, 2);
    assert_string_equal(bytes_text(&b), "cdef");
    bytes_consume(&b, 9);
    assert_int_equal(b.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span_equal), cmocka_unit_test(test_span_trim),
        cmocka_unit_test(test_span_split), cmocka_unit_test(test_span_to_u64),
        cmocka_unit_test(test_span_copy),  cmocka_unit_test(test_append_numbers),
        cmocka_unit_test(test_grow),       cmocka_unit_test(test_consume),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
