#include "presence/policy.h"

#include "presence/identity.h"

#include <stdio.h>
#include <string.h>

#define PREFIX_MAX 64
#define HOURS(n)   ((int64_t)(n)*3600 * 1000)
#define AT(field)  offsetof(struct policy, field)

const struct setting policy_settings[] = {
    {.flag = "enabled",
     .env = "PRESENCE_ENABLED",
     .type = SETTING_BOOL,
     .offset = AT(enabled),
     .fallback = "true",
     .help = "false: accept and hold clients, but keep no presence"},
    {.flag = "ttl",
     .env = "PRESENCE_TTL",
     .type = SETTING_DURATION,
     .offset = AT(ttl_ms),
     .fallback = "60s",
     .min = 50,
     .max = HOURS(24),
     .help = "silence after which a user is offline"},
    {.flag = "heartbeat-min",
     .env = "PRESENCE_HEARTBEAT_MIN",
     .type = SETTING_DURATION,
     .offset = AT(heartbeat_min_ms),
     .fallback = "25s",
     .min = 0,
     .max = HOURS(24),
     .help = "heartbeats sooner than this are written when it has passed (at most 5/12 of the TTL); 0: each "
             "at once"},
    {.flag = "offline-grace",
     .env = "PRESENCE_OFFLINE_GRACE",
     .type = SETTING_DURATION,
     .offset = AT(offline_grace_ms),
     .fallback = "0",
     .min = 0,
     .max = HOURS(1),
     .help = "wait so long after a phone's close before it counts as offline"},
    {.flag = "drain-grace",
     .env = "PRESENCE_DRAIN_GRACE",
     .type = SETTING_DURATION,
     .offset = AT(drain_grace_ms),
     .fallback = "15s",
     .min = 0,
     .max = HOURS(1),
     .help = "at a shutdown, sessions live at least so long for phones to reconnect"},
    {.flag = "holdback",
     .env = "PRESENCE_HOLDBACK",
     .type = SETTING_DURATION,
     .offset = AT(holdback_ms),
     .fallback = "2s",
     .min = 0,
     .max = HOURS(1),
     .help = "after a silence of Redis, expiries wait so long for servers to assert who lives"},
    {.flag = "repair-interval",
     .env = "PRESENCE_REPAIR_INTERVAL",
     .type = SETTING_DURATION,
     .offset = AT(repair_interval_ms),
     .fallback = "30s",
     .min = 0,
     .max = HOURS(24),
     .help = "how often keys of other writers are looked for; 0: never"},
    {.flag = "log-max",
     .env = "PRESENCE_LOG_MAX",
     .type = SETTING_INT,
     .offset = AT(log_max),
     .fallback = "100000",
     .min = 100,
     .max = 100000000,
     .help = "transitions kept in Redis for resume and why"},
    {.flag = "prefix",
     .env = "PRESENCE_PREFIX",
     .type = SETTING_TEXT,
     .offset = AT(prefix),
     .fallback = "presence:",
     .help = "what names of keys and channels begin with"},
    {.flag = "group-key",
     .env = "PRESENCE_GROUP_KEY",
     .type = SETTING_TEXT,
     .offset = AT(group_key),
     .fallback = "g.{group}.u",
     .help = "the Redis set of a group's members; {group} stands for its id"},
};

int policy_check(const struct policy *p, struct settings_error *error)
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
    return 0;
}

int64_t policy_heartbeat_min(const struct policy *p)
{
    int64_t bound = p->ttl_ms * 5 / 12;
    return p->heartbeat_min_ms < bound ? p->heartbeat_min_ms : bound;
}

int64_t policy_heartbeat_interval(const struct policy *p)
{
    return p->ttl_ms / 2;
}

int64_t policy_longest(const struct policy *p)
{
    return p->ttl_ms > p->drain_grace_ms ? p->ttl_ms : p->drain_grace_ms;
}
