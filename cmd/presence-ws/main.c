/* presence-ws as a process: its start, its listeners, its signals. */
#include "base/clock.h"
#include "base/log.h"
#include "counters.h"
#include "net/notify.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PENDING_MAX 4096
#define SPARE_FDS   128 /* for Redis, listeners, the log, connections in the gate */

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    gate_accept(s->gate, fd, peer);
}

static void on_exhausted(void *arg)
{
    metric_add(&counters.descriptors_exhausted, 1);
    log_warn("descriptors_exhausted");
}

static void on_stop(void *arg)
{
    struct server *s = arg;
    if (s->draining) {
        s->drain_until_ms = 0;
        return;
    }
    notify_send(NOTIFY_STOPPING);
    listener_destroy(s->listener);
    s->listener = NULL;
    serving_drain(s);
}

static void warn_weak(bool weak)
{
    if (weak)
        log_warn("weak_secret", LOG_T("hint", "SECRET_KEY is shorter than 32 bytes"));
}

static int swap_keys(struct server *s, const struct config *fresh, struct settings_error *error)
{
    struct token_keys *keys;
    bool weak;
    if (s->config.auth == AUTH_NONE)
        return 0;
    if (key_settings_load(&fresh->keys, &keys, &weak, error) < 0)
        return -1;
    warn_weak(weak);
    gate_set_keys(s->gate, keys);
    token_keys_destroy(s->keys);
    s->keys = keys;
    return 0;
}

static void on_reload(void *arg)
{
    struct server *s = arg;
    struct config fresh = {0};
    struct settings_error error;
    int argc = s->argc;
    if (settings_load(program.tables, program.table_count, &argc, s->argv, &fresh, &error, NULL) !=
            SETTINGS_OK ||
        swap_keys(s, &fresh, &error) < 0) {
        log_error("reload_failed", LOG_T("error", error.text));
    } else {
        log_set_level(log_config_level(&fresh.log));
        log_info("reloaded");
    }
    settings_finish(program.tables, program.table_count, &fresh);
}

static int start_listening(struct server *s)
{
    char error[400];
    if (listen_open(s->config.listen, s->config.reuseport, &s->listen, error, sizeof(error)) < 0) {
        fprintf(stderr, "presence-ws: %s\n", error);
        return -1;
    }
    snprintf(s->address, sizeof(s->address), "%s", s->listen.count > 0 ? s->listen.names[0] : "");
    return 0;
}

static int load_keys(struct server *s)
{
    struct settings_error error;
    bool weak = false;
    if (s->config.auth == AUTH_NONE)
        return 0;
    if (key_settings_load(&s->config.keys, &s->keys, &weak, &error) < 0) {
        fprintf(stderr, "presence-ws: %s\n", error.text);
        return -1;
    }
    warn_weak(weak);
    return 0;
}

static void start_gate(struct server *s)
{
    struct gate_config config = {
        .keys = s->keys,
        .auth_none = s->config.auth == AUTH_NONE,
        .allowed_origins = s->config.allowed_origins,
        .head_timeout_ms = s->config.head_timeout_ms,
        .pending_max = PENDING_MAX,
        .pending_per_address = (size_t)s->config.max_per_address,
        .trusted_proxies = s->config.trusted_proxies,
        .upgrades = true,
        .revoked = client_revoked,
        .revoked_arg = s,
    };
    static const struct gate_hooks hooks = {
        .admit = client_admit, .upgrade = serving_upgrade, .serve = health_serve, .refused = health_refused};
    s->gate = gate_create(s->loop, &config, &hooks, s);
}

static void bound_connections(struct server *s)
{
    struct rlimit limit;
    if (s->config.max_connections > 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    s->config.max_connections =
        limit.rlim_cur > 2 * SPARE_FDS ? (int64_t)limit.rlim_cur - SPARE_FDS : SPARE_FDS;
}

static void run(struct server *s)
{
    static const struct listener_hooks listener_hooks = {.accepted = on_accepted, .exhausted = on_exhausted};
    struct daemon_signals signals = {.stop = on_stop, .reload = on_reload, .arg = s};
    s->listener = listener_create(s->loop, &s->listen, &listener_hooks, s);
    daemon_on_signals(s->loop, &signals);
    for (size_t i = 0; i < s->listen.count; i++)
        log_info("listening", LOG_T("address", s->listen.names[i]), LOG_T("node", s->node));
    notify_send(NOTIFY_READY);
    loop_run(s->loop);
    listener_destroy(s->listener);
}

static int serve(struct server *s)
{
    daemon_node_id(s->node);
    if (load_keys(s) < 0 || start_listening(s) < 0)
        return EXIT_CONFIG;
    s->loop = loop_create();
    if (serving_start(s) < 0)
        return EXIT_INTERNAL;
    bound_connections(s);
    start_gate(s);
    run(s);
    gate_destroy(s->gate);
    serving_stop(s);
    listen_close(&s->listen);
    loop_destroy(s->loop);
    token_keys_destroy(s->keys);
    return EXIT_YES;
}

int main(int argc, char **argv)
{
    static struct server server;
    server.argc = argc; /* all of them: a reload reads the flags again */
    server.argv = argv;
    int code = program_start(&program, &argc, argv, &server.config, config_check);
    if (code >= 0)
        return code;
    log_init("presence-ws", log_config_level(&server.config.log));
    code = serve(&server);
    program_finish(&program, NULL, &server.config);
    return code;
}
