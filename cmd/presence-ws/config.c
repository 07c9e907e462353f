/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "http/host.h"
#include "http/jwks_fetch.h"
#include "http/proxies.h"
#include "net/listener.h"
#include "relay/upstream_list.h"

#include <stdio.h>
#include <string.h>

#define AT(field) offsetof(struct config, field)
#define HOUR_MS   3600000

static const struct setting rows[] = {
    SETTING_TEXT("listen", "PRESENCE_WS_LISTEN", AT(listen), "localhost:3000", "<address>",
                 "where to listen: addresses, unix:/path, systemd; separated by commas; localhost and * mean "
                 "both families, or the one that the machine has"),
    SETTING_BOOL("reuseport", "PRESENCE_REUSEPORT", AT(reuseport), "false",
                 "let several presence-ws of this machine share the port"),
    SETTING_CHOICE("auth", "PRESENCE_AUTH", AT(auth), "jwt", "jwt|none",
                   "none: the token is the user id; for development, on loopback and unix sockets only"),
    SETTING_TEXT("allowed-origins", "PRESENCE_ALLOWED_ORIGINS", AT(allowed_origins), NULL, NULL,
                 "origins of browsers that may connect, separated by commas: https://a.example, "
                 "https://*.a.example, file://, null, app://x; * for all (default: the Host's own name)"),
    SETTING_TEXT("allowed-hosts", "PRESENCE_ALLOWED_HOSTS", AT(allowed_hosts), NULL, NULL,
                 "names by which clients without a token may ask, beside localhost, addresses and the hosts "
                 "of the allowed origins: presence.example, presence.example:3000, *.example; * for all"),
    SETTING_BOOL(
        "refresh-on-pong", "PRESENCE_REFRESH_ON_PONG", AT(refresh_on_pong), "false",
        "let a pong count as a heartbeat, for old phones that send none; pings go within 3/4 of the TTL"),
    SETTING_DURATION("ping-interval", "PRESENCE_PING_INTERVAL", AT(ping_interval_ms), "45s", 0, HOUR_MS,
                     "ping a connection that was silent so long; 0: never"),
    SETTING_DURATION("pong-timeout", "PRESENCE_PONG_TIMEOUT", AT(pong_timeout_ms), "10s", 10, HOUR_MS,
                     "give up a connection that answers no ping for so long"),
    SETTING_DURATION("stuck-timeout", "PRESENCE_STUCK_TIMEOUT", AT(stuck_timeout_ms), "30s", 10, HOUR_MS,
                     "give up a viewer whose socket takes nothing for so long"),
    SETTING_DURATION("head-timeout", "PRESENCE_HEAD_TIMEOUT", AT(head_timeout_ms), "10s", 10, HOUR_MS,
                     "time for a client to send its request"),
    SETTING_DURATION(
        "drain-delay", "PRESENCE_DRAIN_DELAY", AT(drain_delay_ms), "0", 0, HOUR_MS,
        "at a shutdown, serve on for so long while /readyz says draining, for load balancers to notice"),
    SETTING_DURATION("drain-timeout", "PRESENCE_DRAIN_TIMEOUT", AT(drain_timeout_ms), "10s", 0, HOUR_MS,
                     "time for connections to close at a shutdown"),
    SETTING_DURATION(
        "batch-window", "PRESENCE_BATCH_WINDOW", AT(batch_window_ms), "20ms", 0, 10000,
        "changes wait so long for others at most, and for viewers that asked for batches so long "
        "in any case; 0: none waits"),
    SETTING_INT("batch-share", "PRESENCE_BATCH_SHARE", AT(batch_share_percent), "30", 1, 100,
                "percent of a core that sending changes may take before they wait for others"),
    SETTING_SIZE(
        "ring-size", "PRESENCE_RING_SIZE", AT(ring_bytes), "4m", 65536, 1 << 30,
        "bytes of changes kept for slow viewers and resume, per encoding; one change for each 256 of them"),
    SETTING_INT("max-connections", "PRESENCE_MAX_CONNECTIONS", AT(max_connections), "0", 0, 10000000,
                "connections in all; 0: what the descriptors allow"),
    SETTING_INT("max-per-user", "PRESENCE_MAX_PER_USER", AT(max_per_user), "50", 0, 1000000,
                "connections of one user to this server; 0: any number"),
    SETTING_INT("max-connects-per-user", "PRESENCE_MAX_CONNECTS_PER_USER", AT(max_connects_per_user), "60", 0,
                1000000,
                "connects of one user to this server a minute, as many of them at once (at least the "
                "connections of one user); 0: any number"),
    SETTING_INT("max-per-address", "PRESENCE_MAX_PER_ADDRESS", AT(max_per_address), "0", 0, 10000000,
                "connections from one address (IPv6: from its /64), as many that have not sent their "
                "request, and ten times as many connects a minute; 0: any number"),
    SETTING_TEXT("trusted-proxies", "PRESENCE_TRUSTED_PROXIES", AT(trusted_proxies), NULL, "<address>",
                 "proxies whose X-Forwarded-For, Forwarded or PROXY header names the client: addresses, "
                 "networks as 10.0.0.0/8, unix (default: none)",
                 .repeat = true),
    SETTING_BOOL("proxy-protocol", "PRESENCE_PROXY_PROTOCOL", AT(proxy_protocol), "false",
                 "connections from the trusted proxies begin with a header of the PROXY protocol, version 1 "
                 "or 2, that names the client; all others have none"),
    SETTING_SIZE("max-byte-rate", "PRESENCE_MAX_BYTE_RATE", AT(max_byte_rate), "1m", 0, 0,
                 "bytes a second of messages that are not presence's; 0: any rate"),
};

