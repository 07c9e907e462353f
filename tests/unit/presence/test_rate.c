#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "presence/rate.h"

/* How many messages pass in each second, before the client has gone too far. */
static void test_messages(void **state)
{
    static const struct {
        const char *name;
        int64_t start_ms;
        size_t count;
        struct {
            int second, messages;
        } seconds[8];
        int too_far_in; /* second; -1: never */
    } cases[] = {
        {"ten a second", 0, 6, {{0, 10}, {1, 10}, {2, 10}, {3, 10}, {4, 10}, {5, 10}}, -1},
        {"eleven for four", 0, 6, {{0, 11}, {1, 11}, {2, 11}, {3, 11}, {4, 10}, {5, 11}}, -1},
        {"eleven for five", 0, 5, {{0, 11}, {1, 11}, {2, 11}, {3, 11}, {4, 11}}, 4},
        {"many for five", 999000, 5, {{0, 500}, {1, 500}, {2, 500}, {3, 500}, {4, 11}}, 4},
        {"a pause", 0, 7, {{0, 11}, {1, 11}, {2, 11}, {3, 11}, {5, 11}, {6, 11}, {7, 11}}, -1},
        {"a quiet second", 0, 8, {{0, 11}, {1, 11}, {2, 11}, {3, 1}, {4, 11}, {5, 11}, {6, 11}, {7, 11}}, -1},
        {"one burst", 5000, 1, {{0, 100000}}, -1},
        {"later", 7777000, 6, {{0, 1}, {1, 11}, {2, 11}, {3, 11}, {4, 11}, {5, 11}}, 5},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rate r = {0};
        int too_far_in = -1;
        for (size_t s = 0; s < cases[i].count; s++)
            for (int m = 0; m < cases[i].seconds[s].messages; m++)
                if (!rate_message(&r, cases[i].start_ms + cases[i].seconds[s].second * 1000 + m % 1000) &&
                    too_far_in < 0) {
                    too_far_in = cases[i].seconds[s].second;
                    if (m != RATE_MESSAGES)
                        fail_msg("%s: after %d messages of the second", cases[i].name, m);
                }
        if (too_far_in != cases[i].too_far_in)
            fail_msg("%s: in second %d", cases[i].name, too_far_in);
    }
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
    assert_false(rate_bytes(&r, 1, 1000, 1999));
    assert_true(rate_bytes(&r, 900, 1000, 2000));
    assert_true(rate_bytes(&r, 2000, 1000, 100000));
    assert_int_equal(sizeof(struct rate), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_a_pause_forgives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
