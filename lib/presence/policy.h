/* SPDX-License-Identifier: MIT */
/* The numbers that the rules go by, as users set them (the manual pages, PROTOCOL.md and KEYS.md). Their
 * settings are in store/policy_settings.h. */
#ifndef PRESENCE_POLICY_H
#define PRESENCE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct policy {
    bool enabled;               /* PRESENCE_ENABLED */
    int64_t ttl_ms;             /* PRESENCE_TTL: silence after which a user is offline */
    int64_t heartbeat_min_ms;   /* PRESENCE_HEARTBEAT_MIN; policy_heartbeat_min() bounds it */
    int64_t offline_grace_ms;   /* PRESENCE_OFFLINE_GRACE: from a peer's close to the end of its session */
    int64_t abort_grace_ms;     /* PRESENCE_ABORT_GRACE; policy_abort_grace() heeds both */
    int64_t drain_grace_ms;     /* PRESENCE_DRAIN_GRACE */
    int64_t holdback_ms;        /* PRESENCE_HOLDBACK */
    int64_t repair_interval_ms; /* PRESENCE_REPAIR_INTERVAL; 0: never */
    int64_t log_max;            /* PRESENCE_LOG_MAX: transitions kept in presence:log */
    char *prefix;               /* PRESENCE_PREFIX */
    char *group_key;            /* PRESENCE_GROUP_KEY */
};

/* Never more than 5/12 of the TTL, so that two beats fit into one (PROTOCOL.md). */
int64_t policy_heartbeat_min(const struct policy *p);
/* From the end of a connection without a close frame to the end of its session: the longer of the two graces.
 */
int64_t policy_abort_grace(const struct policy *p);
/* What a HELLO tells phones: half the TTL, the guide's 30 s of 60 s. */
int64_t policy_heartbeat_interval(const struct policy *p);

#endif
