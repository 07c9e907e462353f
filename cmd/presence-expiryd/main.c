/* presence-expiryd as a process: its start, its listeners, its signals. */
#include "base/log.h"
#include "net/notify.h"
#include "server.h"

#include <stdio.h>

#define HEAD_TIMEOUT_MS 10000
#define PENDING_MAX     64

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    gate_accept(s->gate, fd, peer);
}

static void on_exhausted(void *arg)
{
    log_warn("descriptors_exhausted");
}

static void on_stop(void *arg)
{
    struct server *s = arg;
    if (s->stopping) {
        loop_stop(s->loop);
        return;
    }
    notify_send(NOTIFY_STOPPING);
    serving_leave(s);
}

static void on_reload(void *arg)
{
    struct server *s = arg;
    struct config fresh = {0};
    struct settings_error error;
    int argc = s->argc;
    if (settings_load(program.tables, program.table_count, &argc, s->argv, &fresh, &error, NULL) !=
        SETTINGS_OK) {
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
    if (listen_open(s->config.listen, s->config.reuseport, &s->listen, error, sizeof(error)) == 0)
        return 0;
    fprintf(stderr, "presence-expiryd: %s\n", error);
    return -1;
}

static void start_gate(struct server *s)
{
    struct gate_config config = {.head_timeout_ms = HEAD_TIMEOUT_MS, .pending_max = PENDING_MAX};
    static const struct gate_hooks hooks = {.serve = health_serve};
    s->gate = gate_create(s->loop, &config, &hooks, s);
}

static void run(struct server *s)
{
    static const struct listener_hooks listener_hooks = {.accepted = on_accepted, .exhausted = on_exhausted};
    struct daemon_signals signals = {.stop = on_stop, .reload = on_reload, .arg = s};
    daemon_on_signals(s->loop, &signals);
    s->listener = listener_create(s->loop, &s->listen, &listener_hooks, s);
    for (size_t i = 0; i < s->listen.count; i++)
        log_info("listening", LOG_T("address", s->listen.names[i]), LOG_T("node", s->node));
    if (!s->config.policy.enabled)
        log_warn("idle", LOG_T("hint", "PRESENCE_ENABLED=false: nobody is marked offline by silence"));
    notify_send(NOTIFY_READY);
    loop_run(s->loop);
    listener_destroy(s->listener);
    log_info("stopped");
}

static int serve(struct server *s)
{
    daemon_node_id(s->node);
    if (start_listening(s) < 0)
        return EXIT_CONFIG;
    s->loop = loop_create();
    if (!s->loop)
        return EXIT_INTERNAL;
    start_gate(s);
    serving_start(s);
    run(s);
    serving_stop(s);
    gate_destroy(s->gate);
    listen_close(&s->listen);
    loop_destroy(s->loop);
    return EXIT_YES;
}

int main(int argc, char **argv)
{
    static struct server server;
    server.argc = argc; /* program_start leaves only what is no flag in argc */
    server.argv = argv;
    int code = program_start(&program, &argc, argv, &server.config, config_check);
    if (code >= 0)
        return code;
    log_init("presence-expiryd", log_config_level(&server.config.log));
    code = serve(&server);
    program_finish(&program, NULL, &server.config);
    return code;
}
