/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "presence/redis_time.h"

struct sample {
    int64_t sent, got, redis;
    bool jump;
};

static void test_samples(void **state)
{
    static const struct {
        const char *name;
        struct sample samples[4];
        int64_t at, low, high; /* the estimate at `at` must lie between */
    } cases[] = {
        {"nothing known", {{0}}, 50, 0, 0},
        {"one quick answer", {{100, 102, 1101, false}}, 200, 1199, 1201},
        {"a slow answer alone is halved", {{100, 300, 1200, false}}, 300, 1299, 1301},
        {"a slow answer behind a quick one changes nothing",
         {{100, 102, 1101, false}, {200, 900, 1899, false}},
         900,
         1899,
         1901},
        {"a quick answer sharpens a slow one",
         {{100, 300, 1299, false}, {400, 402, 1401, false}},
         500,
         1499,
         1501},
        {"a small step is followed and is no jump",
         {{100, 102, 1101, false}, {200, 202, 1301, false}},
         300,
         1399,
         1401},
        {"a jump ahead", {{100, 102, 1101, false}, {200, 202, 1801, true}}, 300, 1899, 1901},
        {"a jump back", {{100, 102, 11101, false}, {200, 202, 1201, true}}, 300, 1299, 1301},
        {"a jump is told once",
         {{100, 102, 1101, false}, {200, 202, 9201, true}, {300, 302, 9301, false}},
         400,
         9399,
         9401},
        {"a slow answer can't tell a jump within itself",
         {{100, 102, 1101, false}, {200, 1000, 1999, false}},
         1000,
         1999,
         2001},
        {"time running backwards is ignored",
         {{100, 102, 1101, false}, {300, 200, 5000, false}},
         200,
         1199,
         1201},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_time t = {0};
        print_message("%s\n", cases[i].name);
        for (size_t j = 0; j < 4 && cases[i].samples[j].sent; j++) {
            const struct sample *s = &cases[i].samples[j];
            assert_int_equal(redis_time_sample(&t, s->sent, s->got, s->redis), s->jump);
        }
        assert_in_range(redis_time_at(&t, cases[i].at), cases[i].low, cases[i].high);
    }
}

/* A clock that runs 200 ppm fast is followed for a day of seconds, and never called a jump. */
static void test_drift_is_followed(void **state)
{
    struct redis_time t = {0};
    for (int64_t mono = 1; mono < 86400000; mono += 1000) {
        int64_t redis = 5000 + mono + mono / 5000;
        assert_false(redis_time_sample(&t, mono - 1, mono + 1, redis));
        assert_in_range(redis_time_at(&t, mono), redis - 3, redis + 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_drift_is_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
