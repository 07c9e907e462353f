/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "net/listener.h"
#include "store/sweeper.h"

#include <stdio.h>

#define AT(field) offsetof(struct expiryd_config, field)

static const struct setting rows[] = {
    SETTING_TEXT("listen", "PRESENCE_EXPIRYD_LISTEN", AT(listen), "localhost:3002", "<address>",
                 "where to serve health and metrics: addresses, unix:/path, systemd; separated by commas; "
                 "localhost and * mean both families, or the one that the machine has"),
    SETTING_BOOL("reuseport", "PRESENCE_REUSEPORT", AT(reuseport), "false",
                 "let several presence-expiryd of this machine share the port"),
    SETTING_DURATION("sweep-interval", "PRESENCE_SWEEP_INTERVAL", AT(sweep_interval_ms), "250ms", 1,
                     SWEEPER_GAP_MS / 2,
                     "how often at least deadlines are looked for; each is handled when it passes (ten times "
                     "a TTL at least)"),
    SETTING_BOOL("keyspace-events", "PRESENCE_KEYSPACE_EVENTS", AT(keyspace_events), "true",
                 "let Redis's expired events wake the sweep, and add Ex to notify-keyspace-events for it"),
    SETTING_DURATION(
        "drain-delay", "PRESENCE_DRAIN_DELAY", AT(drain_delay_ms), "0", 0, 3600 * 1000,
        "at a shutdown, serve on for so long while /readyz says draining, for load balancers to notice"),
};

static const struct setting_table tables[] = {
    {rows, sizeof(rows) / sizeof(rows[0]), 0, "Expiry"},
    {policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
    {log_settings, LOG_SETTINGS_COUNT, AT(log), "Log"},
};

static enum log_level log_level_of(const void *config)
{
    return daemon_log_level(&((const struct expiryd_config *)config)->log);
}

static void warn(const void *config, struct settings_report *report)
{
    const struct expiryd_config *c = config;
    if (!c->policy.enabled)
        settings_warn(report, "idle", "PRESENCE_ENABLED=false: nobody is marked offline by silence");
}

const struct program_info expiryd_program = {
    .name = "presence-expiryd",
    .summary = "Turns missed heartbeats into offline transitions",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
    .log_level = log_level_of,
    .warn = warn,
};

int expiryd_config_check(void *config, struct settings_error *error)
{
    struct expiryd_config *c = config;
    struct listen_set set;
    char text[400];
    if (listener_check(c->listen, &set, text, sizeof(text)) < 0) {
        snprintf(error->text, sizeof(error->text), "PRESENCE_EXPIRYD_LISTEN: %s", text);
        return -1;
    }
    if (policy_settings_check(&c->policy, error) < 0 || redis_config_resolve(&c->redis, error) < 0)
        return -1;
    if (c->sweep_interval_ms > c->policy.ttl_ms / 10)
        c->sweep_interval_ms = c->policy.ttl_ms / 10;
    return 0;
}
