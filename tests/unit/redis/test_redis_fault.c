/* SPDX-License-Identifier: MIT */
#include "redis/redis_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_told_once_and_again_after_ten_minutes(void **state)
{
    struct redis_fault_memory m = {.told_ms = 0};
    int64_t now_ms = 5, told_ms;
    assert_true(redis_fault_is_news(&m, "refused", now_ms));
    told_ms = now_ms;
    for (; now_ms < told_ms + REDIS_FAULT_REPEAT_MS; now_ms += 2000)
        assert_int_equal(redis_fault_is_news(&m, "refused", now_ms), 0);
    assert_true(redis_fault_is_news(&m, "refused", now_ms));
    assert_false(redis_fault_is_news(&m, "refused", now_ms + 1));
    assert_true(redis_fault_is_news(&m, "no answer in time", now_ms + 2));
    assert_true(redis_fault_is_news(&m, "refused", now_ms + 3));
    redis_fault_forget(&m);
    assert_true(redis_fault_is_news(&m, "refused", now_ms + 4));
}

static void test_long_ones_are_the_same_by_their_beginning(void **state)
{
    struct redis_fault_memory m = {.told_ms = 0};
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(redis_fault_is_news(&m, text, 1));
    assert_false(redis_fault_is_news(&m, text, 2));
    text[0] = 'y';
    assert_true(redis_fault_is_news(&m, text, 3));
}

static void test_each_fault_has_its_mend(void **state)
{
    static const struct {
        enum redis_fault fault;
        const char *names;
    } cases[] = {
        {REDIS_FAULT_AWAY, "REDIS_HOST"},
        {REDIS_FAULT_REFUSED, "REDIS_PASSWORD_FILE"},
        {REDIS_FAULT_SENTINELS, "REDIS_SENTINELS"},
        {REDIS_FAULT_MASTER, "master"},
    };

    assert_null(redis_fault_mend(REDIS_FAULT_NONE));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_non_null(strstr(redis_fault_mend(cases[i].fault), cases[i].names));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_once_and_again_after_ten_minutes),
        cmocka_unit_test(test_long_ones_are_the_same_by_their_beginning),
        cmocka_unit_test(test_each_fault_has_its_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
