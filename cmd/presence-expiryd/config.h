/* SPDX-License-Identifier: MIT */
/* The settings of presence-expiryd. */
#ifndef PRESENCE_EXPIRYD_CONFIG_H
#define PRESENCE_EXPIRYD_CONFIG_H

#include "base/program.h"
#include "net/daemon.h"
#include "redis/redis_config.h"
#include "store/policy_settings.h"

struct expiryd_config {
    char *listen;              /* PRESENCE_EXPIRYD_LISTEN */
    bool reuseport;            /* PRESENCE_REUSEPORT */
    int64_t sweep_interval_ms; /* PRESENCE_SWEEP_INTERVAL */
    int64_t drain_delay_ms;    /* PRESENCE_DRAIN_DELAY */
    bool keyspace_events;      /* PRESENCE_KEYSPACE_EVENTS */
    struct policy policy;
    struct redis_config redis;
    struct log_config log;
};

extern const struct program_info expiryd_program;

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings, and shortens the sweep interval
 * to a tenth of the TTL. */
int expiryd_config_check(void *config, struct settings_error *error);

#endif
