/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/loop.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS  50
#define REST_MS 8
/* After so many, turns of which nothing is said rest, too. */
#define SILENT_TURNS 64

struct trace {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_task *task;
    char steps[32];
    size_t count, events; /* 0: EVENTS */
    int64_t started_ms, fired_ms;
    bool hurried, attended, disregarded, timed;
    bool silent, unasked; /* nothing is said of turns; they rest all the same */
};

static void step(struct trace *t, char what)
{
    t->steps[t->count++] = what;
    t->steps[t->count] = '\0';
}

static void on_tick(void *arg)
{
    struct trace *t = arg;
    step(t, 't');
    t->fired_ms = clock_mono_ms();
    loop_task_want(t->task);
    loop_task_want(t->task);
}

static void on_task(void *arg)
{
    struct trace *t = arg;
    step(t, 'w');
    if (t->count >= 6)
        loop_stop(t->loop);
}

static void test_timer_repeats_and_tasks_run_once(void **state)
{
    struct trace t = {.loop = loop_create()};
    t.timer = loop_timer_create(t.loop, on_tick, &t);
    t.task = loop_task_create(t.loop, on_task, &t);
    assert_false(loop_timer_active(t.timer));
    loop_timer_start(t.timer, 1, 1);
    assert_true(loop_timer_active(t.timer));
    loop_run(t.loop);
    assert_string_equal(t.steps, "twtwtw");
    loop_timer_destroy(t.timer);
    loop_task_destroy(t.task);
    loop_destroy(t.loop);
}

static void on_late(void *arg)
{
    struct trace *t = arg;
    t->fired_ms = clock_mono_ms();
    loop_timer_destroy(t->timer);
    loop_stop(t->loop);
}

static void test_timer_started_before_the_loop_is_not_early(void **state)
{
    struct trace t = {.loop = loop_create()};
    int64_t busy_until = clock_mono_ms() + 60;
    t.timer = loop_timer_create(t.loop, on_late, &t);
    while (clock_mono_ms() < busy_until)
        ;
    t.started_ms = clock_mono_ms();
    loop_timer_start(t.timer, 40, 0);
    loop_run(t.loop);
    /* libuv's clock is the coarse one: up to a jiffy (4 ms) behind. */
    assert_true(t.fired_ms - t.started_ms >= 35);
    loop_destroy(t.loop);
}

static void on_selfish(void *arg)
{
    struct trace *t = arg;
    step(t, 's');
    if (t->count < 20)
        loop_task_want(t->task);
}

static void on_end(void *arg)
{
    loop_stop(((struct trace *)arg)->loop);
}

static void test_task_that_wants_itself_runs_again_and_starves_nobody(void **state)
{
    struct trace t = {.loop = loop_create()};
    t.task = loop_task_create(t.loop, on_selfish, &t);
    t.timer = loop_timer_create(t.loop, on_end, &t);
    loop_task_want(t.task);
    loop_timer_start(t.timer, 30, 0);
    loop_run(t.loop);
    assert_int_equal(t.count, 20);
    loop_task_destroy(t.task);
    loop_timer_destroy(t.timer);
    loop_destroy(t.loop);
}

static void test_destroyed_task_does_not_run(void **state)
{
    struct trace t = {.loop = loop_create()};
    t.task = loop_task_create(t.loop, on_selfish, &t);
    t.timer = loop_timer_create(t.loop, on_end, &t);
    loop_task_want(t.task);
    loop_task_destroy(t.task);
    loop_timer_start(t.timer, 5, 0);
    loop_run(t.loop);
    assert_int_equal(t.count, 0);
    loop_timer_destroy(t.timer);
    loop_destroy(t.loop);
}

static void on_usr1(void *arg, int signum)
{
    struct trace *t = arg;
    step(t, signum == SIGUSR1 ? 'u' : '?');
    loop_stop(t->loop);
}

static void send_usr1(void *arg)
{
    raise(SIGUSR1);
}