static const struct setting upstream_rows[] = {
    SETTING_TEXT(
        "upstream", "PRESENCE_UPSTREAM", AT(upstream), NULL, "<url>",
        "the push-to-talk server behind this one, which gets all messages but presence's: "
        "ws://host:port, unix:/path; of several, separated by commas, each user has one (default: none)",
        .repeat = true),
    SETTING_TEXT("upstream-roles", "PRESENCE_UPSTREAM_ROLES", AT(upstream_roles), "mobile", NULL,
                 "roles whose clients are passed on, separated by commas: mobile, web, dashboard; the others "
                 "end here"),
    SETTING_DURATION("upstream-timeout", "PRESENCE_UPSTREAM_TIMEOUT", AT(upstream_timeout_ms), "2s", 10,
                     60000, "time for an upstream to answer a handshake, before the client gets 502"),
    SETTING_SIZE("upstream-message-max", "PRESENCE_UPSTREAM_MESSAGE_MAX", AT(upstream_message_max), "16m",
                 1024, 1 << 30, "bytes of a message that is passed on, in either direction"),
};

static const struct setting_table tables[] = {
    {rows, sizeof(rows) / sizeof(rows[0]), 0, "Server"},
    {upstream_rows, sizeof(upstream_rows) / sizeof(upstream_rows[0]), 0, "Upstream"},
    {key_settings, KEY_SETTINGS_COUNT, AT(keys), "Tokens"},
    {policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
    {log_settings, LOG_SETTINGS_COUNT, AT(log), "Log"},
};

static void warn(const void *config, struct settings_report *report)
{
    const struct config *c = config;
    key_settings_warn(&c->key_warnings, report);
    if (c->auth == AUTH_NONE)
        settings_warn(report, "auth_none",
                      "PRESENCE_AUTH=none: every local program may name its user and role");
    if (!c->policy.enabled)
        settings_warn(report, "idle", "PRESENCE_ENABLED=false: clients are held%s, but no presence is kept",
                      c->upstream ? " and passed on" : "");
}

static enum log_level log_level_of(const void *config)
{
    return daemon_log_level(&((const struct config *)config)->log);
}

const struct program_info program = {
    .name = "presence-ws",
    .summary = "WebSocket endpoint for phones that heartbeat and dashboards that watch",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
    .log_level = log_level_of,
    .warn = warn,
};

static int check_auth(struct config *c, const struct listen_set *set, struct settings_error *error)
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
    if (jwks_fetch_check(c->keys.jwks_url, c->keys.jwks_ca_file, error) < 0 ||
        key_settings_load(&c->keys, SPAN_NONE, &keys, &c->key_warnings, error) < 0)
        return -1;
    token_keys_destroy(keys);
    return 0;
}

bool config_has_upstream(const struct config *c, enum role role)
{
    return c->upstream && c->upstream_role_bits & 1u << role;
}

static int check_upstream(struct config *c, struct settings_error *error)
{
    struct span rest = span_of(c->upstream_roles);
    struct upstream_list list;
    char text[400];
    if (upstream_list_parse(c->upstream, &list, text, sizeof(text)) < 0) {
        settings_fail(error, "PRESENCE_UPSTREAM: %s", text);
        return -1;
    }
    upstream_list_finish(&list);
    c->upstream_role_bits = 0;
    while (rest.len > 0) {
        struct span name = span_trim(span_split(&rest, ','));
        enum role role;
        if (role_parse(name, &role) < 0) {
            settings_fail(error, "PRESENCE_UPSTREAM_ROLES: '%.*s' is none of mobile, web, dashboard",
                          name.len < 100 ? (int)name.len : 100, name.data);
            return -1;
        }
        c->upstream_role_bits |= 1u << role;
    }
    return 0;
}

int config_check(void *config, struct settings_error *error)
{
    struct config *c = config;
    struct listen_set set;
    char text[400];
    if (listener_check(c->listen, &set, text, sizeof(text)) < 0) {
        snprintf(error->text, sizeof(error->text), "PRESENCE_WS_LISTEN: %s", text);
        return -1;
    }
    if (host_check_settings(c->allowed_origins, c->allowed_hosts, error->text, sizeof(error->text)) < 0 ||
        proxies_check_settings(c->trusted_proxies, c->proxy_protocol, error) < 0 ||
        check_upstream(c, error) < 0 || policy_settings_check(&c->policy, error) < 0 ||
        redis_config_resolve(&c->redis, error) < 0)
        return -1;
    return check_auth(c, &set, error);
}
