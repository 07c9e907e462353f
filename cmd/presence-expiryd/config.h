/* The settings of presence-expiryd. */
#ifndef PRESENCE_EXPIRYD_CONFIG_H
#define PRESENCE_EXPIRYD_CONFIG_H

#include "base/program.h"
#include "net/daemon.h"
#include "net/redis_config.h"
#include "presence/policy.h"

struct config {
    char *listen;              /* PRESENCE_EXPIRYD_LISTEN */
    bool reuseport;            /* PRESENCE_REUSEPORT */
    int64_t sweep_interval_ms; /* PRESENCE_SWEEP_INTERVAL */
    bool keyspace_events;      /* PRESENCE_KEYSPACE_EVENTS */
    struct policy policy;
    struct redis_config redis;
    struct log_config log;
};

extern const struct program_info program;

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings. */
int config_check(void *config, struct settings_error *error);
/* Never more than a tenth of the TTL. */
int64_t config_sweep_interval(const struct config *config);

#endif
