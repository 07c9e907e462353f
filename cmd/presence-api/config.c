/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "http/host.h"
#include "http/jwks_fetch.h"
#include "http/proxies.h"
#include "net/listener.h"

#include <stdio.h>

#define AT(field) offsetof(struct config, field)
#define HOUR_MS   3600000

static const struct setting rows[] = {
    SETTING_TEXT("listen", "PRESENCE_API_LISTEN", AT(listen), "localhost:3001", "<address>",
                 "where to listen: addresses, unix:/path, systemd; separated by commas; localhost and * mean "
                 "both families, or the one that the machine has"),
    SETTING_BOOL("reuseport", "PRESENCE_REUSEPORT", AT(reuseport), "false",
                 "let several presence-api of this machine share the port"),
    SETTING_CHOICE(
        "auth", "PRESENCE_API_AUTH", AT(auth), "auto", "auto|jwt|none",
        "jwt: a Bearer token is required, and its groups bound what is seen; none: nobody needs one; auto: "
        "none for this machine, on loopback and unix sockets; what a proxy forwards without a token may ask "
        "for the status of users by their ids, and gets 401 for all else; elsewhere it must be said"),
    SETTING_TEXT(
        "allowed-origins", "PRESENCE_ALLOWED_ORIGINS", AT(allowed_origins), NULL, NULL,
        "origins of pages that may read answers, separated by commas: https://a.example, "
        "https://*.a.example, file://, null, app://x; * for all (default: the Host's own name and port)"),
    SETTING_TEXT("allowed-hosts", "PRESENCE_ALLOWED_HOSTS", AT(allowed_hosts), NULL, NULL,
                 "names by which clients without a token may ask, beside localhost, addresses and the hosts "
                 "of the allowed origins: presence.example, presence.example:3001, *.example; * for all"),
    SETTING_INT(
        "threads", "PRESENCE_API_THREADS", AT(threads), "1", 1, 64,
        "more than 1 is accepted with a warning, and without effect: one thread answers; for more, run "
        "several processes with --reuseport"),
    SETTING_DURATION(
        "answer-timeout", "PRESENCE_API_REDIS_TIMEOUT", AT(answer_timeout_ms), "300ms", 10, 10000,
        "time for Redis to answer one request; past it all are answered 503 until Redis answers again"),
    SETTING_DURATION("request-timeout", "PRESENCE_API_REQUEST_TIMEOUT", AT(request_timeout_ms), "10s", 10,
                     HOUR_MS,
                     "time for a client to send a request's head, its body, and to take the answer, each"),
    SETTING_DURATION("idle-timeout", "PRESENCE_API_IDLE_TIMEOUT", AT(idle_timeout_ms), "75s", 10, HOUR_MS,
                     "close a connection without a further request after so long"),
    SETTING_DURATION(
        "drain-delay", "PRESENCE_DRAIN_DELAY", AT(drain_delay_ms), "0", 0, HOUR_MS,
        "at a shutdown, serve on for so long while /readyz says draining, for load balancers to notice"),
    SETTING_DURATION("drain-timeout", "PRESENCE_DRAIN_TIMEOUT", AT(drain_timeout_ms), "10s", 0, HOUR_MS,
                     "time for requests to finish at a shutdown"),
    SETTING_TEXT("trusted-proxies", "PRESENCE_TRUSTED_PROXIES", AT(trusted_proxies), NULL, "<address>",
                 "proxies that send PROXY headers: addresses, networks as 10.0.0.0/8, unix (default: none)",
                 .repeat = true),
    SETTING_BOOL("proxy-protocol", "PRESENCE_PROXY_PROTOCOL", AT(proxy_protocol), "false",
                 "connections from the trusted proxies begin with a header of the PROXY protocol, version 1 "
                 "or 2; all others have none"),
    SETTING_INT("max-connections", "PRESENCE_API_MAX_CONNECTIONS", AT(max_connections), "2000", 1, 1000000,
                "connections in all; beyond, the one that has waited longest for its request gives way"),
};

static const struct setting_table tables[] = {
    {rows, sizeof(rows) / sizeof(rows[0]), 0, "Server"},
    {key_settings, KEY_SETTINGS_COUNT, AT(keys), "Tokens"},
    {policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
    {log_settings, LOG_SETTINGS_COUNT, AT(log), "Log"},
};

static void warn(const void *config, struct settings_report *report)
{
    const struct config *c = config;
    key_settings_warn(&c->key_warnings, report);
    if (c->threads > 1)
        settings_warn(
            report, "setting_without_effect",
            "PRESENCE_API_THREADS (--threads): one thread answers; for more, run several processes with "
            "--reuseport");
}

static enum log_level log_level_of(const void *config)
{
    return daemon_log_level(&((const struct config *)config)->log);
}

const struct program_info program = {
    .name = "presence-api",
    .summary = "HTTP: who is online, in bulk; health; the dashboard page",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
    .log_level = log_level_of,
    .warn = warn,
};

/* Without a word about it everybody may ask, as long as everybody is on this machine. */
static int check_auth(const struct config *c, const struct listen_set *set, struct settings_error *error)
{
    if (c->auth == AUTH_AUTO && c->proxy_protocol) {
        snprintf(error->text, sizeof(error->text),
                 "PRESENCE_API_AUTH: must be set to jwt or none, since with PRESENCE_PROXY_PROTOCOL=on "
                 "others come through the proxies");
        return -1;
    }
    for (size_t i = 0; c->auth == AUTH_AUTO && i < set->count; i++) {
        if (set->loopback[i])
            continue;
        snprintf(error->text, sizeof(error->text),
                 "PRESENCE_API_AUTH: must be set to jwt or none, since %s can be reached from elsewhere",
                 set->names[i]);
        return -1;
    }
    return 0;
}

bool config_wants_keys(const struct config *c)
{
    return c->auth == AUTH_JWT || key_settings_given(&c->keys);
}

static int check_keys(struct config *c, struct settings_error *error)
{
    struct token_keys *keys;
    if (!config_wants_keys(c))
        return 0;
    if (jwks_fetch_check(c->keys.jwks_url, c->keys.jwks_ca_file, error) < 0 ||
        key_settings_load(&c->keys, SPAN_NONE, &keys, &c->key_warnings, error) < 0)
        return -1;
    token_keys_destroy(keys);
    return 0;
}

int config_check(void *config, struct settings_error *error)
{
    struct config *c = config;
    struct listen_set set;
    char text[400];
    if (listener_check(c->listen, &set, text, sizeof(text)) < 0) {
        snprintf(error->text, sizeof(error->text), "PRESENCE_API_LISTEN: %s", text);
        return -1;
    }
    if (host_check_settings(c->allowed_origins, c->allowed_hosts, error->text, sizeof(error->text)) < 0 ||
        proxies_check_settings(c->trusted_proxies, c->proxy_protocol, error) < 0 ||
        policy_settings_check(&c->policy, error) < 0 || redis_config_resolve(&c->redis, error) < 0)
        return -1;
    return check_auth(c, &set, error) < 0 ? -1 : check_keys(c, error);
}
