#include "config.h"

#include "net/listener.h"
#include "store/sweeper.h"

#include <stdio.h>

#define AT(field) offsetof(struct config, field)

static const struct setting rows[] = {
    {.flag = "listen",
     .env = "PRESENCE_EXPIRYD_LISTEN",
     .type = SETTING_TEXT,
     .offset = AT(listen),
     .fallback = "127.0.0.1:3002,[::1]:3002",
     .choices = "<address>",
     .help = "where to serve health and metrics: addresses, unix:/path, systemd; separated by commas"},
    {.flag = "reuseport",
     .env = "PRESENCE_REUSEPORT",
     .type = SETTING_BOOL,
     .offset = AT(reuseport),
     .fallback = "false",
     .help = "let several presence-expiryd of this machine share the port"},
    {.flag = "sweep-interval",
     .env = "PRESENCE_SWEEP_INTERVAL",
     .type = SETTING_DURATION,
     .offset = AT(sweep_interval_ms),
     .fallback = "50ms",
     .min = 1,
     .max = SWEEPER_GAP_MS / 2,
     .help = "how often passed deadlines are looked for (never less often than ten times a TTL)"},
    {.flag = "keyspace-events",
     .env = "PRESENCE_KEYSPACE_EVENTS",
     .type = SETTING_BOOL,
     .offset = AT(keyspace_events),
     .fallback = "true",
     .help = "let Redis's expired events wake the sweep, and add Ex to notify-keyspace-events for it"},
};

static const struct setting_table tables[] = {
    {rows, sizeof(rows) / sizeof(rows[0]), 0, "Expiry"},
    {policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
    {log_settings, LOG_SETTINGS_COUNT, AT(log), "Log"},
};

const struct program_info program = {
    .name = "presence-expiryd",
    .summary = "Turns missed heartbeats into offline transitions",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
};

int config_check(void *config, struct settings_error *error)
{
    struct config *c = config;
    struct listen_set set;
    char text[400];
    if (listen_check(c->listen, &set, text, sizeof(text)) < 0) {
        snprintf(error->text, sizeof(error->text), "PRESENCE_EXPIRYD_LISTEN: %s", text);
        return -1;
    }
    if (policy_check(&c->policy, error) < 0 || redis_config_resolve(&c->redis, error) < 0)
        return -1;
    return 0;
}

int64_t config_sweep_interval(const struct config *config)
{
    int64_t bound = config->policy.ttl_ms / 10;
    return config->sweep_interval_ms < bound ? config->sweep_interval_ms : bound;
}
