/* SPDX-License-Identifier: MIT */
/* The event loop of a process: libuv behind a small face, so that no other layer includes its header.
 * One loop, one thread. Times are monotonic milliseconds (clock_mono_ms). */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct uv_loop_s;

struct loop *loop_create(void);
/* After loop_run has returned and every user of the loop is destroyed. */
void loop_destroy(struct loop *loop);
void loop_run(struct loop *loop);
/* Lets loop_run return after one more look for events: tasks that are wanted run, and what was asked to be
 * written is written as far as the kernel takes it. Timers wait for the next loop_run. */
void loop_stop(struct loop *loop);
/* What this turn has served is small, comes from many peers all the time, and need not be served at once: a
 * wake-up for each costs more than serving it. The next turn comes 8 ms after this one began, unless a timer
 * is due sooner, something stirs that was attended to, or somebody has called loop_poll_now, for whom more is to
 * come. */
void loop_coalesce(struct loop *loop);
void loop_poll_now(struct loop *loop);
/* The 8 ms become these, from now on: for a process that passes on what may not wait so long. */
void loop_rest_at_most(struct loop *loop, int64_t us);
/* From now on, after 64 turns in close succession of which nobody has said anything, such turns rest, too:
 * what a library serves by itself costs no more, however much a peer sends of it. */
void loop_rest_unasked(struct loop *loop);
/* What may end a rest: `events` as in poll(2), 0 for none any more, which comes before the descriptor is
 * closed. */
void loop_wake_on(struct loop *loop, int fd, short events);
/* How long each turn takes, from the return of poll to the next one without its rest, is added to the
 * histogram; to within a millisecond, for which no clock is read. */
struct metric;
void loop_measure_turns(struct loop *loop, struct metric *turns);
/* The time at which this turn of the loop began; cheap. */
int64_t loop_now_ms(const struct loop *loop);
/* For the other files of lib/net only. */
struct uv_loop_s *loop_uv(struct loop *loop);

struct loop_timer;
struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *arg), void *arg);
/* Once after delay_ms, then every repeat_ms (0: no more). Starting again moves it. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_active(const struct loop_timer *timer);
/* May be called from its own function; NULL is fine. */
void loop_timer_destroy(struct loop_timer *timer);

/* Runs `fire` once before the loop next waits, after all events of this turn: the place to send what the turn
 * gathered. Wanting twice is wanting once. */
struct loop_task;
struct loop_task *loop_task_create(struct loop *loop, void (*fire)(void *arg), void *arg);
void loop_task_want(struct loop_task *task);
void loop_task_destroy(struct loop_task *task);

/* Calls `fire` in each turn in which the descriptor can be read or written, as far as that is wanted: at the
 * beginning reading. Behind an error of the descriptor, which reading or writing finds, it is called with all
 * that is wanted, once. */
enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch;
/* NULL: the loop takes no descriptor more. */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*fire)(void *arg, int events),
                                     void *arg);
/* events: 0 or several of them. */
void loop_watch_want(struct loop_watch *watch, int events);
/* Before the descriptor is closed, or somebody else watches it. May be called from its own function; NULL is
 * fine. */
void loop_watch_destroy(struct loop_watch *watch);

/* Signals arrive as ordinary events; SIGPIPE is ignored by loop_create. */
void loop_on_signal(struct loop *loop, int signum, void (*fire)(void *arg, int signum), void *arg);

#endif
