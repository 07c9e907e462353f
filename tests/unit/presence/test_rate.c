/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "presence/rate.h"

/* So many a second, each second at once; when the client has gone too far. */
static void test_messages(void **state)
{
    static const struct {
        const char *name;
        int64_t start_ms;
        struct {
            int second, messages;
        } seconds[8];
        int too_far_in, after; /* second, and how many of its messages passed; -1: never */
    } cases[] = {
        {"ten a second", 0, {{0, 10}, {1, 10}, {2, 10}, {3, 10}, {4, 10}, {5, 10}, {6, 10}, {7, 10}}, -1, 0},
        {"one burst", 5000, {{0, 50}}, -1, 0},
        {"a burst too large", 5000, {{0, 51}}, 0, 50},
        {"a burst every five seconds", 0, {{0, 50}, {5, 50}, {10, 50}, {15, 50}}, -1, 0},
        {"a burst every four seconds", 0, {{0, 50}, {4, 50}}, 4, 40},
        {"twenty a second", 0, {{0, 20}, {1, 20}, {2, 20}, {3, 20}, {4, 20}}, 4, 10},
        {"a quiet second forgives ten", 0, {{0, 50}, {2, 21}}, 2, 20},
        {"the loop stood still: no more than a burst", 0, {{0, 50}, {3600, 100000}}, 3600, 50},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rate r = {0};
        int too_far_in = -1, after = 0;
        for (size_t s = 0; s < 8 && too_far_in < 0; s++)
            for (int m = 0; m < cases[i].seconds[s].messages && too_far_in < 0; m++)
                if (!rate_message(&r, cases[i].start_ms + cases[i].seconds[s].second * 1000)) {
                    too_far_in = cases[i].seconds[s].second;
                    after = m;
                }
        if (too_far_in != cases[i].too_far_in || after != cases[i].after)
            fail_msg("%s: in second %d after %d", cases[i].name, too_far_in, after);
    }
}

static void test_frames(void **state)
{
    struct rate r = {0};
    int passed = 0;
    while (rate_frame(&r, 1000))
        passed++;
    assert_int_equal(passed, RATE_FRAMES_BURST);
    for (int i = 1; i <= 100; i++) {
        assert_true(rate_frame(&r, 1000 + i * 1000 / RATE_FRAMES));
        assert_false(rate_frame(&r, 1000 + i * 1000 / RATE_FRAMES));
    }
    /* Messages have a bucket of their own. */
    assert_true(rate_message(&r, 1000));
}

static void test_bytes(void **state)
{
    static const struct {
        const char *name;
        int64_t limit;
        size_t chunk;
        int chunks, every_ms, seconds;
        int passed; /* chunks that go through in all */
    } cases[] = {
        {"no limit", 0, 1 << 30, 8, 1, 1, 8},
        {"a steady stream at the limit", 1000, 100, 1000, 100, 100, 1000},
        {"a burst of twice the limit", 1000, 100, 30, 0, 1, 20},
        {"twice the limit, steadily", 1000, 100, 100, 50, 5, 30},
        {"one huge message", 1000, 100000, 1, 0, 1, 0},
        {"many small pieces", 1000, 1, 100, 0, 1, 31},
        {"more than is counted", 1000, SIZE_MAX / 2, 4, 0, 1, 0},
        {"a limit beyond all", INT64_MAX, SIZE_MAX / 2, 4, 0, 1, 4},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rate r = {0};
        int passed = 0;
        for (int c = 0; c < cases[i].chunks; c++)
            if (rate_bytes(&r, cases[i].chunk, cases[i].limit, 1000 + c * cases[i].every_ms))
                passed++;
            else
                break;
        if (passed != cases[i].passed)
            fail_msg("%s: %d passed", cases[i].name, passed);
    }
}

static void test_a_pause_forgives(void **state)
{
    struct rate r = {0};
    assert_true(rate_bytes(&r, 2000, 1000, 1000));
    assert_false(rate_bytes(&r, 100, 1000, 1999));
    assert_true(rate_bytes(&r, 900, 1000, 2000));
    assert_true(rate_bytes(&r, 2000, 1000, 100000));
    assert_int_equal(sizeof(struct rate), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_a_pause_forgives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
