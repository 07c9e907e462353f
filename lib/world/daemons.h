/* The daemons as the play sees them: presence-ws and presence-expiryd, each in a process of this world, by
 * their own code. */
#ifndef WORLD_DAEMONS_H
#define WORLD_DAEMONS_H

#include "world/pipe.h"

/* Of the whole play; the same for all daemons. */
struct daemon_settings {
    int64_t ttl_ms, heartbeat_min_ms, offline_grace_ms, drain_grace_ms, holdback_ms, repair_interval_ms;
    int64_t log_max, batch_window_ms, ring_bytes, ping_interval_ms, pong_timeout_ms, redis_timeout_ms,
        sweep_interval_ms;
};

/* A session that a server believes to be alive. */
struct believed {
    struct span user, device;
    char name[64];    /* as it stands in the store */
    int64_t heard_us; /* world time */
};

struct ws_daemon;
/* In the process, which begins to listen. */
struct ws_daemon *ws_daemon_start(struct process *p, const struct daemon_settings *settings);
/* SIGTERM: it stops its loop when it is done. */
void ws_daemon_drain(struct ws_daemon *d);
/* Frees it: after its loop has stopped, or when its process was killed. */
void ws_daemon_finish(struct ws_daemon *d);
const char *ws_daemon_node(const struct ws_daemon *d);
/* What it still lacks or has to do; NULL: nothing. */
const char *ws_daemon_unsettled(const struct ws_daemon *d);
void ws_daemon_each(const struct ws_daemon *d, void (*look)(void *arg, const struct believed *b), void *arg);

struct expiryd_daemon;
struct expiryd_daemon *expiryd_daemon_start(struct process *p, const struct daemon_settings *settings);
void expiryd_daemon_leave(struct expiryd_daemon *d);
void expiryd_daemon_finish(struct expiryd_daemon *d);

#endif
