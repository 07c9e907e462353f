/* SPDX-License-Identifier: MIT */
/* presence-ws and presence-expiryd, each in a process of the simulation, by
 * their own code. */
#ifndef SIMULATION_DAEMONS_H
#define SIMULATION_DAEMONS_H

#include "pipe.h"

/* Of the whole run; the same for all daemons. */
struct simulated_settings {
    int64_t ttl_ms, heartbeat_min_ms, offline_grace_ms, abort_grace_ms, drain_grace_ms, holdback_ms,
        repair_interval_ms;
    int64_t log_max, batch_window_ms, ring_bytes, ping_interval_ms, pong_timeout_ms, redis_timeout_ms,
        sweep_interval_ms;
    bool router; /* phones are passed on to one */
};

/* A session that a server believes to be alive. */
struct believed {
    struct span user, device;
    char name[64];    /* as it stands in the store */
    int64_t heard_us; /* simulated time */
};

struct ws_daemon;
/* In the process, which begins to listen. */
struct ws_daemon *ws_daemon_start(struct sim_process *p, const struct simulated_settings *settings);
/* SIGTERM: it stops its loop when it is done. */
void ws_daemon_drain(struct ws_daemon *d);
/* Frees it: after its loop has stopped, or when its process was killed. */
void ws_daemon_finish(struct ws_daemon *d);
const char *ws_daemon_node(const struct ws_daemon *d);
/* What it still lacks or has to do; NULL: nothing. */
const char *ws_daemon_unsettled(const struct ws_daemon *d);
/* How often it has loaded the roster. */
uint64_t ws_daemon_loads(const struct ws_daemon *d);
void ws_daemon_each(const struct ws_daemon *d, void (*look)(void *arg, const struct believed *b), void *arg);

/* The name in the store of the session that this owner of a WebSocket keeps; false: it keeps none. */
bool ws_daemon_session(const void *owner, char ret_name[64]);

struct expiryd_daemon;
struct expiryd_daemon *expiryd_daemon_start(struct sim_process *p, const struct simulated_settings *settings);
void expiryd_daemon_leave(struct expiryd_daemon *d);
void expiryd_daemon_finish(struct expiryd_daemon *d);

#endif
