/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include "actors.h"
#include "base/mem.h"
#include "installation.h"
#include "invariants.h"
#include "redis_host.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US     1000000LL
#define FIRST_US      (10 * SECOND_US)
#define RUN_FAULTS    400
#define CLOCK_STEP_US (3600 * SECOND_US)

enum kind {
    SERVER_KILLED,
    SERVER_DRAINS,
    SERVER_PAUSED,
    SERVER_CUT,
    SERVER_CLIENTS_CUT,
    SERVER_CLOCK,
    EXPIRYD_KILLED,
    EXPIRYD_LEAVES,
    EXPIRYD_PAUSED,
    EXPIRYD_CUT,
    REDIS_EMPTY,
    REDIS_OLD,
    REDIS_FAILOVER,
    REDIS_PAUSED,
    REDIS_FLUSHED,
    REDIS_FULL,
    REDIS_EVICTS,
    REDIS_CLOCK,
    REDIS_DROPS_CLIENTS,
    REDIS_FORGETS_SCRIPTS,
    REDIS_LAZY,
    MESSAGES_LOST,
    MESSAGES_REPEATED,
    NETWORK_SLOW,
    KINDS
};

/* Two may happen at once. */
static const char *const names[KINDS] = {
    [SERVER_KILLED] = "a server is killed",
    [SERVER_DRAINS] = "a server drains",
    [SERVER_PAUSED] = "a server is paused",
    [SERVER_CUT] = "a server is cut off from Redis",
    [SERVER_CLIENTS_CUT] = "a server is cut off from clients",
    [SERVER_CLOCK] = "a server's clock is set",
    [EXPIRYD_KILLED] = "an expiryd is killed",
    [EXPIRYD_LEAVES] = "an expiryd leaves",
    [EXPIRYD_PAUSED] = "an expiryd is paused",
    [EXPIRYD_CUT] = "an expiryd is cut off",
    [REDIS_EMPTY] = "Redis comes back empty",
    [REDIS_OLD] = "Redis comes back with an old dump",
    [REDIS_FAILOVER] = "a replica takes over that lacks the last writes",
    [REDIS_PAUSED] = "Redis stands still",
    [REDIS_FLUSHED] = "FLUSHALL",
    [REDIS_FULL] = "Redis is full",
    [REDIS_EVICTS] = "Redis evicts keys",
    [REDIS_CLOCK] = "Redis's clock is set",
    [REDIS_DROPS_CLIENTS] = "CLIENT KILL",
    [REDIS_FORGETS_SCRIPTS] = "SCRIPT FLUSH",
    [REDIS_LAZY] = "active expiry is off",
    [MESSAGES_LOST] = "published messages are lost",
    [MESSAGES_REPEATED] = "published messages come twice",
    [NETWORK_SLOW] = "the network is slow",
};

struct planned_fault {
    enum kind kind;
    size_t which;
    int64_t at_us, lasts_us;
    struct event *event;
};

static struct planned_fault faults[RUN_FAULTS];
static size_t fault_count;
static struct event *restart;
static const struct redis_image *restart_with;

static void on_restart(void *arg)
{
    restart = NULL;
    redis_host_start(restart_with);
    invariants_data_changed();
}

static void redis_away(int64_t us, const struct redis_image *image)
{
    if (!redis_host.process)
        return;
    redis_host_kill();
    restart_with = image;
    restart = simulation_after(us, NULL, on_restart, NULL);
}

static void on_server_back(void *arg)
{
    installation_start_server(((struct planned_fault *)arg)->which);
}

static void on_expiryd_back(void *arg)
{
    installation_start_expiryd(((struct planned_fault *)arg)->which);
}

static void on_room(void *arg)
{
    redis_model_set_full(redis_host.model, false);
}

static void on_eager(void *arg)
{
    redis_host.active_expiry = true;
}

static void on_heard(void *arg)
{
    redis_host.lose_per_mille = redis_host.repeat_per_mille = 0;
}

static struct slot *server_of(const struct planned_fault *f)
{
    return &installation.servers[f->which];
}

static void trouble(struct slot *slot, int64_t us)
{
    int64_t until_us = simulation.now_us + us;
    if (until_us > slot->trouble_until_us)
        slot->trouble_until_us = until_us;
}

static void strike_server(struct planned_fault *f)
{
    struct slot *slot = server_of(f);
    if (!slot->ws)
        return;
    if (f->kind == SERVER_KILLED) {
        installation_kill_server(f->which);
        simulation_after(f->lasts_us, NULL, on_server_back, f);
    } else if (f->kind == SERVER_DRAINS) {
        installation_drain_server(f->which);
    } else if (f->kind == SERVER_PAUSED) {
        sim_process_pause(slot->process, f->lasts_us);
        trouble(slot, f->lasts_us);
    } else if (f->kind == SERVER_CUT && redis_host.process) {
        network_cut(slot->process, redis_host.process, f->lasts_us);
        trouble(slot, f->lasts_us);
    } else if (f->kind == SERVER_CLIENTS_CUT) {
        network_cut(slot->process, actors.hosts[f->which % CLIENT_HOSTS], f->lasts_us);
    } else if (f->kind == SERVER_CLOCK) {
        slot->wall_offset_us = slot->process->wall_offset_us =
            simulation_below(2 * CLOCK_STEP_US) - CLOCK_STEP_US;
    }
}

