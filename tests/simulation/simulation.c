/* SPDX-License-Identifier: MIT */
#include "simulation.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MIN_US  100
#define DELAY_MAX_US  3000
#define DELAY_RARE_US 60000
#define SLOW_FACTOR   40
#define EPOCH_US      1790000000000000LL

struct event {
    int64_t at_us;
    uint64_t seq;
    struct sim_process *process;
    void (*fire)(void *arg); /* NULL: called off */
    void *arg;
    bool message; /* arrives even where nobody is alive any more */
};

struct simulation simulation;

void simulation_begin(uint64_t seed)
{
    memset(&simulation, 0, sizeof(simulation));
    map_set_hash_key(seed);
    rng_init(&simulation.rng, seed);
    simulation.wall_base_us = EPOCH_US + simulation_below(86400) * 1000000;
}

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void heap_put(struct event *e)
{
    size_t i = simulation.event_count++;
    if (i == simulation.event_cap) {
        simulation.event_cap = simulation.event_cap ? 2 * simulation.event_cap : 1024;
        simulation.heap = mem_realloc(simulation.heap, simulation.event_cap * sizeof(struct event *));
    }
    for (; i > 0 && earlier(e, simulation.heap[(i - 1) / 2]); i = (i - 1) / 2)
        simulation.heap[i] = simulation.heap[(i - 1) / 2];
    simulation.heap[i] = e;
}

static struct event *heap_take(void)
{
    struct event *first = simulation.heap[0], *last = simulation.heap[--simulation.event_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < simulation.event_count) {
        if (child + 1 < simulation.event_count && earlier(simulation.heap[child + 1], simulation.heap[child]))
            child++;
        if (!earlier(simulation.heap[child], last))
            break;
        simulation.heap[i] = simulation.heap[child];
        i = child;
    }
    if (simulation.event_count > 0)
        simulation.heap[i] = last;
    return first;
}

static struct event *plan(int64_t at_us, struct sim_process *p, void (*fire)(void *arg), void *arg,
                          bool message)
{
    struct event *e = mem_alloc(sizeof(*e));
    *e = (struct event){at_us, simulation.next_seq++, p, fire, arg, message};
    heap_put(e);
    return e;
}

struct event *simulation_after(int64_t delay_us, struct sim_process *p, void (*fire)(void *arg), void *arg)
{
    return plan(simulation.now_us + (delay_us > 0 ? delay_us : 0), p, fire, arg, false);
}

void simulation_deliver(int64_t delay_us, struct sim_process *p, void (*fire)(void *arg), void *arg)
{
    plan(simulation.now_us + (delay_us > 0 ? delay_us : 0), p, fire, arg, true);
}

void simulation_cancel(struct event *e)
{
    if (e)
        e->fire = NULL;
}

static void run_one(struct event *e)
{
    struct sim_process *p = e->process;
    if (p && p->alive && p->paused_until_us > simulation.now_us && e->fire) {
        e->at_us = p->paused_until_us;
        heap_put(e);
        return;
    }
    if (e->fire && (!p || p->alive || e->message)) {
        simulation.current = p && p->alive ? p : NULL;
        simulation.events_run++;
        cost_turn_begins();
        e->fire(e->arg);
        if (p && p->alive && p->loop)
            loop_run_tasks(p->loop);
        cost_turn_ends();
        simulation.current = NULL;
        if (p && p->alive && p->ended)
            p->on_end(p->arg);
    }
    free(e);
}

void simulation_run(int64_t until_us)
{
    while (simulation.event_count > 0 && simulation.heap[0]->at_us <= until_us) {
        struct event *e = heap_take();
        if (e->at_us > simulation.now_us)
            simulation.now_us = e->at_us;
        run_one(e);
    }
    simulation.now_us = until_us;
}

void simulation_end(void)
{
    while (simulation.event_count > 0) {
        struct event *e = heap_take();
        if (e->message)
            e->fire(e->arg);
        free(e);
    }
    for (size_t i = 0; i < simulation.process_count; i++)
        free(simulation.processes[i]);
    free(simulation.processes);
    free(simulation.heap);
    bytes_finish(&simulation.trace);
}

struct sim_process *sim_process_start(const char *name, int64_t wall_offset_us)
{
    struct sim_process *p = mem_zalloc(sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->alive = true;
    p->wall_offset_us = wall_offset_us;
    simulation.processes =
        mem_realloc(simulation.processes, (simulation.process_count + 1) * sizeof(struct sim_process *));
    simulation.processes[simulation.process_count++] = p;
    while (p->host < HOSTS_MAX - 1 && simulation.hosts[p->host])
        p->host++;
    simulation.hosts[p->host] = p;
    for (size_t i = 0; i < HOSTS_MAX; i++)
        simulation.cut_until_us[p->host][i] = simulation.cut_until_us[i][p->host] = 0;
    return p;
}

void sim_process_kill(struct sim_process *p)
{
    p->alive = false;
    simulation.hosts[p->host] = NULL;
}

void sim_process_pause(struct sim_process *p, int64_t us)
{
    p->paused_until_us = simulation.now_us + us;
}

static int64_t delay_us(void)
{
    int64_t delay = DELAY_MIN_US + simulation_below(DELAY_MAX_US);
    if (simulation_chance(10))
        delay += simulation_below(DELAY_RARE_US);
    return simulation.now_us < simulation.slow_until_us ? delay * SLOW_FACTOR : delay;
}

void network_send(const struct sim_process *from, struct sim_process *to, int64_t *last_us,
                  void (*fire)(void *arg), void *arg)
{
    int64_t now_us = simulation.now_us + (from == simulation.current ? cost_spent_us() : 0);
    int64_t at_us = now_us + delay_us(), cut_us = simulation.cut_until_us[from->host][to->host];
    if (cut_us > simulation.now_us)
        at_us = cut_us + delay_us(); /* what is sent again comes through */
    if (at_us <= *last_us)
        at_us = *last_us + 1;
    *last_us = at_us;
    plan(at_us, to, fire, arg, true);
}

void network_cut(const struct sim_process *a, const struct sim_process *b, int64_t us)
{
    simulation.cut_until_us[a->host][b->host] = simulation.cut_until_us[b->host][a->host] =
        simulation.now_us + us;
}

bool network_parted(const struct sim_process *a, const struct sim_process *b)
{
    return simulation.cut_until_us[a->host][b->host] > simulation.now_us;
}

int64_t simulation_wall_ms(const struct sim_process *p)
{
    return (simulation.wall_base_us + simulation.now_us + (p ? p->wall_offset_us : 0)) / 1000;
}

int64_t simulation_below(int64_t bound)
{
    return (int64_t)rng_below(&simulation.rng, (uint64_t)bound);
}

bool simulation_chance(int per_mille)
{
    return simulation_below(1000) < per_mille;
}

void simulation_trace(const char *format, ...)
{
    va_list args;
    char line[600];
    if (!simulation.tracing)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    bytes_printf(&simulation.trace, "%10.3f %-10s %s\n", (double)simulation.now_us / 1e6,
                 simulation.current ? simulation.current->name : "", line);
}

void simulation_fail(const char *format, ...)
{
    va_list args;
    if (simulation.failed)
        return;
    simulation.failed = true;
    va_start(args, format);
    vsnprintf(simulation.verdict, sizeof(simulation.verdict), format, args);
    va_end(args);
    simulation_trace("VIOLATION: %s", simulation.verdict);
}
