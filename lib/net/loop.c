/* SPDX-License-Identifier: MIT */
#include "net/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metrics.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#define REST_US      8000
#define SILENT_TURNS 64

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* runs while tasks are wanted, so that the poll between two rounds does not block */
    struct list wanted;
    struct list signals;
    bool running, stopping;
    bool rests, hurries; /* what was said of this turn */
    int64_t rest_us;     /* of a turn that rests, from its beginning */
    int64_t polled_us;   /* when it last looked for events */
    int64_t woken_us;    /* when it had found some, to within a millisecond */
    struct metric *turns;
    bool rests_unasked;
    unsigned silent; /* turns in close succession of which nothing was said */
    struct pollfd *attended;
    size_t attended_count;
};

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    void (*fire)(void *arg);
    void *arg;
};

struct loop_task {
    struct list link;
    struct loop *loop;
    void (*fire)(void *arg);
    void *arg;
};

struct loop_watch {
    uv_poll_t uv;
    int wanted; /* enum loop_events */
    void (*fire)(void *arg, int events);
    void *arg;
};

struct loop_signal {
    uv_signal_t uv;
    struct list link;
    void (*fire)(void *arg, int signum);
    void *arg;
};

static void on_idle(uv_idle_t *idle)
{
}

void loop_wake_on(struct loop *loop, int fd, short events)
{
    size_t i = 0;
    while (i < loop->attended_count && loop->attended[i].fd != fd)
        i++;
    if (events == 0) {
        if (i < loop->attended_count)
            loop->attended[i] = loop->attended[--loop->attended_count];
        return;
    }
    if (i == loop->attended_count)
        loop->attended = mem_realloc(loop->attended, ++loop->attended_count * sizeof(*loop->attended));
    loop->attended[i] = (struct pollfd){.fd = fd, .events = events};
}

/* libuv has read the clock when it woke up, as whole ms and perhaps of the coarse clock: a reading of ours
 * would come behind the events. */
static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    int64_t woken_us = (int64_t)uv_now(&loop->uv) * 1000 + 1000;
    loop->woken_us = woken_us > loop->polled_us ? woken_us : loop->polled_us;
}

/* A library serves some events by itself (pings), as many as a peer likes to send. */
static bool is_long_silent(struct loop *loop, int64_t now_us)
{
    if (now_us - loop->polled_us > loop->rest_us)
        loop->silent = 0;
    else if (!loop->rests && !loop->hurries && loop->silent < SILENT_TURNS)
        loop->silent++;
    return loop->rests_unasked && loop->silent == SILENT_TURNS;
}

/* Of what is left of a rest, what the timers leave. */
static int64_t rest_left_us(struct loop *loop, int64_t now_us)
{
    int64_t left_us = loop->polled_us + loop->rest_us - now_us, timeout_ms;
    bool unasked = is_long_silent(loop, now_us);
    if (!(loop->rests || unasked) || loop->hurries || left_us <= 0)
        return 0;
    uv_update_time(&loop->uv);
    timeout_ms = uv_backend_timeout(&loop->uv);
    /* libuv also says 0 when a descriptor's watch has changed, as each pong does: then a timer is as late as
     * what else waits. */
    if (timeout_ms == 0 && unasked && list_empty(&loop->wanted))
        return left_us;
    return timeout_ms >= 0 && timeout_ms * 1000 < left_us ? timeout_ms * 1000 : left_us;
}

/* Where turns follow each other closely, the next comes so long after the one before, and finds several
 * events. */
static void rest(struct loop *loop)
{
    int64_t now_us = clock_mono_us(), left_us = rest_left_us(loop, now_us);
    if (loop->turns && loop->woken_us > 0)
        metric_observe_us(loop->turns, now_us - loop->woken_us);
    if (left_us > 0) {
        struct timespec time = {.tv_nsec = left_us * 1000};
        ppoll(loop->attended, loop->attended_count, &time, NULL);
        uv_update_time(&loop->uv); /* or libuv would wait for its timers as if it had not rested */
        now_us = clock_mono_us();
    }
    loop->rests = loop->hurries = false;
    loop->polled_us = now_us;
}

