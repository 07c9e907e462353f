/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/proxies.h"

static const struct {
    const char *name;
    bool expected;
} rows[] = {
    {"X-Forwarded-For", true},
    {"x-forwarded-for", true},
    {"X-Forwarded-Host", true},
    {"X-Forwarded-Proto", true},
    {"X-Forwarded-Anything", true},
    {"Forwarded", true},
    {"via", true},
    {"X-Real-IP", true},
    {"CF-Connecting-IP", true},
    {"True-Client-IP", true},
    {"", false},
    {"X-Forwarded-", false},
    {"X-Forwarded", false},
    {"Forwarded-For", false},
    {"Viable", false},
    {"X-Request-Id", false},
    {"Host", false},
    {"User-Agent", false},
    {"Authorization", false},
    {"traceparent", false},
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (proxies_header(span_of(rows[i].name)) != rows[i].expected)
            fail_msg("'%s': expected %d", rows[i].name, rows[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
