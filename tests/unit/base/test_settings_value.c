/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct number_row {
    const char *input;
    int code;
    int64_t expected;
};

static void check_numbers(const struct number_row *rows, size_t count, int (*parse)(struct span, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = 4711;
        int code = parse(span_of(rows[i].input), &value);

        if (code != rows[i].code || value != (code ? 4711 : rows[i].expected))
            fail_msg("'%s': %d, %lld", rows[i].input, code, (long long)value);
    }
}

static void test_duration_parse(void **state)
{
    static const struct number_row rows[] = {
        {"60", 0, 60000},
        {"60s", 0, 60000},
        {"250ms", 0, 250},
        {"5m", 0, 300000},
        {"1h", 0, 3600000},
        {"0", 0, 0},
        {"0ms", 0, 0},
        {"5M", 0, 300000},
        {"250MS", 0, 250},
        {"1000000000000000ms", 0, INT64_C(1000000000000000)},
        {"1000000000000001ms", -1, 0},
        {"1000000000001", -1, 0},
        {"277777778h", -1, 0},
        {"18446744073709551616", -1, 0},
        {"", -1, 0},
        {"s", -1, 0},
        {"ms", -1, 0},
        {"-1", -1, 0},
        {"-1s", -1, 0},
        {"+1s", -1, 0},
        {"1.5s", -1, 0},
        {"1 s", -1, 0},
        {" 1", -1, 0},
        {"1s ", -1, 0},
        {"1d", -1, 0},
        {"1ss", -1, 0},
        {"1h30m", -1, 0},
        {"60sec", -1, 0},
    };

    check_numbers(rows, sizeof(rows) / sizeof(rows[0]), settings_duration_parse);
}

static void test_size_parse(void **state)
{
    static const struct number_row rows[] = {
        {"4096", 0, 4096},
        {"64k", 0, 65536},
        {"64K", 0, 65536},
        {"4m", 0, 4194304},
        {"1g", 0, 1073741824},
        {"0", 0, 0},
        {"9007199254740992", 0, INT64_C(9007199254740992)},
        {"9007199254740993", -1, 0},
        {"8388609g", -1, 0},
        {"", -1, 0},
        {"k", -1, 0},
        {"4kb", -1, 0},
        {"-4k", -1, 0},
        {"4.5k", -1, 0},
    };

    check_numbers(rows, sizeof(rows) / sizeof(rows[0]), settings_size_parse);
}

static void test_duration_format(void **state)
{
    static const struct {
        int64_t input;
        const char *expected;
    } rows[] = {
        {0, "0s"},       {1, "1ms"},       {250, "250ms"},     {1000, "1s"},     {1500, "1500ms"},
        {60000, "60s"},  {90000, "90s"},   {120000, "2m"},     {300000, "5m"},   {3600000, "1h"},
        {7200000, "2h"}, {5400000, "90m"}, {3601000, "3601s"}, {-250, "-250ms"}, {-60000, "-60s"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        int64_t back;

        settings_duration_format(rows[i].input, text);
        assert_string_equal(text, rows[i].expected);
        if (rows[i].input < 0)
            continue;
        assert_int_equal(settings_duration_parse(span_of(text), &back), 0);
        assert_int_equal(back, rows[i].input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration_parse),
        cmocka_unit_test(test_size_parse),
        cmocka_unit_test(test_duration_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
