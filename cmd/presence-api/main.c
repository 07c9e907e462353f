/* SPDX-License-Identifier: MIT */
/* presence-api as a process: what lib/net/daemon.h needs of it. */
#include "base/clock.h"
#include "base/log.h"
#include "counters.h"
#include "net/address.h"
#include "server.h"

#include <stdio.h>
#include <string.h>

#define TICK_MS   50
#define REAP_MS   250
#define IDLE_MS   1000 /* while it drains: who asks nothing for so long on a connection is not about to */
#define SPARE_FDS 64   /* for Redis, listeners, the log, the loop's own */

#define HEADERS_MAX 256 /* connections whose PROXY header has not come */

static void on_settings(const void *config, struct daemon_settings *ret)
{
    const struct config *c = config;
    *ret = (struct daemon_settings){
        .listen = c->listen,
        .listen_name = "PRESENCE_API_LISTEN",
        .reuseport = c->reuseport,
        .times = {.delay_ms = c->drain_delay_ms, .drain_ms = c->drain_timeout_ms},
        .log = &c->log,
    };
}

static void on_listening(void *arg, bool loopback)
{
    if (!loopback)
        access_warn_open(arg);
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    proxy_reader_accept(s->proxy_reader, fd, peer);
}

static void on_client(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    if (s->draining)
        gate_accept(s->gate, fd, peer);
    else
        http_accept(s->http, fd, address_is_local(peer));
}

static void on_exhausted(void *arg)
{
    metric_add(&counters.descriptors_exhausted, 1);
}

static void drain_step(struct server *s, int64_t now_ms)
{
    if (now_ms - s->drain_begun_ms >= IDLE_MS)
        http_shut_idle(s->http, IDLE_MS);
    size_t left = http_connections(s->http);
    if (left > 0 && now_ms < s->drain_until_ms)
        return;
    node_registry_leave(&s->registry, now_ms);
    log_info("stopped", LOG_N("dropped", left));
    loop_timer_stop(s->tick); /* the loop may run on for the last answers */
    loop_stop(s->loop);
}

static void on_tick(void *arg)
{
    struct server *s = arg;
    int64_t now_ms = clock_mono_ms();
    node_tick(s, now_ms);
    if (now_ms >= s->reap_ms) {
        s->reap_ms = now_ms + REAP_MS;
        http_reap(s->http);
    }
    if (s->draining)
        drain_step(s, now_ms);
}

/* A finished answer is better than a refusal: who is connected already is served, once more. */
static void on_drain(void *arg)
{
    struct server *s = arg;
    s->draining = true;
    s->drain_begun_ms = clock_mono_ms();
    s->drain_until_ms = s->drain_begun_ms + s->config.drain_timeout_ms;
    log_info("draining", LOG_N("connections", http_connections(s->http)));
    gate_drain(s->gate);
    http_drain(s->http);
}

static void on_hurry(void *arg)
{
    struct server *s = arg;
    s->drain_until_ms = 0;
}

static int on_reload(void *arg, const void *config, struct settings_report *report,
                     struct settings_error *error)
{
    struct server *s = arg;
    const struct config *fresh = config;
    const struct key_settings *k = &fresh->keys;
    struct token_keys *keys = NULL;
    struct token_warnings warnings = {0};
    bool wanted = s->config.auth == AUTH_JWT || key_settings_given(k);
    if (jwks_fetch_check(k->jwks_url, k->jwks_ca_file, error) < 0)
        return -1;
    if (wanted &&
        key_settings_load(k, jwks_fetch_known(s->access.jwks, k->jwks_url), &keys, &warnings, error) < 0)
        return -1;
    key_settings_warn(&warnings, report);
    token_keys_destroy(s->access.keys);
    s->access.keys = keys;
    jwks_fetch_set(s->access.jwks, k->jwks_url, k->jwks_ca_file);
    return 0;
}

