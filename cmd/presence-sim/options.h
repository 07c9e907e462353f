/* SPDX-License-Identifier: MIT */
/* The settings of presence-sim: one struct, filled from the tables of all commands. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "base/program.h"

enum sim_encoding {
    SIM_MSGPACK,
    SIM_JSON,
    SIM_PLAIN
}; /* plain: no subprotocol is offered, as old clients do */

struct options {
    char *servers; /* separated by ',' */
    int auth_none;
    char *secret;
    char *source;
    int encoding; /* enum sim_encoding */
    int64_t seed;
    char *history;
    bool json;
    bool quiet;
    int64_t connect_timeout_ms;
    int64_t connect_rate;
    int64_t ttl_ms;
    int64_t late_ms;
    int64_t delivery_ms;
    int64_t skew_ms;
    int64_t drain_grace_ms;

    int64_t duration_ms;
    int64_t settle_ms;
    char *prefix;
    char *groups;
    int64_t dashboards;
    bool batch;

    int64_t users;
    int64_t beat_ms;
    int64_t churn_ms;
    int64_t away_ms;
    int64_t silent_percent;
    int64_t roam_percent;

    char *viewer;
    char *watch_groups;
    char *watch_users;

    int64_t phones;
    int64_t rate;
    int64_t changes;
    int64_t changers;
    int64_t warmup_ms;
    int64_t repeat;
    char *account;
    char *upstream;
    int64_t talk_rate, talk_size, talk_group;

    char *listen;

    char *variables;
    int64_t time_limit_ms;
    int64_t patience;
    bool keep;
    bool verbose;
};

extern const struct program_info sim_program;

/* What the tables can't say: the secret, the sources. */
int options_check(void *config, struct settings_error *error);

#endif
