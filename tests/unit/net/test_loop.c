#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/loop.h"

#include "base/clock.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define EVENTS  50
#define REST_MS 8

struct trace {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_task *task;
    char steps[32];
    size_t count;
    int64_t started_ms, fired_ms;
    bool hurried, attended, disregarded, timed;
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

/* Each signal raises the next, so that an event comes right behind every turn. */
static void raise_again(void *arg, int signum)
{
    struct trace *t = arg;

    loop_rest(t->loop);
    if (t->hurried)
        loop_hurry(t->loop);
    if (++t->count >= EVENTS)
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
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    if (t.attended)
        loop_attend(t.loop, ends[0], POLLIN);
    if (t.disregarded)
        loop_attend(t.loop, ends[0], 0);
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

static void on_first_turn(void *arg)
{
    loop_rest(((struct trace *)arg)->loop);
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

    loop_rest(t->loop);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_repeats_and_tasks_run_once),
        cmocka_unit_test(test_timer_started_before_the_loop_is_not_early),
        cmocka_unit_test(test_task_that_wants_itself_runs_again_and_starves_nobody),
        cmocka_unit_test(test_destroyed_task_does_not_run),
        cmocka_unit_test(test_signals_arrive_on_the_loop),
        cmocka_unit_test(test_rests_keep_turns_apart),
        cmocka_unit_test(test_no_rest_in_a_hurry),
        cmocka_unit_test(test_what_is_attended_to_ends_a_rest),
        cmocka_unit_test(test_a_timer_ends_a_rest),
        cmocka_unit_test(test_a_timer_is_on_time_after_a_rest),
        cmocka_unit_test(test_tasks_do_not_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