static int on_load(void *arg, struct settings_error *error)
{
    struct server *s = arg;
    struct token_warnings warnings;
    if (!config_wants_keys(&s->config))
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

static void start_fetching_keys(struct server *s)
{
    static const struct jwks_fetch_hooks hooks = {on_jwks_fetched, on_jwks_failed};
    s->access.jwks = jwks_fetch_create(s->loop, &hooks, s);
    jwks_fetch_set(s->access.jwks, s->config.keys.jwks_url, s->config.keys.jwks_ca_file);
}

static int start_http(struct server *s)
{
    struct http_config config = {
        .max_connections = (size_t)s->config.max_connections,
        .request_timeout_ms = s->config.request_timeout_ms,
        .idle_timeout_ms = s->config.idle_timeout_ms,
    };
    if (s->config.policy.enabled) {
        s->questions = questions_create(s->loop, &s->config.redis, s->config.answer_timeout_ms);
        s->walker = walker_create(s->loop, s->questions, &s->store, s->config.policy.group_key);
    }
    s->http = http_create(s->loop, &config, &router_hooks, s);
    return s->http ? 0 : -1;
}

static void start_proxy_reader(struct server *s)
{
    struct proxy_reader_config config = {
        .trusted = s->config.proxy_protocol ? s->config.trusted_proxies : NULL,
        .timeout_ms = s->config.request_timeout_ms,
        .pending_max = HEADERS_MAX,
    };
    static const struct proxy_reader_hooks hooks = {.accepted = on_client, .refused = counters_refused_early};
    s->proxy_reader = proxy_reader_create(s->loop, &config, &hooks, s);
}

static void start_gate(struct server *s)
{
    static const struct gate_hooks hooks = {.serve = health_serve, .refused = health_refused};
    struct gate_config config = {.head_timeout_ms = s->config.request_timeout_ms,
                                 .pending_max = (size_t)s->config.max_connections};
    s->gate = gate_create(s->loop, &config, &hooks, s);
}

static void on_linger(void *arg, int64_t least_ms, int64_t most_ms)
{
    struct server *s = arg;
    gate_linger(s->gate, least_ms, most_ms);
}

static int on_start(void *arg)
{
    struct server *s = arg;
    const struct policy *p = &s->config.policy;
    s->loop = s->daemon.loop;
    memcpy(s->node, s->daemon.node, sizeof(s->node));
    snprintf(s->address, sizeof(s->address), "%s", s->daemon.listen.names[0]);
    s->store = (struct store){.prefix = p->prefix, .db = s->config.redis.db, .log_max = p->log_max};
    view_init(&s->view);
    s->config.max_connections = daemon_bound_connections(
        s->config.max_connections, s->config.proxy_protocol ? SPARE_FDS + HEADERS_MAX : SPARE_FDS);
    if (start_http(s) < 0)
        return -1;
    node_start(s);
    start_proxy_reader(s);
    start_fetching_keys(s);
    start_gate(s);
    s->tick = loop_timer_create(s->loop, on_tick, s);
    loop_timer_start(s->tick, TICK_MS, TICK_MS);
    return 0;
}

static void on_stop(void *arg)
{
    struct server *s = arg;
    gate_destroy(s->gate);
    loop_timer_destroy(s->tick);
    jwks_fetch_destroy(s->access.jwks);
    proxy_reader_destroy(s->proxy_reader);
    node_stop(s);
    questions_destroy(s->questions);
    walker_destroy(s->walker);
    http_destroy(s->http);
    view_finish(&s->view);
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
        .listening = on_listening,
        .accepted = on_accepted,
        .exhausted = on_exhausted,
        .drain = on_drain,
        .hurry = on_hurry,
        .reload = on_reload,
        .describe_keys = on_describe_keys,
        .linger = on_linger,
        .stop = on_stop,
    };
    return daemon_main(&server.daemon, &daemon, &server.config, &server, argc, argv);
}
