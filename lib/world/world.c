#include "world/world.h"

#include "base/map.h"
#include "base/mem.h"

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
    struct process *process;
    void (*fire)(void *arg); /* NULL: called off */
    void *arg;
    bool message; /* arrives even where nobody is alive any more */
};

struct world world;

void world_begin(uint64_t seed)
{
    memset(&world, 0, sizeof(world));
    map_set_hash_key(seed);
    rng_init(&world.rng, seed);
    world.wall_base_us = EPOCH_US + world_below(86400) * 1000000;
}

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void heap_put(struct event *e)
{
    size_t i = world.event_count++;
    if (i == world.event_cap) {
        world.event_cap = world.event_cap ? 2 * world.event_cap : 1024;
        world.heap = mem_realloc(world.heap, world.event_cap * sizeof(struct event *));
    }
    for (; i > 0 && earlier(e, world.heap[(i - 1) / 2]); i = (i - 1) / 2)
        world.heap[i] = world.heap[(i - 1) / 2];
    world.heap[i] = e;
}

static struct event *heap_take(void)
{
    struct event *first = world.heap[0], *last = world.heap[--world.event_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < world.event_count) {
        if (child + 1 < world.event_count && earlier(world.heap[child + 1], world.heap[child]))
            child++;
        if (!earlier(world.heap[child], last))
            break;
        world.heap[i] = world.heap[child];
        i = child;
    }
    if (world.event_count > 0)
        world.heap[i] = last;
    return first;
}

static struct event *plan(int64_t at_us, struct process *p, void (*fire)(void *arg), void *arg, bool message)
{
    struct event *e = mem_alloc(sizeof(*e));
    *e = (struct event){at_us, world.next_seq++, p, fire, arg, message};
    heap_put(e);
    return e;
}

struct event *world_after(int64_t delay_us, struct process *p, void (*fire)(void *arg), void *arg)
{
    return plan(world.now_us + (delay_us > 0 ? delay_us : 0), p, fire, arg, false);
}

void world_deliver(int64_t delay_us, struct process *p, void (*fire)(void *arg), void *arg)
{
    plan(world.now_us + (delay_us > 0 ? delay_us : 0), p, fire, arg, true);
}

void world_cancel(struct event *e)
{
    if (e)
        e->fire = NULL;
}

static void run_one(struct event *e)
{
    struct process *p = e->process;
    if (p && p->alive && p->paused_until_us > world.now_us && e->fire) {
        e->at_us = p->paused_until_us;
        heap_put(e);
        return;
    }
    if (e->fire && (!p || p->alive || e->message)) {
        world.current = p && p->alive ? p : NULL;
        world.events_run++;
        e->fire(e->arg);
        if (p && p->alive && p->loop)
            loop_run_tasks(p->loop);
        world.current = NULL;
        if (p && p->alive && p->ended)
            p->on_end(p->arg);
    }
    free(e);
}

void world_run(int64_t until_us)
{
    while (world.event_count > 0 && world.heap[0]->at_us <= until_us) {
        struct event *e = heap_take();
        if (e->at_us > world.now_us)
            world.now_us = e->at_us;
        run_one(e);
    }
    world.now_us = until_us;
}

void world_end(void)
{
    while (world.event_count > 0) {
        struct event *e = heap_take();
        if (e->message)
            e->fire(e->arg);
        free(e);
    }
    for (size_t i = 0; i < world.process_count; i++)
        free(world.processes[i]);
    free(world.processes);
    free(world.heap);
    bytes_finish(&world.trace);
}

struct process *process_start(const char *name, int64_t wall_offset_us)
{
    struct process *p = mem_zalloc(sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->alive = true;
    p->wall_offset_us = wall_offset_us;
    world.processes = mem_realloc(world.processes, (world.process_count + 1) * sizeof(struct process *));
    world.processes[world.process_count++] = p;
    while (p->host < HOSTS_MAX - 1 && world.hosts[p->host])
        p->host++;
    world.hosts[p->host] = p;
    for (size_t i = 0; i < HOSTS_MAX; i++)
        world.cut_until_us[p->host][i] = world.cut_until_us[i][p->host] = 0;
    return p;
}

void process_kill(struct process *p)
{
    p->alive = false;
    world.hosts[p->host] = NULL;
}

void process_pause(struct process *p, int64_t us)
{
    p->paused_until_us = world.now_us + us;
}

static int64_t delay_us(void)
{
    int64_t delay = DELAY_MIN_US + world_below(DELAY_MAX_US);
    if (world_chance(10))
        delay += world_below(DELAY_RARE_US);
    return world.now_us < world.slow_until_us ? delay * SLOW_FACTOR : delay;
}

void network_send(const struct process *from, struct process *to, int64_t *last_us, void (*fire)(void *arg),
                  void *arg)
{
    int64_t at_us = world.now_us + delay_us(), cut_us = world.cut_until_us[from->host][to->host];
    if (cut_us > world.now_us)
        at_us = cut_us + delay_us(); /* what is sent again comes through */
    if (at_us <= *last_us)
        at_us = *last_us + 1;
    *last_us = at_us;
    plan(at_us, to, fire, arg, true);
}

void network_cut(const struct process *a, const struct process *b, int64_t us)
{
    world.cut_until_us[a->host][b->host] = world.cut_until_us[b->host][a->host] = world.now_us + us;
}

bool network_parted(const struct process *a, const struct process *b)
{
    return world.cut_until_us[a->host][b->host] > world.now_us;
}

int64_t world_wall_ms(const struct process *p)
{
    return (world.wall_base_us + world.now_us + (p ? p->wall_offset_us : 0)) / 1000;
}

int64_t world_below(int64_t bound)
{
    return (int64_t)rng_below(&world.rng, (uint64_t)bound);
}

bool world_chance(int per_mille)
{
    return world_below(1000) < per_mille;
}

void world_tell(const char *format, ...)
{
    va_list args;
    char line[600];
    if (!world.tracing)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    bytes_printf(&world.trace, "%10.3f %-10s %s\n", (double)world.now_us / 1e6,
                 world.current ? world.current->name : "", line);
}
