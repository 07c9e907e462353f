/* SPDX-License-Identifier: MIT */
/* A simulated clock and network: events in the order of their times, processes that can be paused and killed, a
 * network that delays, stalls and parts. The daemons' own code runs in it, on implementations of net/loop.h,
 * net/redis_adapter.h, net/websocket.h, base/clock.h and the kernel's random numbers that belong to this
 * simulation.
 *
 * One at a time. All that happens is decided by its seed: the same seed gives the same trace. */
#ifndef SIMULATION_WORLD_H
#define SIMULATION_WORLD_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/rng.h"

#define HOSTS_MAX 32 /* processes at a time, Redis and the clients among them */
#define NEVER     INT64_MAX

struct event;
struct loop;

/* A process on a host of its own. */
struct sim_process {
    char name[24];
    size_t host;               /* place in simulation.hosts */
    bool alive;                /* events of a dead one come to nothing */
    int64_t paused_until_us;   /* its events wait so long */
    int64_t wall_offset_us;    /* of its host's clock */
    struct loop *loop;         /* NULL: not one of the daemons */
    bool ended;                /* it stopped its loop */
    bool no_info;              /* its Redis user may not ask INFO */
    void (*on_end)(void *arg); /* called then, once */
    void *arg;
};

struct simulation {
    int64_t now_us; /* since the beginning; also everybody's monotonic clock */
    struct rng rng;
    struct sim_process *current; /* whose event runs; NULL: the run's own */
    struct event **heap;
    size_t event_count, event_cap;
    uint64_t next_seq, events_run;
    struct sim_process *hosts[HOSTS_MAX];
    struct sim_process **processes; /* all there ever were; freed at the end */
    size_t process_count;
    int64_t cut_until_us[HOSTS_MAX][HOSTS_MAX];
    int64_t slow_until_us; /* every way takes longer */
    int64_t wall_base_us;  /* the true time at the beginning, since 1970 */
    bool still;            /* nobody does anything new any more */
    bool failed;           /* an invariant was violated: the first one's sentence */
    char verdict[400];
    bool tracing;
    struct bytes trace; /* lines of the trace, when tracing */
};

extern struct simulation simulation;

void simulation_begin(uint64_t seed);
void simulation_end(void);
/* Runs what is due up to that time. */
void simulation_run(int64_t until_us);

/* Runs `fire` after a delay; in a process (which may be dead or paused by then) or, NULL, in the run itself.
 */
struct event *simulation_after(int64_t delay_us, struct sim_process *p, void (*fire)(void *arg), void *arg);
/* The same for what must arrive: it is called also when the process has died meanwhile, and at the
 * end. */
void simulation_deliver(int64_t delay_us, struct sim_process *p, void (*fire)(void *arg), void *arg);
/* Calls it off; only before it has run. NULL is fine. */
void simulation_cancel(struct event *e);

struct sim_process *sim_process_start(const char *name, int64_t wall_offset_us);
/* Nothing of it happens any more. What it sent is on its way. */
void sim_process_kill(struct sim_process *p);
void sim_process_pause(struct sim_process *p, int64_t us);

/* Delivers `fire` at `to` after the network's delay, not before what went the same way earlier (*last_us). A
 * partition holds it up. It is called also when the process has died meanwhile. */
void network_send(const struct sim_process *from, struct sim_process *to, int64_t *last_us,
                  void (*fire)(void *arg), void *arg);
void network_cut(const struct sim_process *a, const struct sim_process *b, int64_t us);
bool network_parted(const struct sim_process *a, const struct sim_process *b);

/* Milliseconds since 1970 by the clock of a process; by the true one with NULL. */
int64_t simulation_wall_ms(const struct sim_process *p);

int64_t simulation_below(int64_t bound);
bool simulation_chance(int per_mille);

/* An invariant does not hold: the first one counts. */
void simulation_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line of the trace. */
void simulation_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The loop of a process: what it has put off to the end of its turn (see net/loop.h). */
void loop_run_tasks(struct loop *loop);
struct sim_process *loop_process(const struct loop *loop);

#endif
