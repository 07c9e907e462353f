/* SPDX-License-Identifier: MIT */
/* net/loop.h on the simulated time. */
#include "base/clock.h"
#include "base/mem.h"
#include "cost.h"
#include "net/loop.h"

#include <stdlib.h>

struct loop {
    struct sim_process *process;
    struct list tasks; /* wanted */
    bool round_planned;
};

struct loop_timer {
    struct loop *loop;
    struct event *event; /* NULL: not active */
    int64_t repeat_ms;
    void (*fire)(void *arg);
    void *arg;
};

struct loop_task {
    struct list link;
    struct loop *loop;
    void (*fire)(void *arg);
    void *arg;
};

/* For the process that is current. */
struct loop *loop_create(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));
    loop->process = simulation.current;
    loop->process->loop = loop;
    list_init(&loop->tasks);
    return loop;
}

void loop_destroy(struct loop *loop)
{
    free(loop);
}

void loop_stop(struct loop *loop)
{
    loop->process->ended = true;
}

int64_t loop_now_ms(const struct loop *loop)
{
    return clock_mono_ms();
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return NULL;
}

/* What only the processes around the daemons ask of a loop (main.c, listeners). They don't run here, but the settings'
 * checks stand beside them. */
void loop_run(struct loop *loop)
{
    abort();
}

void loop_wake_on(struct loop *loop, int fd, short events)
{
    abort();
}

void loop_on_signal(struct loop *loop, int signum, void (*fire)(void *arg, int signum), void *arg)
{
    abort();
}

void loop_measure_turns(struct loop *loop, struct metric *turns)
{
    abort();
}

void loop_coalesce(struct loop *loop)
{
}

void loop_poll_now(struct loop *loop)
{
}

void loop_rest_unasked(struct loop *loop)
{
}

void loop_rest_at_most(struct loop *loop, int64_t us)
{
}

struct sim_process *loop_process(const struct loop *loop)
{
    return loop->process;
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_timer *timer = mem_zalloc(sizeof(*timer));
    timer->loop = loop;
    timer->fire = fire;
    timer->arg = arg;
    return timer;
}

static void on_time(void *arg)
{
    struct loop_timer *timer = arg;
    timer->event = timer->repeat_ms > 0
                       ? simulation_after(timer->repeat_ms * 1000, timer->loop->process, on_time, timer)
                       : NULL;
    timer->fire(timer->arg);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    loop_timer_stop(timer);
    timer->repeat_ms = repeat_ms;
    timer->event = simulation_after(delay_ms * 1000, timer->loop->process, on_time, timer);
}

void loop_timer_stop(struct loop_timer *timer)
{
    simulation_cancel(timer->event);
    timer->event = NULL;
}

bool loop_timer_active(const struct loop_timer *timer)
{
    return timer->event != NULL;
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    free(timer);
}

struct loop_task *loop_task_create(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_task *task = mem_zalloc(sizeof(*task));
    list_init(&task->link);
    task->loop = loop;
    task->fire = fire;
    task->arg = arg;
    return task;
}

void loop_task_want(struct loop_task *task)
{
    if (!list_linked(&task->link))
        list_append(&task->loop->tasks, &task->link);
}

void loop_task_destroy(struct loop_task *task)
{
    if (!task)
        return;
    list_remove(&task->link);
    free(task);
}

static void next_round(void *arg)
{
    ((struct loop *)arg)->round_planned = false;
}

/* As the real one: tasks wanted from within a task run in the next round, behind what has arrived. */
void loop_run_tasks(struct loop *loop)
{
    struct list batch;
    list_init(&batch);
    list_take(&batch, &loop->tasks);
    while (!list_empty(&batch)) {
        struct loop_task *task = list_entry(batch.next, struct loop_task, link);
        list_remove(&task->link);
        task->fire(task->arg);
    }
    if (!list_empty(&loop->tasks) && !loop->round_planned) {
        loop->round_planned = true;
        simulation_after(0, loop->process, next_round, loop);
    }
}
