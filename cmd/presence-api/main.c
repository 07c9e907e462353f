/* presence-api: start, signals, drain. */
#include "base/clock.h"
#include "base/log.h"
#include "net/notify.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define TICK_MS   50
#define REAP_MS   250
#define SPARE_FDS 64 /* for Redis, listeners, the log, the threads' own */

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct server *s = arg;
    http_accept(s->http, fd);
}

static void on_exhausted(void *arg)
{
    metric_add(&counters.descriptors_exhausted, 1);
    log_warn("descriptors_exhausted");
}

static void drain_step(struct server *s, int64_t now_ms)
{
    size_t left = http_connections(s->http);
    if (left > 0 && now_ms < s->drain_until_ms)
        return;
    asserter_leave(&s->asserter, now_ms);
    log_info("stopped", LOG_N("dropped", left));
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

static void on_stop(void *arg)
{
    struct server *s = arg;
    if (s->draining) {
        s->drain_until_ms = 0;
        return;
    }
    __atomic_store_n(&s->draining, true, __ATOMIC_RELAXED);
    s->drain_until_ms = clock_mono_ms() + s->config.drain_timeout_ms;
    notify_send(NOTIFY_STOPPING);
    log_info("draining", LOG_N("connections", http_connections(s->http)));
    listener_destroy(s->listener);
    s->listener = NULL;
    http_drain(s->http);
}

static void swap_keys(struct server *s, const struct config *fresh)
{
    struct token_keys *keys, *old;
    struct settings_error error;
    bool weak;
    if (s->config.auth != AUTH_JWT)
        return;
    if (key_settings_load(&fresh->keys, &keys, &weak, &error) < 0) {
        log_error("reload_failed", LOG_T("error", error.text));
        return;
    }
    pthread_rwlock_wrlock(&s->keys_lock);
    old = s->keys;
    s->keys = keys;
    pthread_rwlock_unlock(&s->keys_lock);
    token_keys_destroy(old);
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
        swap_keys(s, &fresh);
        log_info("reloaded");
    }
    settings_finish(program.tables, program.table_count, &fresh);
}

static int start_listening(struct server *s)
{
    char error[400];
    if (listen_open(s->config.listen, s->config.reuseport, &s->listen, error, sizeof(error)) < 0) {
        fprintf(stderr, "presence-api: %s\n", error);
        return -1;
    }
    snprintf(s->address, sizeof(s->address), "%s", s->listen.count > 0 ? s->listen.names[0] : "");
    return 0;
}

static int load_keys(struct server *s)
{
    struct settings_error error;
    bool weak = false;
    pthread_rwlock_init(&s->keys_lock, NULL);
    if (s->config.auth != AUTH_JWT)
        return 0;
    if (key_settings_load(&s->config.keys, &s->keys, &weak, &error) < 0) {
        fprintf(stderr, "presence-api: %s\n", error.text);
        return -1;
    }
    if (weak)
        log_warn("weak_secret", LOG_T("hint", "SECRET_KEY is shorter than 32 bytes"));
    return 0;
}

/* As many descriptors as the connections need, or as many connections as there are descriptors. */
static void bound_connections(struct server *s)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)s->config.max_connections + SPARE_FDS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return;
    s->config.max_connections =
        limit.rlim_cur > 2 * SPARE_FDS ? (int64_t)limit.rlim_cur - SPARE_FDS : SPARE_FDS;
    log_warn("few_descriptors", LOG_N("max_connections", s->config.max_connections));
}

/* Signals are the main thread's. */
static int start_threads(struct server *s)
{
    sigset_t all, before;
    unsigned threads = (unsigned)s->config.threads;
    struct http_config config = {
        .threads = threads,
        .max_connections = (size_t)s->config.max_connections,
        .request_timeout_ms = s->config.request_timeout_ms,
        .idle_timeout_ms = s->config.idle_timeout_ms,
    };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (s->config.policy.enabled)
        s->pool = pool_create(&s->config.redis, threads, s->config.answer_timeout_ms);
    s->http = http_create(&config, &router_hooks, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->http ? 0 : -1;
}

static void run(struct server *s)
{
    static const struct listener_hooks hooks = {.accepted = on_accepted, .exhausted = on_exhausted};
    struct daemon_signals signals = {.stop = on_stop, .reload = on_reload, .arg = s};
    s->listener = listener_create(s->loop, &s->listen, &hooks, s);
    daemon_on_signals(s->loop, &signals);
    s->tick = loop_timer_create(s->loop, on_tick, s);
    loop_timer_start(s->tick, TICK_MS, TICK_MS);
    for (size_t i = 0; i < s->listen.count; i++)
        log_info("listening", LOG_T("address", s->listen.names[i]), LOG_T("node", s->node));
    notify_send(NOTIFY_READY);
    loop_run(s->loop);
    listener_destroy(s->listener);
    loop_timer_destroy(s->tick);
}

static int serve(struct server *s)
{
    daemon_node_id(s->node);
    if (load_keys(s) < 0 || start_listening(s) < 0)
        return EXIT_CONFIG;
    const struct policy *p = &s->config.policy;
    s->store = (struct store){.prefix = p->prefix, .db = s->config.redis.db, .log_max = p->log_max};
    s->loop = loop_create();
    view_init(&s->view);
    bound_connections(s);
    int result = start_threads(s);
    if (result == 0) {
        node_start(s);
        run(s);
        node_stop(s);
    }
    http_destroy(s->http);
    pool_destroy(s->pool);
    listen_close(&s->listen);
    loop_destroy(s->loop);
    view_finish(&s->view);
    token_keys_destroy(s->keys);
    return result == 0 ? EXIT_YES : EXIT_INTERNAL;
}

int main(int argc, char **argv)
{
    static struct server server;
    server.argc = argc; /* all of them: a reload reads the flags again */
    server.argv = argv;
    int code = program_start(&program, &argc, argv, &server.config, config_check);
    if (code >= 0)
        return code;
    log_init("presence-api", log_config_level(&server.config.log));
    code = serve(&server);
    program_finish(&program, NULL, &server.config);
    return code;
}