static void strike_expiryd(struct planned_fault *f)
{
    size_t which = f->which % installation.expiryd_count;
    struct slot *slot = &installation.expiryds[which];
    f->which = which;
    if (!slot->expiryd)
        return;
    if (f->kind == EXPIRYD_KILLED) {
        installation_kill_expiryd(which);
        simulation_after(f->lasts_us, NULL, on_expiryd_back, f);
    } else if (f->kind == EXPIRYD_LEAVES) {
        installation_stop_expiryd(which);
    } else if (f->kind == EXPIRYD_PAUSED) {
        sim_process_pause(slot->process, f->lasts_us);
    } else if (redis_host.process) {
        network_cut(slot->process, redis_host.process, f->lasts_us);
    }
}

static void evict_some(void)
{
    for (int i = 0; i < 5; i++)
        redis_model_evict(redis_host.model, (uint64_t)simulation_below(1 << 30));
    invariants_data_changed();
}

static void flush(void)
{
    redis_model_load(redis_host.model, NULL, NULL);
    invariants_data_changed();
}

static void strike_redis(struct planned_fault *f)
{
    if (!redis_host.process)
        return;
    switch (f->kind) {
    case REDIS_EMPTY: redis_away(f->lasts_us / 4, NULL); break;
    case REDIS_OLD: redis_away(f->lasts_us / 4, redis_host_image(1 + f->which)); break;
    case REDIS_FAILOVER: redis_away(SECOND_US, redis_host_image(0)); break;
    case REDIS_PAUSED: sim_process_pause(redis_host.process, f->lasts_us); break;
    case REDIS_FLUSHED: flush(); break;
    case REDIS_FULL:
        redis_model_set_full(redis_host.model, true);
        simulation_after(f->lasts_us, NULL, on_room, NULL);
        break;
    case REDIS_EVICTS: evict_some(); break;
    case REDIS_CLOCK:
        invariants_clock_steps();
        redis_host.wall_offset_us = simulation_below(2 * CLOCK_STEP_US) - CLOCK_STEP_US;
        break;
    case REDIS_DROPS_CLIENTS: redis_host_drop_clients(f->which % 2 ? 1000 : 400); break;
    case REDIS_FORGETS_SCRIPTS: redis_model_forget_scripts(redis_host.model); break;
    case REDIS_LAZY:
        redis_host.active_expiry = false;
        simulation_after(f->lasts_us, NULL, on_eager, NULL);
        break;
    case MESSAGES_LOST:
        redis_host.lose_per_mille = 200;
        simulation_after(f->lasts_us, NULL, on_heard, NULL);
        break;
    default: redis_host.repeat_per_mille = 300; simulation_after(f->lasts_us, NULL, on_heard, NULL);
    }
}

static void strike(void *arg)
{
    struct planned_fault *f = arg;
    f->event = NULL;
    simulation_trace("FAULT %zu: %s", (size_t)(f - faults), names[f->kind]);
    if (f->kind <= SERVER_CLOCK) {
        f->which %= installation.server_count;
        strike_server(f);
    } else if (f->kind <= EXPIRYD_CUT) {
        strike_expiryd(f);
    } else if (f->kind == NETWORK_SLOW) {
        simulation.slow_until_us = simulation.now_us + f->lasts_us;
        for (size_t i = 0; i < installation.server_count; i++)
            trouble(&installation.servers[i], f->lasts_us);
    } else {
        strike_redis(f);
    }
}

/* Some seeds know calm hours, others one fault after the other. */
size_t faults_plan(int64_t span_us, const bool *left_out, size_t *entry)
{
    int64_t pause_us = (2 + simulation_below(60)) * SECOND_US, at_us = FIRST_US;
    fault_count = 0;
    restart = NULL;
    while (at_us < span_us && fault_count < RUN_FAULTS) {
        struct planned_fault *f = &faults[fault_count++];
        f->kind = (enum kind)simulation_below(KINDS);
        f->which = (size_t)simulation_below(SERVERS_MAX);
        f->lasts_us =
            simulation_chance(700) ? simulation_below(4 * SECOND_US) : simulation_below(20 * SECOND_US);
        f->at_us = at_us;
        f->event = left_out[(*entry)++] ? NULL : simulation_after(at_us, NULL, strike, f);
        at_us += simulation_below(2 * pause_us);
    }
    return fault_count;
}

void faults_mend_all(void)
{
    for (size_t i = 0; i < fault_count; i++) {
        simulation_cancel(faults[i].event);
        faults[i].event = NULL;
    }
    memset(simulation.cut_until_us, 0, sizeof(simulation.cut_until_us));
    simulation.slow_until_us = 0;
    on_heard(NULL);
    on_room(NULL);
    on_eager(NULL);
    if (redis_host.process)
        redis_host.process->paused_until_us = 0;
    for (size_t i = 0; i < installation.server_count; i++)
        installation_start_server(i);
    for (size_t i = 0; i < installation.expiryd_count; i++)
        installation_start_expiryd(i);
}
