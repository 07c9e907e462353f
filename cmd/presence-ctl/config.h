/* SPDX-License-Identifier: MIT */
/* The settings of presence-ctl: those of all commands, those that several commands share, and room for those of one.
 *
 * A command's own options are a struct in its file, which lies in `options`: only one command runs. Its tables are made
 * of the macros below. */
#ifndef PRESENCE_CTL_CONFIG_H
#define PRESENCE_CTL_CONFIG_H

#include "base/program.h"
#include "redis/redis_config.h"
#include "store/policy_settings.h"

#define CONFIG_OPTIONS_SIZE 128
#define CONFIG_DAY_MS       86400000

struct config {
    bool json; /* PRESENCE_CTL_JSON */
    struct redis_config redis;
    struct policy policy;
    int64_t limit;      /* list, why */
    int64_t timeout_ms; /* watch, wait; 0: any */
    char *device;       /* online, heartbeat, kick */
    char *addresses;    /* metrics, doctor: instead of presence:nodes */
    _Alignas(max_align_t) char options[CONFIG_OPTIONS_SIZE];
};

#define CONFIG_TABLE(...)                                                                                    \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

/* What all commands have. */
#define CONFIG_TABLES 2
extern const struct setting_table config_tables[CONFIG_TABLES];

/* Tables that a command may have beside its own. */
extern const struct setting config_limit[1], config_timeout[1], config_device[1], config_daemons[1];
#define CONFIG_LIMIT   CONFIG_TABLE(config_limit, 1, 0, "Amount")
#define CONFIG_TIMEOUT CONFIG_TABLE(config_timeout, 1, 0, "How long")
#define CONFIG_DEVICE  CONFIG_TABLE(config_device, 1, 0, "Device")
#define CONFIG_DAEMONS CONFIG_TABLE(config_daemons, 1, 0, "Daemons")
#define CONFIG_PRESENCE                                                                                      \
    CONFIG_TABLE(policy_settings, POLICY_SETTINGS_COUNT, offsetof(struct config, policy), "Presence")
/* Rows for a command's own struct. */
#define CONFIG_OPTIONS(rows, title)                                                                          \
    CONFIG_TABLE(rows, sizeof(rows) / sizeof((rows)[0]), offsetof(struct config, options), title)
#define CONFIG_OPTIONS_FIT(type)                                                                             \
    _Static_assert(sizeof(type) <= CONFIG_OPTIONS_SIZE, "more options than CONFIG_OPTIONS_SIZE holds")
/* A command's tables, for its command_info. */
#define CONFIG_OF_COMMAND(tables) tables, sizeof(tables) / sizeof((tables)[0])
/* For commands that have only PRESENCE_…. */
extern const struct setting_table config_plain[1];

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings. */
int config_check(void *config, struct settings_error *error);

#endif
