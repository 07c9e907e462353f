/* What the daemons ask the kernel for, answered by the world: time (base/clock.h), random numbers
 * (base/random.h), the loop (net/loop.h). */
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "world/world.h"

#include <stdlib.h>

struct loop {
    struct process *process;
    struct list tasks; /* wanted */
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

int64_t clock_wall_ms(void)
{
    return world_wall_ms(world.current);
}

int64_t clock_mono_us(void)
{
    return world.now_us + 1000000; /* 0 means "never" to many */
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

void random_bytes(void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] = (unsigned char)world_below(256);
}

uint64_t random_u64(void)
{
    return rng_next(&world.rng);
}

void random_hex(char *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = "0123456789abcdef"[world_below(16)];
    out[len] = '\0';
}

/* For the process that is current. */
struct loop *loop_create(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));
    loop->process = world.current;
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

struct process *loop_process(const struct loop *loop)
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
                       ? world_after(timer->repeat_ms * 1000, timer->loop->process, on_time, timer)
                       : NULL;
    timer->fire(timer->arg);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    loop_timer_stop(timer);
    timer->repeat_ms = repeat_ms;
    timer->event = world_after(delay_ms * 1000, timer->loop->process, on_time, timer);
}

void loop_timer_stop(struct loop_timer *timer)
{
    world_cancel(timer->event);
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

void loop_run_tasks(struct loop *loop)
{
    while (!list_empty(&loop->tasks)) {
        struct loop_task *task = list_entry(loop->tasks.next, struct loop_task, link);
        list_remove(&task->link);
        task->fire(task->arg);
    }
}
