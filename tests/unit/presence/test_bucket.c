/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "presence/bucket.h"

#define WRAP_MS 4294967296

/* So many tries at each of several times, and how many of them get one. */
static void test_takes(void **state)
{
    static const struct {
        const char *name;
        int64_t start_ms;
        struct {
            int64_t at_ms;
            unsigned tries, taken;
        } steps[8];
    } cases[] = {
        {"a burst", 0, {{0, 9, 5}, {0, 1, 0}}},
        {"one each 100 ms", 0, {{0, 5, 5}, {99, 1, 0}, {100, 2, 1}, {199, 1, 0}, {200, 2, 1}}},
        {"full after a burst's time", 1000, {{0, 5, 5}, {499, 9, 4}, {500, 2, 1}}},
        {"never more than a burst", 7, {{0, 5, 5}, {1000000, 9, 5}}},
        {"a failed try costs nothing", 7, {{0, 5, 5}, {50, 100, 0}, {100, 1, 1}}},
        {"where the ms begin anew", WRAP_MS - 250, {{0, 5, 5}, {249, 9, 2}, {250, 9, 0}, {300, 9, 1}}},
        {"its full time is 0 of the count", WRAP_MS - 500, {{0, 5, 5}, {0, 1, 0}, {100, 9, 1}}},
        {"a round of the count later", 5000, {{0, 5, 5}, {WRAP_MS - 1, 9, 5}}},
        {"never used", WRAP_MS - 100, {{0, 9, 5}}},
    };
    static const struct allowance a = {.burst = 5, .every_ms = 100};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bucket b = {0};
        for (size_t s = 0; s < 8 && cases[i].steps[s].tries; s++) {
            int64_t now_ms = cases[i].start_ms + cases[i].steps[s].at_ms;
            uint32_t left = bucket_left(&b, a, now_ms);
            unsigned taken = 0;
            for (unsigned t = 0; t < cases[i].steps[s].tries; t++)
                taken += bucket_take(&b, a, now_ms);
            if (taken != cases[i].steps[s].taken || left < taken ||
                left - taken != bucket_left(&b, a, now_ms))
                fail_msg("%s, step %zu: %u taken of %u", cases[i].name, s, taken, left);
        }
    }
    assert_int_equal(sizeof(struct bucket), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