static void test_signals_arrive_on_the_loop(void **state)
{
    struct trace t = {.loop = loop_create()};
    loop_on_signal(t.loop, SIGUSR1, on_usr1, &t);
    t.timer = loop_timer_create(t.loop, send_usr1, &t);
    loop_timer_start(t.timer, 1, 50);
    loop_run(t.loop);
    assert_string_equal(t.steps, "u");
    loop_timer_destroy(t.timer);
    loop_destroy(t.loop);
}

static void want_and_stop(void *arg)
{
    struct trace *t = arg;
    loop_task_want(t->task);
    loop_stop(t->loop);
}

static void on_usr2(void *arg, int signum)
{
    want_and_stop(arg);
}

static void send_usr2(void *arg)
{
    raise(SIGUSR2);
}

/* `fire` of a timer stops the loop, itself or by the event that it makes. */
static void check_last_turn(void (*fire)(void *arg))
{
    struct trace t = {.loop = loop_create()};
    t.task = loop_task_create(t.loop, on_task, &t);
    t.timer = loop_timer_create(t.loop, fire, &t);
    loop_on_signal(t.loop, SIGUSR2, on_usr2, &t);
    loop_timer_start(t.timer, 1, 60000);
    loop_run(t.loop);
    assert_string_equal(t.steps, "w");
    loop_timer_destroy(t.timer);
    loop_task_destroy(t.task);
    loop_destroy(t.loop);
}

static void test_what_the_last_turn_wanted_is_done(void **state)
{
    check_last_turn(want_and_stop);
    check_last_turn(send_usr2);
}

static void on_second(void *arg)
{
    struct trace *t = arg;
    step(t, '2');
    loop_stop(t->loop);
}

static void test_a_timer_due_at_the_end_waits_for_the_next_run(void **state)
{
    struct trace t = {.loop = loop_create()};
    struct loop_timer *second = loop_timer_create(t.loop, on_second, &t);
    t.task = loop_task_create(t.loop, on_task, &t);
    t.timer = loop_timer_create(t.loop, want_and_stop, &t);
    loop_timer_start(t.timer, 1, 0);
    loop_timer_start(second, 1, 0);
    loop_run(t.loop);
    assert_string_equal(t.steps, "w");
    loop_run(t.loop);
    assert_string_equal(t.steps, "w2");
    loop_timer_destroy(t.timer);
    loop_timer_destroy(second);
    loop_task_destroy(t.task);
    loop_destroy(t.loop);
}

/* Each signal raises the next, so that an event comes right behind every turn. */
static void raise_again(void *arg, int signum)
{
    struct trace *t = arg;
    if (!t->silent)
        loop_coalesce(t->loop);
    if (t->hurried)
        loop_poll_now(t->loop);
    if (++t->count >= (t->events ? t->events : EVENTS))
        loop_stop(t->loop);
    else
        raise(SIGUSR1);
}

static void on_short_timer(void *arg)
{
}

/* Returns how long it took. `how` says what is done about resting; a pipe stands by that can be read. */
static int64_t play_events(struct trace how)
{
    struct trace t = how;
    struct loop_timer *timer;
    int ends[2];
    t.loop = loop_create();
    if (t.unasked)
        loop_rest_unasked(t.loop);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    if (t.attended)
        loop_wake_on(t.loop, ends[0], POLLIN);
    if (t.disregarded)
        loop_wake_on(t.loop, ends[0], 0);
    timer = loop_timer_create(t.loop, on_short_timer, NULL);
    if (t.timed)
        loop_timer_start(timer, 1, 1);
    loop_on_signal(t.loop, SIGUSR1, raise_again, &t);
    t.timer = loop_timer_create(t.loop, send_usr1, &t);
    t.started_ms = clock_mono_ms();
    loop_timer_start(t.timer, 1, 60000);
    loop_run(t.loop);
    loop_timer_destroy(t.timer);
    loop_timer_destroy(timer);
    loop_destroy(t.loop);
    close(ends[0]);
    close(ends[1]);
    return clock_mono_ms() - t.started_ms;
}

