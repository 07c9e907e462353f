/* SPDX-License-Identifier: MIT */
#include "store/policy_settings.h"

#include "base/utf8.h"
#include "presence/identity.h"

#include <stdio.h>
#include <string.h>

#define HOURS(n)  ((int64_t)(n)*3600 * 1000)
#define AT(field) offsetof(struct policy, field)

const struct setting policy_settings[] = {
    SETTING_BOOL("enabled", "PRESENCE_ENABLED", AT(enabled), "true",
                 "false: accept and hold clients, but keep no presence"),
    SETTING_DURATION("ttl", "PRESENCE_TTL", AT(ttl_ms), "60s", 50, HOURS(24),
                     "silence after which a user is offline"),
    SETTING_DURATION("heartbeat-min", "PRESENCE_HEARTBEAT_MIN", AT(heartbeat_min_ms), "25s", 0, HOURS(24),
                     "heartbeats sooner than this are written when it has passed (at most 5/12 of the TTL); "
                     "0: each at once"),
    SETTING_DURATION("offline-grace", "PRESENCE_OFFLINE_GRACE", AT(offline_grace_ms), "0", 0, HOURS(1),
                     "wait so long after a phone's close before it counts as offline"),
    SETTING_DURATION("abort-grace", "PRESENCE_ABORT_GRACE", AT(abort_grace_ms), "0", 0, HOURS(1),
                     "the same for a connection that ended without a close frame; the longer of both counts"),
    SETTING_DURATION("drain-grace", "PRESENCE_DRAIN_GRACE", AT(drain_grace_ms), "15s", 0, HOURS(1),
                     "at a shutdown, sessions live at least so long for phones to reconnect"),
    SETTING_DURATION("holdback", "PRESENCE_HOLDBACK", AT(holdback_ms), "2s", 0, HOURS(1),
                     "after a silence of Redis, expiries wait so long for servers to assert who lives; for "
                     "silences in a row, five times so long at most"),
    SETTING_DURATION("repair-interval", "PRESENCE_REPAIR_INTERVAL", AT(repair_interval_ms), "30s", 0,
                     HOURS(24), "how often keys of other writers are looked for; 0: never"),
    SETTING_INT("log-max", "PRESENCE_LOG_MAX", AT(log_max), "100000", 100, 100000000,
                "transitions kept in Redis for resume and why"),
    SETTING_TEXT("prefix", "PRESENCE_PREFIX", AT(prefix), "presence:", NULL,
                 "what names of keys and channels begin with"),
    SETTING_TEXT("group-key", "PRESENCE_GROUP_KEY", AT(group_key), "g.{group}.u", NULL,
                 "the Redis set of a group's members; {group} stands for its id"),
};

int policy_settings_check(struct policy *p, struct settings_error *error)
{
    struct span prefix = span_of(p->prefix);
    if (prefix.len == 0 || prefix.len > PREFIX_MAX || !utf8_valid_plain(prefix)) {
        snprintf(error->text, sizeof(error->text),
                 "PRESENCE_PREFIX: 1-%d bytes of UTF-8 without control characters", PREFIX_MAX);
        return -1;
    }
    if (!p->group_key || !strstr(p->group_key, "{group}")) {
        snprintf(error->text, sizeof(error->text), "PRESENCE_GROUP_KEY: must contain {group}");
        return -1;
    }
    p->heartbeat_min_ms = policy_heartbeat_min(p);
    return 0;
}
