/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TIMERS 200
#define SPAN   (INT64_C(1) << 30)

/* The model: each timer's time and the order of starting; the next to fire is found by looking at all. */
struct alarm {
    struct wheel_timer timer;
    bool running;
    int64_t due_ms; /* not before the time of starting */
    uint64_t started;
};

static struct wheel wheel;
static struct alarm alarms[TIMERS];
static uint64_t starts;
static struct rng rng;
static unsigned fired;

static struct alarm *model_first(void)
{
    struct alarm *first = NULL;
    for (size_t i = 0; i < TIMERS; i++) {
        struct alarm *a = &alarms[i];

        if (!a->running)
            continue;
        if (!first || a->due_ms < first->due_ms ||
            (a->due_ms == first->due_ms && a->started < first->started))
            first = a;
    }
    return first;
}

static void start(struct alarm *a, int64_t due_ms)
{
    wheel_start(&wheel, &a->timer, due_ms);
    a->running = true;
    a->due_ms = due_ms > wheel.now_ms ? due_ms : wheel.now_ms;
    a->started = starts++;
}

static void stop(struct alarm *a)
{
    wheel_stop(&wheel, &a->timer);
    a->running = false;
}

static int64_t some_delay(void)
{
    return (int64_t)rng_below(&rng, UINT64_C(1) << rng_below(&rng, 33)) - 2;
}

/* What fired must be the model's first; then it meddles with itself and others. */
static void on_fire(struct wheel_timer *timer, int64_t now_ms)
{
    struct alarm *a = list_entry(timer, struct alarm, timer);
    assert_true(a->running);
    assert_int_equal(now_ms, wheel.now_ms);
    assert_true(a->due_ms <= now_ms && timer->due_ms <= now_ms);
    assert_ptr_equal(a, model_first());
    a->running = false;
    fired++;
    if (rng_below(&rng, 4) == 0)
        start(a, now_ms + 1 + (int64_t)rng_below(&rng, 100));
    if (rng_below(&rng, 4) == 0)
        stop(&alarms[rng_below(&rng, TIMERS)]);
}

static void set_up_at(int64_t now_ms, uint64_t seed)
{
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    wheel_init(&wheel, now_ms);
    starts = fired = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm){0};
        wheel_timer_init(&alarms[i].timer, on_fire);
    }
}

static void check_against_model(void)
{
    const struct alarm *first = model_first();
    int64_t next_ms = wheel_next_ms(&wheel);
    size_t running = 0;
    for (size_t i = 0; i < TIMERS; i++)
        running += alarms[i].running;
    assert_int_equal(wheel.count, running);
    if (!first)
        assert_true(next_ms == INT64_MAX);
    else
        assert_true(next_ms <= first->due_ms && next_ms >= wheel.now_ms);
}

static void random_step(void)
{
    struct alarm *a = &alarms[rng_below(&rng, TIMERS)];
    uint64_t what = rng_below(&rng, 10);
    const struct alarm *first;
    if (what < 5) {
        start(a, wheel.now_ms + some_delay());
    } else if (what < 6) {
        stop(a);
    } else {
        int64_t to_ms = what < 8 ? wheel_next_ms(&wheel) : wheel.now_ms + some_delay();

        wheel_advance(&wheel, to_ms == INT64_MAX ? wheel.now_ms : to_ms);
        first = model_first();
        assert_true(!first || first->due_ms > wheel.now_ms);
    }
    check_against_model();
}

static void test_against_model(void **state)
{
    static const int64_t begins[] = {0, 1, 63, 123456789, SPAN - 1, SPAN * 5 - 3, INT64_C(1767225600000)};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        set_up_at(begins[i], 100 + i);
        for (int step = 0; step < 4000; step++)
            random_step();
        assert_true(fired > 1000);
        for (int64_t next; (next = wheel_next_ms(&wheel)) != INT64_MAX;)
            wheel_advance(&wheel, next);
        check_against_model();
    }
}

static int64_t last_fired_ms;

static void note_time(struct wheel_timer *timer, int64_t now_ms)
{
    last_fired_ms = now_ms;
    fired++;
}

/* Woken only when the wheel asks for it, each timer fires at its very millisecond. */
static void test_to_the_millisecond(void **state)
{
    static const int64_t delays[] = {1,     2,      62,     63,       64,       65,   4095,     4096,    4097,
                                     60000, 262143, 262144, 16777216, SPAN - 1, SPAN, SPAN + 1, SPAN * 3};
    static const int64_t begins[] = {0, 59, 4095, SPAN - 7};

    for (size_t b = 0; b < sizeof(begins) / sizeof(begins[0]); b++) {
        for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
            struct wheel_timer t;
            int64_t next;

            wheel_init(&wheel, begins[b]);
            wheel_timer_init(&t, note_time);
            fired = 0;
            wheel_start(&wheel, &t, begins[b] + delays[i]);
            while ((next = wheel_next_ms(&wheel)) != INT64_MAX)
                wheel_advance(&wheel, next);
            assert_int_equal(fired, 1);
            assert_int_equal(last_fired_ms, begins[b] + delays[i]);
        }
    }
}

static void restart_now(struct wheel_timer *timer, int64_t now_ms)
{
    fired++;
    wheel_start(&wheel, timer, now_ms - 5);
}

static void test_restart_for_now_waits(void **state)
{
    struct wheel_timer t;
    wheel_init(&wheel, 1000);
    wheel_timer_init(&t, restart_now);
    fired = 0;
    wheel_start(&wheel, &t, 0);
    assert_int_equal(wheel_next_ms(&wheel), 1000);
    wheel_advance(&wheel, 1000);
    assert_int_equal(fired, 1);
    wheel_advance(&wheel, 1000);
    assert_int_equal(fired, 2);
    wheel_advance(&wheel, 5000);
    assert_int_equal(fired, 3);
    wheel_stop(&wheel, &t);
    wheel_stop(&wheel, &t);
    assert_int_equal(wheel.count, 0);
}

static void test_time_never_goes_back(void **state)
{
    struct wheel_timer t;
    wheel_init(&wheel, 1000);
    wheel_timer_init(&t, note_time);
    fired = 0;
    wheel_start(&wheel, &t, 1500);
    wheel_advance(&wheel, 900);
    assert_int_equal(wheel.now_ms, 1000);
    wheel_advance(&wheel, 1499);
    assert_int_equal(fired, 0);
    wheel_advance(&wheel, 1500);
    assert_int_equal(fired, 1);
    wheel_start(&wheel, &t, INT64_MAX);
    wheel_advance(&wheel, INT64_C(1) << 40);
    assert_int_equal(fired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_to_the_millisecond),
        cmocka_unit_test(test_restart_for_now_waits),
        cmocka_unit_test(test_time_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
