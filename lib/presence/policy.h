/* The rules' numbers, as settings (guide "Configuration", contract sections 1, 3, 4). One table for all five
 * programs, so that a name means the same everywhere. */
#ifndef PRESENCE_POLICY_H
#define PRESENCE_POLICY_H

#include "base/settings.h"

struct policy {
    bool enabled;               /* PRESENCE_ENABLED */
    int64_t ttl_ms;             /* PRESENCE_TTL: silence after which a user is offline */
    int64_t heartbeat_min_ms;   /* PRESENCE_HEARTBEAT_MIN; policy_heartbeat_min() bounds it */
    int64_t offline_grace_ms;   /* PRESENCE_OFFLINE_GRACE: from a peer's close to the end of its session */
    int64_t drain_grace_ms;     /* PRESENCE_DRAIN_GRACE */
    int64_t holdback_ms;        /* PRESENCE_HOLDBACK */
    int64_t repair_interval_ms; /* PRESENCE_REPAIR_INTERVAL; 0: never */
    int64_t log_max;            /* PRESENCE_LOG_MAX: transitions kept in presence:log */
    char *prefix;               /* PRESENCE_PREFIX */
    char *group_key;            /* PRESENCE_GROUP_KEY */
};

#define POLICY_SETTINGS_COUNT 10
extern const struct setting policy_settings[POLICY_SETTINGS_COUNT];

/* What no single row can say (the prefix's form, the group key's `{group}`): 0, or -1 with *error. */
int policy_check(const struct policy *p, struct settings_error *error);
/* Never more than 5/12 of the TTL, so that two beats fit into one (contract section 3). */
int64_t policy_heartbeat_min(const struct policy *p);
/* How far ahead a session's deadline may lie: the TTL, or a drain's grace. */
int64_t policy_longest(const struct policy *p);
/* What a HELLO tells phones: half the TTL, the guide's 30 s of 60 s. */
int64_t policy_heartbeat_interval(const struct policy *p);

#endif
