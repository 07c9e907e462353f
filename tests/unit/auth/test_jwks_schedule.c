/* SPDX-License-Identifier: MIT */
#include "auth/jwks_schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_kept(void **state)
{
    static const struct {
        const char *header;
        int64_t kept_s;
    } rows[] = {
        {"", 3600},
        {"public", 3600},
        {"max-age=7200", 7200},
        {"public, Max-Age = 7200, must-revalidate", 7200},
        {"max-age=300", 300},
        {"max-age=299", 300},
        {"max-age=0", 300},
        {"max-age=86401", 86400},
        {"max-age=2147483647", 86400},
        {"max-age=99999999999999999999", 3600},
        {"max-age=-1", 3600},
        {"max-age=", 3600},
        {"max-age", 3600},
        {"xmax-age=7200", 3600},
        {"s-maxage=7200", 3600},
        {"no-cache", 300},
        {"max-age=7200, no-store", 300},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (jwks_kept_s(span_of(rows[i].header)) != rows[i].kept_s)
            fail_msg("%s", rows[i].header);
    assert_int_equal(jwks_kept_s(SPAN_NONE), 3600);
}

static void test_after_success(void **state)
{
    struct jwks_schedule s;
    jwks_schedule_init(&s, 1, 5000);
    assert_int_equal(s.due_ms, 5000);
    jwks_schedule_fetched(&s, 600, 6000);
    assert_int_equal(s.due_ms, 606000);
    jwks_schedule_now(&s, 7000);
    assert_int_equal(s.due_ms, 7000);
}

/* The bounds double up to a minute, and begin anew after a success. */
static void test_after_failures(void **state)
{
    static const int64_t bounds_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct jwks_schedule s;
    jwks_schedule_init(&s, 7, 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(bounds_ms) / sizeof(bounds_ms[0]); i++) {
            int64_t now_ms = 1000000 * (int64_t)(i + 1);
            jwks_schedule_failed(&s, now_ms);
            assert_in_range(s.due_ms - now_ms, bounds_ms[i] / 2, bounds_ms[i]);
        }
        for (int i = 0; i < 1000; i++)
            jwks_schedule_failed(&s, 0);
        assert_in_range(s.due_ms, 30000, 60000);
        if (round == 0)
            jwks_schedule_fetched(&s, 300, 0);
    }
    jwks_schedule_now(&s, 0);
    jwks_schedule_failed(&s, 0);
    assert_in_range(s.due_ms, 500, 1000);
}

static void test_unknown_keys(void **state)
{
    struct jwks_schedule s;
    jwks_schedule_init(&s, 1, 0);
    jwks_schedule_fetched(&s, 3600, 100);
    assert_true(jwks_schedule_unknown_key(&s, 200));
    assert_int_equal(s.due_ms, 200);
    jwks_schedule_fetched(&s, 3600, 300);
    assert_false(jwks_schedule_unknown_key(&s, 301));
    assert_false(jwks_schedule_unknown_key(&s, 60199));
    assert_int_equal(s.due_ms, 3600300);
    jwks_schedule_now(&s, 60000); /* which does not open the way for more */
    assert_false(jwks_schedule_unknown_key(&s, 60199));
    assert_true(jwks_schedule_unknown_key(&s, 60200));
    assert_false(jwks_schedule_unknown_key(&s, 60201));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_after_success),
        cmocka_unit_test(test_after_failures),
        cmocka_unit_test(test_unknown_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
