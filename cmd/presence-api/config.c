#include "config.h"

#include "net/listener.h"

#include <stdio.h>

#define AT(field) offsetof(struct config, field)
#define HOUR_MS   3600000

static const struct setting rows[] = {
    {.flag = "listen",
     .env = "PRESENCE_API_LISTEN",
     .type = SETTING_TEXT,
     .offset = AT(listen),
     .fallback = "127.0.0.1:3001,[::1]:3001",
     .choices = "<address>",
     .help = "where to listen: addresses, unix:/path, systemd; separated by commas"},
    {.flag = "reuseport",
     .env = "PRESENCE_REUSEPORT",
     .type = SETTING_BOOL,
     .offset = AT(reuseport),
     .fallback = "false",
     .help = "let several presence-api of this machine share the port"},
    {.flag = "auth",
     .env = "PRESENCE_API_AUTH",
     .type = SETTING_CHOICE,
     .offset = AT(auth),
     .fallback = "auto",
     .choices = "auto|jwt|none",
     .help = "jwt: a Bearer token is required, and its groups bound what is seen; auto: none on loopback and "
             "unix sockets, elsewhere it must be said"},
    {.flag = "allowed-origins",
     .env = "PRESENCE_ALLOWED_ORIGINS",
     .type = SETTING_TEXT,
     .offset = AT(allowed_origins),
     .help =
         "origins of pages that may read answers, separated by commas; * for all (default: the Host's own "
         "name)"},
    {.flag = "threads",
     .env = "PRESENCE_API_THREADS",
     .type = SETTING_INT,
     .offset = AT(threads),
     .fallback = "2",
     .min = 1,
     .max = THREADS_MAX,
     .help = "threads that answer, each with a connection to Redis of its own"},
    {.flag = "answer-timeout",
     .env = "PRESENCE_API_REDIS_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(answer_timeout_ms),
     .fallback = "300ms",
     .min = 10,
     .max = 10000,
     .help = "time for Redis to answer one request; past it all are answered 503 until Redis answers again"},
    {.flag = "request-timeout",
     .env = "PRESENCE_API_REQUEST_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(request_timeout_ms),
     .fallback = "10s",
     .min = 10,
     .max = HOUR_MS,
     .help = "time for a client to send a request's head, its body, and to take the answer, each"},
    {.flag = "idle-timeout",
     .env = "PRESENCE_API_IDLE_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(idle_timeout_ms),
     .fallback = "75s",
     .min = 10,
     .max = HOUR_MS,
     .help = "close a connection without a further request after so long"},
    {.flag = "drain-timeout",
     .env = "PRESENCE_DRAIN_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(drain_timeout_ms),
     .fallback = "10s",
     .min = 0,
     .max = HOUR_MS,
     .help = "time for requests to finish at a shutdown"},
    {.flag = "max-connections",
     .env = "PRESENCE_API_MAX_CONNECTIONS",
     .type = SETTING_INT,
     .offset = AT(max_connections),
     .fallback = "2000",
     .min = 1,
     .max = 1000000,
     .help = "connections in all; beyond, the one that has waited longest for its request gives way"},
};

static const struct setting_table tables[] = {
    {rows, sizeof(rows) / sizeof(rows[0]), 0, "Server"},
    {key_settings, KEY_SETTINGS_COUNT, AT(keys), "Tokens (with PRESENCE_API_AUTH=jwt)"},
    {policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
    {log_settings, LOG_SETTINGS_COUNT, AT(log), "Log"},
};

const struct program_info program = {
    .name = "presence-api",
    .summary = "HTTP: who is online, in bulk; health; the dashboard page",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
};

/* Without a word about it everybody may ask, as long as everybody is on this machine. */
static int settle_auth(struct config *c, const struct listen_set *set, struct settings_error *error)
{
    for (size_t i = 0; c->auth == AUTH_AUTO && i < set->count; i++) {
        if (set->loopback[i])
            continue;
        snprintf(error->text, sizeof(error->text),
                 "PRESENCE_API_AUTH: must be set to jwt or none, since %s can be reached from elsewhere",
                 set->names[i]);
        return -1;
    }
    if (c->auth == AUTH_AUTO)
        c->auth = AUTH_NONE;
    return 0;
}

static int check_keys(const struct config *c, struct settings_error *error)
{
    struct token_keys *keys;
    bool weak;
    if (c->auth != AUTH_JWT)
        return 0;
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
        snprintf(error->text, sizeof(error->text), "PRESENCE_API_LISTEN: %s", text);
        return -1;
    }
    if (policy_check(&c->policy, error) < 0 || redis_config_resolve(&c->redis, error) < 0)
        return -1;
    return settle_auth(c, &set, error) < 0 ? -1 : check_keys(c, error);
}