static void test_rests_keep_turns_apart(void **state)
{
    assert_true(play_events((struct trace){0}) >= (EVENTS - 2) * REST_MS);
    assert_true(play_events((struct trace){.attended = true, .disregarded = true}) >= (EVENTS - 2) * REST_MS);
}

/* Of several tries one is quick: others may have had the machine. */
static void check_does_not_rest(struct trace how)
{
    int tries = 0;
    while (play_events(how) >= (EVENTS - 2) * REST_MS)
        assert_true(++tries < 20);
}

static void test_no_rest_in_a_hurry(void **state)
{
    check_does_not_rest((struct trace){.hurried = true});
}

static void test_what_is_attended_to_ends_a_rest(void **state)
{
    check_does_not_rest((struct trace){.attended = true});
}

static void test_a_timer_ends_a_rest(void **state)
{
    check_does_not_rest((struct trace){.timed = true});
}

/* The count goes on over turns in a hurry, so that one peer's cannot keep another's from resting. */
static void test_silent_turns_rest_in_the_end(void **state)
{
    struct trace t = {.silent = true, .unasked = true, .events = SILENT_TURNS + EVENTS};
    assert_true(play_events(t) >= (EVENTS - 4) * REST_MS);
}

static void test_a_few_silent_turns_do_not_rest(void **state)
{
    check_does_not_rest((struct trace){.silent = true, .unasked = true});
    check_does_not_rest((struct trace){.silent = true, .events = SILENT_TURNS + EVENTS});
    check_does_not_rest((struct trace){.silent = true, .unasked = true, .hurried = true, .events = 200});
}

static void on_first_turn(void *arg)
{
    loop_coalesce(((struct trace *)arg)->loop);
}

static void be_busy(void *arg)
{
    struct trace *t = arg;
    int64_t until_ms = clock_mono_ms() + 30;
    while (clock_mono_ms() < until_ms)
        ;
    loop_task_want(t->task);
}

/* Returns the time, of which one turn is busy for 30 ms; some others rest. */
static int64_t play_turns(struct metric *turns)
{
    struct trace t = {.loop = loop_create()};
    struct loop_timer *busy = loop_timer_create(t.loop, be_busy, &t);
    struct loop_timer *quiet = loop_timer_create(t.loop, on_first_turn, &t);
    t.timer = loop_timer_create(t.loop, on_late, &t);
    t.task = loop_task_create(t.loop, on_short_timer, NULL);
    loop_measure_turns(t.loop, turns);
    loop_timer_start(quiet, 20, 20);
    loop_timer_start(busy, 50, 0);
    loop_timer_start(t.timer, 250, 0);
    t.started_ms = clock_mono_ms();
    loop_run(t.loop);
    loop_timer_destroy(busy);
    loop_timer_destroy(quiet);
    loop_task_destroy(t.task);
    loop_destroy(t.loop);
    return clock_mono_ms() - t.started_ms;
}

/* The work of a turn counts, its waiting and resting do not: in one of several tries, since others may have
 * had the machine. */
static void test_turns_are_measured(void **state)
{
    bool apart = false;
    for (int tries = 0; tries < 20 && !apart; tries++) {
        struct metric turns = {.kind = METRIC_HISTOGRAM, .bounds_us = metric_turn_bounds};
        int64_t took_ms = play_turns(&turns);
        assert_true(turns.sum_us >= 29000);
        assert_true(metric_value(&turns) >= 5);
        assert_true(turns.buckets[0] < metric_value(&turns));
        apart = turns.sum_us < (uint64_t)took_ms * 1000 / 4;
    }
    assert_true(apart);
}

