/* SPDX-License-Identifier: MIT */
#include "cost.h"

#include "base/map.h"
#include "redis_host.h"

#define OPERATION_WORK 64      /* commands and elements of one operation, */
#define BATCH_WORK     2048    /* and of a batch besides: the sessions of the users in it, read once */
#define TURN_MAX_US    250000  /* as long as a phone waits for being let in */
#define WAIT_MAX_US    1000000 /* half the default of PRESENCE_REDIS_TIMEOUT */

struct cost cost;

static bool is_redis(void)
{
    return simulation.current && simulation.current == redis_host.process;
}

static bool is_daemon(void)
{
    return simulation.current && simulation.current->loop;
}

void cost_turn_begins(void)
{
    cost.look_ups = 0;
    if (is_redis())
        redis_model_work(redis_host.model, &cost.commands, &cost.elements);
}

int64_t cost_spent_us(void)
{
    uint64_t commands, elements;
    if (is_daemon())
        return (int64_t)cost.look_ups * cost.look_up_ns / 1000;
    if (!is_redis())
        return 0;
    redis_model_work(redis_host.model, &commands, &elements);
    return ((int64_t)(commands - cost.commands) * cost.command_ns +
            (int64_t)(elements - cost.elements) * cost.element_ns) /
           1000;
}

void cost_turn_ends(void)
{
    int64_t us = cost_spent_us();
    if (us == 0)
        return;
    if (simulation.current->paused_until_us < simulation.now_us + us)
        sim_process_pause(simulation.current, us);
    if (cost.judged && is_daemon() && us > TURN_MAX_US)
        simulation_fail("%s works for %lld ms in one turn: %llu look-ups", simulation.current->name,
                        (long long)us / 1000, (unsigned long long)cost.look_ups);
}

void cost_check_batch(size_t operations)
{
    uint64_t commands, elements;
    if (!cost.judged || !is_redis())
        return;
    redis_model_work(redis_host.model, &commands, &elements);
    uint64_t work = commands - cost.commands + elements - cost.elements;
    if (work > OPERATION_WORK * operations + BATCH_WORK)
        simulation_fail("a batch of %zu operations takes Redis %llu commands that touch %llu elements",
                        operations, (unsigned long long)(commands - cost.commands),
                        (unsigned long long)(elements - cost.elements));
}

void cost_check_wait(const char *who, int64_t us)
{
    if (cost.judged && us > WAIT_MAX_US)
        simulation_fail("%s waits for %.1f s, and nothing is wrong but work", who, (double)us / 1e6);
}

/* The linker leads all calls of these functions here (--wrap). */
void *__real_map_get(const struct map *m, struct span key);
void *__real_map_put(struct map *m, void *object);
void *__real_map_remove(struct map *m, struct span key);
void *__real_map_next(const struct map *m, size_t *at);
struct span __real_span_split(struct span *rest, char separator);
void *__wrap_map_get(const struct map *m, struct span key);
void *__wrap_map_put(struct map *m, void *object);
void *__wrap_map_remove(struct map *m, struct span key);
void *__wrap_map_next(const struct map *m, size_t *at);
struct span __wrap_span_split(struct span *rest, char separator);

void *__wrap_map_get(const struct map *m, struct span key)
{
    cost.look_ups++;
    return __real_map_get(m, key);
}

void *__wrap_map_put(struct map *m, void *object)
{
    cost.look_ups++;
    return __real_map_put(m, object);
}

void *__wrap_map_remove(struct map *m, struct span key)
{
    cost.look_ups++;
    return __real_map_remove(m, key);
}

void *__wrap_map_next(const struct map *m, size_t *at)
{
    cost.look_ups++;
    return __real_map_next(m, at);
}

struct span __wrap_span_split(struct span *rest, char separator)
{
    cost.look_ups++;
    return __real_span_split(rest, separator);
}
