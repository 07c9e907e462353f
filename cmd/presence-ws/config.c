#include "config.h"

#include "net/listener.h"
#include "net/proxies.h"

#include <stdio.h>
#include <string.h>

#define AT(field) offsetof(struct config, field)
#define HOUR_MS   3600000

static const struct setting rows[] = {
    {.flag = "listen",
     .env = "PRESENCE_WS_LISTEN",
     .type = SETTING_TEXT,
     .offset = AT(listen),
     .fallback = "127.0.0.1:3000,[::1]:3000",
     .choices = "<address>",
     .help = "where to listen: addresses, unix:/path, systemd; separated by commas"},
    {.flag = "reuseport",
     .env = "PRESENCE_REUSEPORT",
     .type = SETTING_BOOL,
     .offset = AT(reuseport),
     .fallback = "false",
     .help = "let several presence-ws of this machine share the port"},
    {.flag = "auth",
     .env = "PRESENCE_AUTH",
     .type = SETTING_CHOICE,
     .offset = AT(auth),
     .fallback = "jwt",
     .choices = "jwt|none",
     .help = "none: the token is the user id; for development, on loopback and unix sockets only"},
    {.flag = "allowed-origins",
     .env = "PRESENCE_ALLOWED_ORIGINS",
     .type = SETTING_TEXT,
     .offset = AT(allowed_origins),
     .help = "origins of browsers that may connect, separated by commas; * for all (default: the Host's own "
             "name)"},
    {.flag = "refresh-on-pong",
     .env = "PRESENCE_REFRESH_ON_PONG",
     .type = SETTING_BOOL,
     .offset = AT(refresh_on_pong),
     .fallback = "false",
     .help =
         "let a pong count as a heartbeat, for old phones that send none; pings go within 3/4 of the TTL"},
    {.flag = "ping-interval",
     .env = "PRESENCE_PING_INTERVAL",
     .type = SETTING_DURATION,
     .offset = AT(ping_interval_ms),
     .fallback = "45s",
     .min = 0,
     .max = HOUR_MS,
     .help = "ping a connection that was silent so long; 0: never"},
    {.flag = "pong-timeout",
     .env = "PRESENCE_PONG_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(pong_timeout_ms),
     .fallback = "10s",
     .min = 10,
     .max = HOUR_MS,
     .help = "give up a connection that answers no ping for so long"},
    {.flag = "stuck-timeout",
     .env = "PRESENCE_STUCK_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(stuck_timeout_ms),
     .fallback = "30s",
     .min = 10,
     .max = HOUR_MS,
     .help = "give up a viewer whose socket takes nothing for so long"},
    {.flag = "head-timeout",
     .env = "PRESENCE_HEAD_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(head_timeout_ms),
     .fallback = "10s",
     .min = 10,
     .max = HOUR_MS,
     .help = "time for a client to send its request"},
    {.flag = "drain-timeout",
     .env = "PRESENCE_DRAIN_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(drain_timeout_ms),
     .fallback = "10s",
     .min = 0,
     .max = HOUR_MS,
     .help = "time for connections to close at a shutdown"},
    {.flag = "batch-window",
     .env = "PRESENCE_BATCH_WINDOW",
     .type = SETTING_DURATION,
     .offset = AT(batch_window_ms),
     .fallback = "20ms",
     .min = 0,
     .max = 10000,
     .help = "changes within this time after one leave together; 0: each at once"},
    {.flag = "ring-size",
     .env = "PRESENCE_RING_SIZE",
     .type = SETTING_SIZE,
     .offset = AT(ring_bytes),
     .fallback = "4m",
     .min = 65536,
     .max = 1 << 30,
     .help =
         "bytes of changes kept for slow viewers and resume, per encoding; one change for each 256 of them"},
    {.flag = "max-connections",
     .env = "PRESENCE_MAX_CONNECTIONS",
     .type = SETTING_INT,
     .offset = AT(max_connections),
     .fallback = "0",
     .min = 0,
     .max = 10000000,
     .help = "connections in all; 0: what the descriptors allow"},
    {.flag = "max-per-user",
     .env = "PRESENCE_MAX_PER_USER",
     .type = SETTING_INT,
     .offset = AT(max_per_user),
     .fallback = "50",
     .min = 0,
     .max = 1000000,
     .help = "connections of one user to this server; 0: any number"},
    {.flag = "max-per-address",
     .env = "PRESENCE_MAX_PER_ADDRESS",
     .type = SETTING_INT,
     .offset = AT(max_per_address),
     .fallback = "0",
     .min = 0,
     .max = 10000000,
     .help = "connections from one address, and as many that have not sent their request; 0: any number"},
    {.flag = "trusted-proxies",
     .env = "PRESENCE_TRUSTED_PROXIES",
     .type = SETTING_TEXT,
     .offset = AT(trusted_proxies),
     .choices = "<address>",
     .repeat = true,
     .help = "proxies whose X-Forwarded-For names the client: addresses, networks as 10.0.0.0/8, unix "
             "(default: none)"},
    {.flag = "max-byte-rate",
     .env = "PRESENCE_MAX_BYTE_RATE",
     .type = SETTING_SIZE,
     .offset = AT(max_byte_rate),
     .fallback = "1m",
     .min = 0,
     .help = "bytes a second of messages that are not presence's; 0: any rate"},
};

static const struct setting_table tables[] = {
    {rows, sizeof(rows) / sizeof(rows[0]), 0, "Server"},
    {key_settings, KEY_SETTINGS_COUNT, AT(keys), "Tokens"},
    {policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
    {log_settings, LOG_SETTINGS_COUNT, AT(log), "Log"},
};

const struct program_info program = {
    .name = "presence-ws",
    .summary = "WebSocket endpoint for phones that heartbeat and dashboards that watch",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
};

static int check_proxies(const struct config *c, struct settings_error *error)
{
    struct span wrong;
    if (proxies_check(c->trusted_proxies, &wrong) == 0)
        return 0;
    snprintf(error->text, sizeof(error->text),
             "PRESENCE_TRUSTED_PROXIES: '%.*s' is no address, no network as 10.0.0.0/8, and not unix",
             wrong.len < 60 ? (int)wrong.len : 60, wrong.data);
    return -1;
}

static int check_auth(const struct config *c, const struct listen_set *set, struct settings_error *error)
{
    if (c->auth == AUTH_NONE) {
        for (size_t i = 0; i < set->count; i++) {
            if (set->loopback[i])
                continue;
            snprintf(
                error->text, sizeof(error->text),
                "PRESENCE_AUTH=none: only on loopback and unix sockets, but %s can be reached from elsewhere",
                set->names[i]);
            return -1;
        }
        return 0;
    }
    struct token_keys *keys;
    bool weak;
    if (key_settings_load(&c->keys, &keys, &weak, error) < 0)
        return -1;
    token_keys_destroy(keys);
    return 0;
}

int config_check(void *config, struct settings_error *error)
{
    struct config *c = config;
    struct listen_set set;
    char text[400];
    if (listen_check(c->listen, &set, text, sizeof(text)) < 0) {
        snprintf(error->text, sizeof(error->text), "PRESENCE_WS_LISTEN: %s", text);
        return -1;
    }
    if (check_proxies(c, error) < 0 || policy_check(&c->policy, error) < 0 ||
        redis_config_resolve(&c->redis, error) < 0)
        return -1;
    return check_auth(c, &set, error);
}