/* The turn of the first timer rests, and nothing stirs: the second one is not waited for twice. */
static void test_a_timer_is_on_time_after_a_rest(void **state)
{
    int64_t late_ms = INT64_MAX;
    for (int tries = 0; tries < 20 && late_ms >= REST_MS - 2; tries++) {
        struct trace t = {.loop = loop_create()};
        struct loop_timer *first = loop_timer_create(t.loop, on_first_turn, &t);
        t.timer = loop_timer_create(t.loop, on_late, &t);
        t.started_ms = clock_mono_ms();
        loop_timer_start(first, 1, 0);
        loop_timer_start(t.timer, 1 + 2 * REST_MS, 0);
        loop_run(t.loop);
        late_ms = t.fired_ms - t.started_ms - (1 + 2 * REST_MS);
        loop_timer_destroy(first);
        loop_destroy(t.loop);
    }
    assert_true(late_ms < REST_MS - 2);
}

static void want_again(void *arg)
{
    struct trace *t = arg;
    loop_coalesce(t->loop);
    loop_task_want(t->task);
    if (++t->count >= EVENTS)
        loop_stop(t->loop);
}

static void test_tasks_do_not_rest(void **state)
{
    int64_t took_ms = INT64_MAX;
    for (int tries = 0; tries < 20 && took_ms >= EVENTS * REST_MS; tries++) {
        struct trace t = {.loop = loop_create()};
        t.task = loop_task_create(t.loop, want_again, &t);
        loop_task_want(t.task);
        t.started_ms = clock_mono_ms();
        loop_run(t.loop);
        took_ms = clock_mono_ms() - t.started_ms;
        loop_task_destroy(t.task);
        loop_destroy(t.loop);
    }
    assert_true(took_ms < EVENTS * REST_MS);
}

static void on_readable(void *arg, int events)
{
    struct trace *t = arg;
    loop_stop(t->loop);
}

static void test_a_watched_descriptor_is_told(void **state)
{
    struct trace t = {.loop = loop_create()};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct loop_watch *watch = loop_watch_create(t.loop, ends[0], on_readable, &t);
    assert_non_null(watch);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_run(t.loop);
    loop_watch_destroy(watch);
    loop_destroy(t.loop);
    close(ends[0]);
    close(ends[1]);
}

static void on_any(void *arg, int events)
{
    struct trace *t = arg;
    if (events & LOOP_WRITE)
        t->count++;
    if (events & LOOP_READ)
        loop_stop(t->loop);
}

/* Only what is wanted is told. */
static void test_a_watched_descriptor_is_written(void **state)
{
    struct trace t = {.loop = loop_create()};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct loop_watch *watch = loop_watch_create(t.loop, ends[0], on_any, &t);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_run(t.loop);
    assert_int_equal(t.count, 0);
    loop_watch_want(watch, LOOP_READ | LOOP_WRITE);
    loop_run(t.loop);
    assert_true(t.count > 0); /* loop_stop has it look once more */
    close(ends[1]);
    loop_watch_want(watch, 0);
    loop_watch_want(watch, LOOP_READ);
    loop_run(t.loop);
    loop_watch_destroy(watch);
    loop_destroy(t.loop);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_repeats_and_tasks_run_once),
        cmocka_unit_test(test_timer_started_before_the_loop_is_not_early),
        cmocka_unit_test(test_task_that_wants_itself_runs_again_and_starves_nobody),
        cmocka_unit_test(test_destroyed_task_does_not_run),
        cmocka_unit_test(test_what_the_last_turn_wanted_is_done),
        cmocka_unit_test(test_a_timer_due_at_the_end_waits_for_the_next_run),
        cmocka_unit_test(test_signals_arrive_on_the_loop),
        cmocka_unit_test(test_rests_keep_turns_apart),
        cmocka_unit_test(test_no_rest_in_a_hurry),
        cmocka_unit_test(test_what_is_attended_to_ends_a_rest),
        cmocka_unit_test(test_a_timer_ends_a_rest),
        cmocka_unit_test(test_a_timer_is_on_time_after_a_rest),
        cmocka_unit_test(test_silent_turns_rest_in_the_end),
        cmocka_unit_test(test_a_few_silent_turns_do_not_rest),
        cmocka_unit_test(test_turns_are_measured),
        cmocka_unit_test(test_tasks_do_not_rest),
        cmocka_unit_test(test_a_watched_descriptor_is_told),
        cmocka_unit_test(test_a_watched_descriptor_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
