/* SPDX-License-Identifier: MIT */
/* presence-ws as a process: what lib/net/daemon.h needs of it. */
#include "base/log.h"
#include "counters.h"
#include "http/proxy_reader.h"
#include "server.h"

#include <stdio.h>
#include <string.h>

#define PENDING_MAX 4096
#define SPARE_FDS   128 /* for Redis, listeners, the log, connections in the gate */

static void on_settings(const void *config, struct daemon_settings *ret)
{
    const struct config *c = config;
    *ret = (struct daemon_settings){
        .listen = c->listen,
        .listen_name = "PRESENCE_WS_LISTEN",
        .reuseport = c->reuseport,
        .times = {.delay_ms = c->drain_delay_ms, .drain_ms = c->drain_timeout_ms},
        .log = &c->log,
    };
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    proxy_reader_accept(s->access.proxy_reader, fd, peer);
}

static void on_client(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    gate_accept(s->access.gate, fd, peer);
}

static void on_exhausted(void *arg)
{
    metric_add(&counters.descriptors_exhausted, 1);
}

static void on_drain(void *arg)
{
    struct server *s = arg;
    gate_drain(s->access.gate);
    server_drain(s);
}

static void on_hurry(void *arg)
{
    struct server *s = arg;
    server_hurry(s);
}

static int on_reload(void *arg, const void *config, struct settings_report *report,
                     struct settings_error *error)
{
    struct server *s = arg;
    const struct config *fresh = config;
    const struct key_settings *k = &fresh->keys;
    struct token_keys *keys;
    struct token_warnings warnings;
    if (s->config.auth == AUTH_NONE)
        return 0;
    if (jwks_fetch_check(k->jwks_url, k->jwks_ca_file, error) < 0 ||
        key_settings_load(k, jwks_fetch_known(s->access.jwks, k->jwks_url), &keys, &warnings, error) < 0)
        return -1;
    key_settings_warn(&warnings, report);
    gate_set_keys(s->access.gate, keys);
    token_keys_destroy(s->access.keys);
    s->access.keys = keys;
    jwks_fetch_set(s->access.jwks, k->jwks_url, k->jwks_ca_file);
    return 0;
}

static int on_load(void *arg, struct settings_error *error)
{
    struct server *s = arg;
    struct token_warnings warnings;
    if (s->config.auth == AUTH_NONE)
        return 0;
    return key_settings_load(&s->config.keys, SPAN_NONE, &s->access.keys, &warnings, error);
}

static void on_describe_keys(void *arg, struct bytes *out)
{
    const struct server *s = arg;
    token_keys_describe(s->access.keys, out);
}

static void on_jwks_fetched(void *arg, struct public_keys *keys)
{
    struct server *s = arg;
    metric_add(&counters.jwks_fetched, 1);
    token_keys_refresh(s->access.keys, keys);
}

static void on_jwks_failed(void *arg)
{
    metric_add(&counters.jwks_failed, 1);
}

static void on_unknown_key(void *arg)
{
    struct server *s = arg;
    jwks_fetch_unknown_key(s->access.jwks);
}

static void start_fetching_keys(struct server *s)
{
    static const struct jwks_fetch_hooks hooks = {on_jwks_fetched, on_jwks_failed};
    if (s->config.auth == AUTH_NONE)
        return;
    s->access.jwks = jwks_fetch_create(s->loop, &hooks, s);
    jwks_fetch_set(s->access.jwks, s->config.keys.jwks_url, s->config.keys.jwks_ca_file);
}

static void start_gate(struct server *s)
{
    struct gate_config config = {
        .keys = s->access.keys,
        .auth_none = s->config.auth == AUTH_NONE,
        .allowed_origins = s->config.allowed_origins,
        .allowed_hosts = s->config.allowed_hosts,
        .head_timeout_ms = s->config.head_timeout_ms,
        .pending_max = PENDING_MAX,
        .pending_per_address = (size_t)s->config.max_per_address,
        .trusted_proxies = s->config.trusted_proxies,
        .upgrades = true,
        .revoked = server_revoked,
        .revoked_arg = s,
        .unknown_key = on_unknown_key,
        .unknown_key_arg = s,
    };
    static const struct gate_hooks hooks = {
        .admit = server_admit, .upgrade = server_upgrade, .serve = health_serve, .refused = health_refused};
    s->access.gate = gate_create(s->loop, &config, &hooks, s);
}

static void start_proxy_reader(struct server *s)
{
    struct proxy_reader_config config = {
        .trusted = s->config.proxy_protocol ? s->config.trusted_proxies : NULL,
        .timeout_ms = s->config.head_timeout_ms,
        .pending_max = PENDING_MAX,
    };
    static const struct proxy_reader_hooks hooks = {.accepted = on_client, .refused = health_refused_early};
    s->access.proxy_reader = proxy_reader_create(s->loop, &config, &hooks, s);
}

static void on_linger(void *arg, int64_t least_ms, int64_t most_ms)
{
    struct server *s = arg;
    gate_linger(s->access.gate, least_ms, most_ms);
}

static int on_start(void *arg)
{
    struct server *s = arg;
    s->loop = s->daemon.loop;
    memcpy(s->node, s->daemon.node, sizeof(s->node));
    snprintf(s->address, sizeof(s->address), "%s", s->daemon.listen.names[0]);
    if (server_start(s) < 0)
        return -1;
    if (s->config.max_connections == 0)
        s->config.max_connections = daemon_bound_connections(0, SPARE_FDS) / (s->config.upstream ? 2 : 1);
    start_fetching_keys(s);
    start_gate(s);
    start_proxy_reader(s);
    return 0;
}

static void on_stop(void *arg)
{
    struct server *s = arg;
    proxy_reader_destroy(s->access.proxy_reader);
    gate_destroy(s->access.gate);
    jwks_fetch_destroy(s->access.jwks);
    server_stop(s);
    token_keys_destroy(s->access.keys);
}

int main(int argc, char **argv)
{
    static struct server server;
    static const struct daemon_program daemon = {
        .info = &program,
        .config_size = sizeof(struct config),
        .check = config_check,
        .settings = on_settings,
        .loop_turns = &counters.loop_turn,
        .load = on_load,
        .start = on_start,
        .accepted = on_accepted,
        .exhausted = on_exhausted,
        .gathers_connections = true,
        .drain = on_drain,
        .hurry = on_hurry,
        .reload = on_reload,
        .describe_keys = on_describe_keys,
        .linger = on_linger,
        .stop = on_stop,
    };
    return daemon_main(&server.daemon, &daemon, &server.config, &server, argc, argv);
}
