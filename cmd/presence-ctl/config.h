/* The settings of presence-ctl: one struct, filled from the tables of all commands. */
#ifndef PRESENCE_CTL_CONFIG_H
#define PRESENCE_CTL_CONFIG_H

#include "base/program.h"
#include "net/redis_config.h"
#include "presence/policy.h"

enum command {
    COMMAND_STATUS,
    COMMAND_LIST,
    COMMAND_COUNT,
    COMMAND_WATCH,
    COMMAND_WAIT,
    COMMAND_ONLINE,
    COMMAND_OFFLINE,
    COMMAND_HEARTBEAT,
    COMMAND_PUBLISH,
    COMMAND_SESSIONS,
    COMMAND_WHY,
    COMMAND_TOKEN,
    COMMAND_METRICS,
    COMMAND_DOCTOR,
    COMMAND_KICK,
    COMMAND_REPAIR,
    COMMANDS,
};

struct config {
    bool json; /* PRESENCE_CTL_JSON */
    struct redis_config redis;
    struct policy policy;
    int64_t limit; /* list, why */
    char *since;   /* watch: epoch:rev */
    char *users, *groups;
    int64_t count;      /* watch: end after so many changes; 0: never */
    int64_t timeout_ms; /* watch, wait; 0: any */
    char *device;
    char *secret; /* token: SECRET_KEY */
    char *role, *token_id;
    int64_t valid_ms;    /* token; 0: for ever */
    bool revoke;         /* kick */
    char *revoke_id;     /* kick: a token's id */
    int64_t revoke_ms;   /* kick --revoke: for so long */
    int64_t interval_ms; /* metrics: between two samples */
    char *addresses;     /* metrics, doctor: instead of presence:nodes */
};

extern const struct program_info program;

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings. */
int config_check(void *config, struct settings_error *error);

#endif
