/* SPDX-License-Identifier: MIT */
#include "presence/outage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WALL 1700000000000

static struct outage begun(void)
{
    struct outage o;
    outage_init(&o, WALL);
    return o;
}

static bool look(struct outage *o, bool current, int64_t at_ms)
{
    return outage_look(o, current, 5000 + at_ms, WALL + at_ms);
}

static void test_lost_until_the_store_was_reached(void **state)
{
    struct outage o = begun();
    assert_true(o.lost);
    assert_int_equal(o.since_wall_ms, WALL);
    assert_false(look(&o, false, 20));
    assert_false(look(&o, false, 60000));
    assert_int_equal(o.since_wall_ms, WALL);
    assert_true(look(&o, true, 60020));
    assert_false(o.lost);
    assert_int_equal(o.since_wall_ms, WALL + 60020);
    assert_false(look(&o, true, 60040));
}

static void test_a_glitch_is_not_told(void **state)
{
    struct outage o = begun();
    look(&o, true, 0);
    for (int64_t at = 0; at < 20000; at += 2000) {
        assert_false(look(&o, false, at + 20));
        assert_false(look(&o, false, at + 20 + OUTAGE_SAID_MS - 1));
        assert_false(look(&o, true, at + 20 + OUTAGE_SAID_MS));
    }
    assert_false(o.lost);
    assert_int_equal(o.since_wall_ms, WALL);
}

static void test_lost_since_it_broke_and_back_at_once(void **state)
{
    struct outage o = begun();
    look(&o, true, 0);
    assert_false(look(&o, false, 500));
    assert_true(look(&o, false, 500 + OUTAGE_SAID_MS));
    assert_true(o.lost);
    assert_int_equal(o.since_wall_ms, WALL + 500);
    assert_false(look(&o, false, 9000));
    assert_true(look(&o, true, 9020));
    assert_false(o.lost);
    assert_int_equal(o.since_wall_ms, WALL + 9020);
}

/* The wall clock may be set meanwhile: how long it lasts is told by the other one. */
static void test_the_wall_clock_decides_nothing(void **state)
{
    struct outage o = begun();
    look(&o, true, 0);
    assert_false(outage_look(&o, false, 6000, WALL + 3600000));
    assert_false(outage_look(&o, false, 6000 + OUTAGE_SAID_MS - 1, WALL - 3600000));
    assert_true(outage_look(&o, false, 6000 + OUTAGE_SAID_MS, WALL));
    assert_int_equal(o.since_wall_ms, WALL + 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_until_the_store_was_reached),
        cmocka_unit_test(test_a_glitch_is_not_told),
        cmocka_unit_test(test_lost_since_it_broke_and_back_at_once),
        cmocka_unit_test(test_the_wall_clock_decides_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