/* Tasks wanted from within a task run in the next round: one that always wants itself starves nobody. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    struct list batch;
    list_init(&batch);
    while (!list_empty(&loop->wanted)) {
        struct list *link = loop->wanted.next;
        list_remove(link);
        list_append(&batch, link);
    }
    while (!list_empty(&batch)) {
        struct loop_task *task = list_entry(batch.next, struct loop_task, link);
        list_remove(&task->link);
        task->fire(task->arg);
    }
    if (list_empty(&loop->wanted))
        uv_idle_stop(&loop->idle);
    else
        uv_idle_start(&loop->idle, on_idle);
    if (loop->stopping)
        uv_stop(&loop->uv);
    else
        rest(loop);
}

struct loop *loop_create(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop->uv)) {
        free(loop);
        return NULL;
    }
    loop->rest_us = REST_US;
    list_init(&loop->wanted);
    list_init(&loop->signals);
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    loop->check.data = loop;
    uv_check_start(&loop->check, on_check);
    uv_unref((uv_handle_t *)&loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    return loop;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    while (!list_empty(&loop->signals)) {
        struct loop_signal *s = list_entry(loop->signals.next, struct loop_signal, link);
        list_remove(&s->link);
        uv_close((uv_handle_t *)&s->uv, on_closed);
    }
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    /* A closed handle is gone only after a turn; a forgotten one must not hang the exit. */
    int busy = uv_loop_close(&loop->uv);
    for (int turn = 0; turn < 64 && busy == UV_EBUSY; turn++) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        busy = uv_loop_close(&loop->uv);
    }
    /* A resolver that hangs would write into it later, and into the next loop that stands there. */
    if (busy == UV_EBUSY)
        return;
    free(loop->attended);
    free(loop);
}

void loop_run(struct loop *loop)
{
    loop->running = true;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->running = loop->stopping = false;
}

/* Not uv_stop itself: it may end the loop before libuv looks for events again, which is where it writes;
 * from 1.45 on it also does so when a timer calls it. */
void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

void loop_coalesce(struct loop *loop)
{
    loop->rests = true;
}

void loop_poll_now(struct loop *loop)
{
    loop->hurries = true;
}

void loop_rest_at_most(struct loop *loop, int64_t us)
{
    loop->rest_us = us;
}

void loop_rest_unasked(struct loop *loop)
{
    loop->rests_unasked = true;
}

void loop_measure_turns(struct loop *loop, struct metric *turns)
{
    loop->turns = turns;
}

int64_t loop_now_ms(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_timer *timer = mem_zalloc(sizeof(*timer));
    timer->loop = loop;
    timer->fire = fire;
    timer->arg = arg;
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    return timer;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    if (timer->loop->stopping)
        uv_timer_start(handle, on_timer, 1, uv_timer_get_repeat(handle));
    else
        timer->fire(timer->arg);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    /* Before the first turn the loop's time is that of its creation, and the timer would fire early. */
    if (!timer->loop->running)
        uv_update_time(&timer->loop->uv);
    uv_timer_start(&timer->uv, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0,
                   repeat_ms > 0 ? (uint64_t)repeat_ms : 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

bool loop_timer_active(const struct loop_timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->uv);
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer)
        uv_close((uv_handle_t *)&timer->uv, on_closed);
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
        list_append(&task->loop->wanted, &task->link);
}

void loop_task_destroy(struct loop_task *task)
{
    if (!task)
        return;
    list_remove(&task->link);
    free(task);
}

_Static_assert((int)LOOP_READ == (int)UV_READABLE && (int)LOOP_WRITE == (int)UV_WRITABLE, "events");

static void on_watched(uv_poll_t *handle, int status, int events)
{
    struct loop_watch *watch = handle->data;
    if (uv_is_closing((uv_handle_t *)handle))
        return;
    /* On an error libuv has stopped watching. */
    watch->fire(watch->arg, status < 0 ? watch->wanted : events);
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*fire)(void *arg, int events),
                                     void *arg)
{
    struct loop_watch *watch = mem_zalloc(sizeof(*watch));
    watch->fire = fire;
    watch->arg = arg;
    if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->uv.data = watch;
    loop_watch_want(watch, LOOP_READ);
    return watch;
}

void loop_watch_want(struct loop_watch *watch, int events)
{
    if (watch->wanted == events)
        return;
    watch->wanted = events;
    if (events)
        uv_poll_start(&watch->uv, events, on_watched);
    else
        uv_poll_stop(&watch->uv);
}

void loop_watch_destroy(struct loop_watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->uv, on_closed);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct loop_signal *s = handle->data;
    s->fire(s->arg, signum);
}

void loop_on_signal(struct loop *loop, int signum, void (*fire)(void *arg, int signum), void *arg)
{
    struct loop_signal *s = mem_zalloc(sizeof(*s));
    s->fire = fire;
    s->arg = arg;
    uv_signal_init(&loop->uv, &s->uv);
    s->uv.data = s;
    uv_signal_start(&s->uv, on_signal, signum);
    uv_unref((uv_handle_t *)&s->uv);
    list_append(&loop->signals, &s->link);
}
