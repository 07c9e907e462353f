/* SPDX-License-Identifier: MIT */
#include "base/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_one_a_second(void **state)
{
    struct log_limit limit = {0}, other = {0};
    int64_t left_out = -1;
    assert_true(log_limit_pass(&limit, 5000, &left_out));
    assert_int_equal(left_out, 0);
    assert_false(log_limit_pass(&limit, 5000, &left_out));
    assert_false(log_limit_pass(&limit, 5999, &left_out));
    assert_int_equal(left_out, 0);
    assert_true(log_limit_pass(&other, 5999, &left_out));
    assert_true(log_limit_pass(&limit, 6000, &left_out));
    assert_int_equal(left_out, 2);
    assert_true(log_limit_pass(&limit, 7000, &left_out));
    assert_int_equal(left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_a_second)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
