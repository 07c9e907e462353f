/* SPDX-License-Identifier: MIT */
/* The daemons of a run: a slot for each presence-ws and each presence-expiryd, in which one instance follows the other. */
#ifndef SIMULATION_INSTALLATION_H
#define SIMULATION_INSTALLATION_H

#include "base/rng.h"
#include "daemons.h"

#define SERVERS_MAX  4
#define EXPIRYDS_MAX 3

struct slot {
    struct sim_process *process;
    struct ws_daemon *ws; /* NULL: none runs now */
    struct expiryd_daemon *expiryd;
    int64_t trouble_until_us; /* it alone was cut off, paused or slow */
    size_t number;
    int64_t wall_offset_us;
    bool no_info; /* whoever runs here may not ask Redis for INFO */
};

struct installation {
    struct simulated_settings settings;
    int64_t expiryd_ttl_ms; /* of every second one; the others have that of the servers */
    struct slot servers[SERVERS_MAX], expiryds[EXPIRYDS_MAX];
    size_t server_count, expiryd_count;
};

extern struct installation installation;

void installation_start_server(size_t i);
/* SIGKILL; nothing when none runs. */
void installation_kill_server(size_t i);
/* SIGTERM: another follows when it has ended. */
void installation_drain_server(size_t i);
void installation_start_expiryd(size_t i);
void installation_kill_expiryd(size_t i);
void installation_stop_expiryd(size_t i);
/* A server to connect to, by the client's own random numbers. */
struct sim_process *installation_random_server(struct rng *rng);
/* Calls `look` for each session that a server believes alive, if that server had no trouble of its own for grace_us. */
void installation_each_believed(int64_t grace_us, void (*look)(void *arg, const struct believed *b),
                                void *arg);

#endif
