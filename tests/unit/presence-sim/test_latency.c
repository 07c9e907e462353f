/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "presence-sim/latency.h"

static void test_empty(void **state)
{
    const struct latency l = {0};
    assert_int_equal(latency_quantile(&l, 0.5), 0);
    assert_int_equal(latency_quantile(&l, 1), 0);
}

static void test_single(void **state)
{
    static const int64_t cases[] = {0,   1,   63,   64,    127,   128,     129,
                                    255, 256, 1000, 65535, 65536, 1000000, 7199999999};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct latency l = {0};
        latency_add(&l, cases[i]);
        assert_int_equal(latency_quantile(&l, 0), cases[i]);
        assert_int_equal(latency_quantile(&l, 0.5), cases[i]);
        assert_int_equal(l.max_us, cases[i]);
    }
}

static void test_quantiles(void **state)
{
    static const struct {
        double quantile;
        int64_t expected;
    } cases[] = {{0.01, 1000}, {0.5, 50000}, {0.9, 90000}, {0.99, 99000}, {1, 100000}};
    struct latency l = {0};

    for (int64_t us = 100000; us > 0; us--)
        latency_add(&l, us);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t got = latency_quantile(&l, cases[i].quantile);
        assert_in_range(got, cases[i].expected, cases[i].expected * 102 / 100);
    }
    assert_int_equal(latency_quantile(&l, 1), 100000);
    assert_int_equal(l.count, 100000);
    assert_int_equal(l.sum_us, 5000050000);
}

static void test_out_of_bounds(void **state)
{
    struct latency l = {0};
    latency_add(&l, -5);
    assert_int_equal(latency_quantile(&l, 1), 0);
    latency_add(&l, INT64_MAX / 2);
    assert_int_equal(l.max_us, INT64_MAX / 2);
    assert_true(latency_quantile(&l, 1) > 7200000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
