/* SPDX-License-Identifier: MIT */
#include "base/printable.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_append(void **state)
{
    static const struct {
        const char *name, *input, *expected;
    } rows[] = {
        {"plain", "user123", "user123"},
        {"nothing", "", ""},
        {"umlaut", "J\xc3\xb6rg", "J\xc3\xb6rg"},
        {"newline", "a\nb", "a\\x0ab"},
        {"colour", "\x1b[31mred", "\\x1b[31mred"},
        {"DEL", "a\x7f", "a\\x7f"},
        {"C1: a terminal's CSI", "\xc2\x9b", "\\x9b"},
        {"not UTF-8", "a\xff\xfe", "a\\xff\\xfe"},
        {"cut character", "a\xe2\x82", "a\\xe2\\x82"},
        {"right to left",
         "a\xe2\x80\xae"
         "b",
         "a\\u{202e}b"},
        {"zero width",
         "a\xe2\x80\x8b"
         "b",
         "a\\u{200b}b"},
        {"byte order mark", "\xef\xbb\xbf", "\\u{feff}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto out = BYTES_INIT;
        printable_append(&out, span_of(rows[i].input));
        if (strcmp(bytes_text(&out), rows[i].expected))
            fail_msg("%s: \"%s\"", rows[i].name, bytes_text(&out));
    }
}

static void test_a_nul_is_seen(void **state)
{
    bytes_auto out = BYTES_INIT;
    printable_append(&out, (struct span){"a\0b", 3});
    assert_string_equal(bytes_text(&out), "a\\x00b");
}

static void test_width(void **state)
{
    static const struct {
        const char *input;
        size_t expected;
    } rows[] = {
        {"", 0},          {"abc", 3},  {"J\xc3\xb6rg", 4}, {"\xe6\x97\xa5\xe6\x9c\xac", 4},
        {"e\xcc\x81", 1}, {"\xff", 1},
    };

    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(printable_width(span_of(rows[i].input)), rows[i].expected);
}

static void test_duration(void **state)
{
    static const struct {
        int64_t ms;
        const char *expected;
    } rows[] = {
        {0, "0 ms"},      {999, "999 ms"},        {1000, "1 s"},    {3999, "3 s"},
        {60000, "1 min"}, {125000, "2 min 5 s"},  {3600000, "1 h"}, {3780000, "1 h 3 min"},
        {3659000, "1 h"}, {187200000, "2 d 4 h"}, {-5000, "5 s"},   {INT64_MIN, "106751991167 d 7 h"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto out = BYTES_INIT;
        printable_duration(&out, rows[i].ms);
        assert_string_equal(bytes_text(&out), rows[i].expected);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_a_nul_is_seen),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
