#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/loop.h"

#include "base/clock.h"

#include <signal.h>

struct trace {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_task *task;
    char steps[32];
    size_t count;
    int64_t started_ms, fired_ms;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_repeats_and_tasks_run_once),
        cmocka_unit_test(test_timer_started_before_the_loop_is_not_early),
        cmocka_unit_test(test_task_that_wants_itself_runs_again_and_starves_nobody),
        cmocka_unit_test(test_destroyed_task_does_not_run),
        cmocka_unit_test(test_signals_arrive_on_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
