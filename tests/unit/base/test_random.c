/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The published vectors of splitmix64 and xoshiro256**. */
static void test_known_numbers(void **state)
{
    static const uint64_t seeded[] = {1985237415132408290u, 2979275885539914483u, 13511426838097143398u,
                                      8488337342461049707u};
    static const uint64_t expected[] = {11520,
                                        0,
                                        1509978240,
                                        1215971899390074240,
                                        1216172134540287360,
                                        607988272756665600,
                                        16172922978634559625u,
                                        8476171486693032832};
    struct rng r;

    rng_init(&r, 1477776061723855037u);
    assert_memory_equal(r.state, seeded, sizeof(seeded));
    r = (struct rng){{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_true(rng_next(&r) == expected[i]);
}

static void test_below(void **state)
{
    static const uint64_t bounds[] = {1,         2, 3, 10, 1000, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1,
                                      UINT64_MAX};
    unsigned seen[10] = {0}, low = 0;
    struct rng r;

    rng_init(&r, 5);
    assert_true(rng_below(&r, 0) == 0);
    for (int run = 0; run < 10000; run++)
        low += rng_below(&r, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    assert_in_range(low, 3100, 3570); /* 5000 without a skip */
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        for (int run = 0; run < 1000; run++)
            assert_true(rng_below(&r, bounds[i]) < bounds[i]);
    for (int run = 0; run < 100000; run++)
        seen[rng_below(&r, 10)]++;
    for (size_t i = 0; i < 10; i++)
        assert_in_range(seen[i], 9600, 10400);
}

static void test_unit(void **state)
{
    double sum = 0;
    struct rng r;
    rng_init(&r, 6);
    for (int run = 0; run < 100000; run++) {
        double x = rng_unit(&r);

        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(sum > 49500 && sum < 50500);
}

static void test_hex(void **state)
{
    char a[33], b[33], none[1] = {'x'};
    random_hex(a, 32);
    random_hex(b, 32);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
    random_hex(none, 0);
    assert_string_equal(none, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
