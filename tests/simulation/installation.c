/* SPDX-License-Identifier: MIT */
#include "installation.h"
#include "base/rng.h"

#include <stdio.h>

struct installation installation;

static void on_server_ended(void *arg)
{
    struct slot *slot = arg;
    simulation_trace("%s has ended", slot->process->name);
    ws_daemon_finish(slot->ws);
    sim_process_kill(slot->process);
    slot->ws = NULL;
    installation_start_server(slot->number);
}

void installation_start_server(size_t i)
{
    struct slot *slot = &installation.servers[i];
    char name[24];
    if (slot->ws)
        return;
    snprintf(name, sizeof(name), "server%zu", i);
    slot->number = i;
    slot->process = sim_process_start(name, slot->wall_offset_us);
    slot->process->on_end = on_server_ended;
    slot->process->arg = slot;
    slot->process->no_info = slot->no_info;
    slot->ws = ws_daemon_start(slot->process, &installation.settings);
    simulation_trace("%s starts as %s", name, ws_daemon_node(slot->ws));
}

void installation_kill_server(size_t i)
{
    struct slot *slot = &installation.servers[i];
    if (!slot->ws)
        return;
    simulation_trace("%s is killed", slot->process->name);
    sim_process_kill(slot->process);
    ws_daemon_finish(slot->ws);
    slot->ws = NULL;
}

void installation_drain_server(size_t i)
{
    if (!installation.servers[i].ws)
        return;
    simulation_trace("%s drains", installation.servers[i].process->name);
    ws_daemon_drain(installation.servers[i].ws);
}

static void on_expiryd_ended(void *arg)
{
    struct slot *slot = arg;
    expiryd_daemon_finish(slot->expiryd);
    sim_process_kill(slot->process);
    slot->expiryd = NULL;
    installation_start_expiryd(slot->number);
}

void installation_start_expiryd(size_t i)
{
    struct slot *slot = &installation.expiryds[i];
    char name[24];
    if (slot->expiryd)
        return;
    snprintf(name, sizeof(name), "expiryd%zu", i);
    slot->number = i;
    slot->process = sim_process_start(name, slot->wall_offset_us);
    slot->process->on_end = on_expiryd_ended;
    slot->process->arg = slot;
    slot->process->no_info = slot->no_info;
    struct simulated_settings settings = installation.settings;
    if (i % 2 == 0)
        settings.ttl_ms = installation.expiryd_ttl_ms;
    slot->expiryd = expiryd_daemon_start(slot->process, &settings);
    simulation_trace("%s starts", name);
}

void installation_kill_expiryd(size_t i)
{
    struct slot *slot = &installation.expiryds[i];
    if (!slot->expiryd)
        return;
    simulation_trace("%s is killed", slot->process->name);
    sim_process_kill(slot->process);
    expiryd_daemon_finish(slot->expiryd);
    slot->expiryd = NULL;
}

void installation_stop_expiryd(size_t i)
{
    if (!installation.expiryds[i].expiryd)
        return;
    simulation_trace("%s leaves", installation.expiryds[i].process->name);
    expiryd_daemon_leave(installation.expiryds[i].expiryd);
}

struct sim_process *installation_random_server(struct rng *rng)
{
    return installation.servers[rng_below(rng, installation.server_count)].process;
}

void installation_each_believed(int64_t grace_us, void (*look)(void *arg, const struct believed *b),
                                void *arg)
{
    for (size_t i = 0; i < installation.server_count; i++) {
        const struct slot *slot = &installation.servers[i];
        if (slot->ws && simulation.now_us - slot->trouble_until_us > grace_us)
            ws_daemon_each(slot->ws, look, arg);
    }
}
