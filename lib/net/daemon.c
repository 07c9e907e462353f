/* SPDX-License-Identifier: MIT */
#include "net/daemon.h"

#include "base/mem.h"
#include "base/random.h"
#include "net/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LINGER_MS    500  /* for the last answers */
#define HANDSHAKE_MS 50   /* for handshakes that have begun */
#define SPARE_MS     5000 /* beyond what the settings allow a shutdown */

const struct setting log_settings[] = {
    SETTING_CHOICE("log-level", "LOG_LEVEL", offsetof(struct log_config, level), "info",
                   "error|warn|info|debug", "how much is logged; read again on SIGHUP"),
    SETTING_TEXT(NULL, "DEBUG", offsetof(struct log_config, debug), NULL, NULL,
                 "vp:presence among its names means log level debug"),
};

static bool names_us(struct span name)
{
    return span_equal(name, SPAN("vp:presence")) || span_equal(name, SPAN("vp:*")) ||
           span_equal(name, SPAN("*"));
}

enum log_level daemon_log_level(const struct log_config *config)
{
    const char *at = config->debug ? config->debug : "";
    while (*at) {
        size_t len = strcspn(at, ", ");
        if (names_us((struct span){at, len}))
            return LOG_LEVEL_DEBUG;
        at += len + strspn(at + len, ", ");
    }
    return (enum log_level)config->level;
}

static void tell(const char *state)
{
    if (notify_send(state) < 0)
        log_debug("notify_failed", LOG_T("error", strerror(errno)));
}

static void drain(struct daemon *d)
{
    d->phase = DAEMON_DRAINING;
    loop_timer_stop(d->delay);
    tell("STATUS=Draining: new requests are refused");
    listener_drain(d->listener);
    d->program->drain(d->arg);
}

static void on_delay_over(void *arg)
{
    drain(arg);
}

/* The manager may allow less time than the settings do. */
static void tell_stopping(const struct daemon *d)
{
    char text[160];
    snprintf(text, sizeof(text),
             NOTIFY_STOPPING "\nSTATUS=Not ready any more, still serving\nEXTEND_TIMEOUT_USEC=%" PRId64,
             (d->times.delay_ms + d->times.drain_ms + SPARE_MS) * 1000);
    tell(text);
}

static void leave(struct daemon *d, int signum)
{
    log_info("stopping", LOG_T("signal", signum == SIGTERM ? "TERM" : "INT"),
             LOG_N("drain_delay_ms", d->times.delay_ms));
    d->phase = DAEMON_LEAVING;
    tell_stopping(d);
    if (d->times.delay_ms > 0)
        loop_timer_start(d->delay, d->times.delay_ms, 0);
    else
        drain(d);
}

static void on_stop(void *arg, int signum)
{
    struct daemon *d = arg;
    switch (d->phase) {
    case DAEMON_SERVING: leave(d, signum); break;
    case DAEMON_LEAVING: drain(d); break;
    default: d->program->hurry(d->arg); break;
    }
}

/* The end of a reload that went well: takes the log level, and says what has changed. The texts tell keys, by their
 * names and fingerprints; both empty where there are none. */
static void tell_reloaded(enum log_level level, struct span keys_before, struct span keys)
{
    enum log_level before = log_level();
    bool other_level = level != before, other_keys = !span_equal(keys_before, keys);
    /* The line is to be seen by whoever has seen lines until now, or sees them from now on. */
    log_set_level(level > before ? level : before);
    if (!other_level && !other_keys)
        log_info("reloaded", LOG_T("changed", "nothing"), LOG_T("log_level", log_level_name(level)),
                 LOG_S("keys", keys));
    else
        log_info("reloaded",
                 LOG_T("changed", !other_keys   ? "log level"
                                  : other_level ? "keys, log level"
                                                : "keys"),
                 LOG_T("log_level_before", log_level_name(before)), LOG_T("log_level", log_level_name(level)),
                 LOG_S("keys_before", keys_before), LOG_S("keys", keys));
    log_set_level(level);
}

/* Reads the settings again, and says in the log how that went. */
static void reload(struct daemon *d)
{
    const struct daemon_program *p = d->program;
    struct settings_error error;
    struct settings_report report = {0};
    struct daemon_settings settings = {0};
    mem_auto void *fresh = mem_zalloc(p->config_size);
    bytes_auto before = BYTES_INIT, keys = BYTES_INIT;
    int argc = d->argc;
    if (p->describe_keys)
        p->describe_keys(d->arg, &before);
    if (settings_load_report(p->info->tables, p->info->table_count, &argc, d->argv, fresh, &error, NULL,
                             &report) != SETTINGS_OK ||
        (p->reload && p->reload(d->arg, fresh, &report, &error) < 0)) {
        log_error("reload_failed", LOG_T("error", error.text));
    } else {
        if (p->describe_keys)
            p->describe_keys(d->arg, &keys);
        p->settings(fresh, &settings);
        tell_reloaded(daemon_log_level(settings.log), bytes_span(&before), bytes_span(&keys));
    }
    program_log_warnings(&report);
    settings_report_finish(&report);
    settings_finish(p->info->tables, p->info->table_count, fresh);
}

static void on_reload(void *arg, int signum)
{
    struct daemon *d = arg;
    if (!daemon_leaving(d))
        notify_reloading();
    reload(d);
    if (!daemon_leaving(d))
        tell(NOTIFY_READY);
}

static void on_watchdog(void *arg)
{
    tell(NOTIFY_WATCHDOG);
}

/* SIGTERM, SIGINT and SIGHUP are handled from now on. */
static void handle_signals(struct daemon *d)
{
    d->delay = loop_timer_create(d->loop, on_delay_over, d);
    d->watchdog = loop_timer_create(d->loop, on_watchdog, d);
    loop_on_signal(d->loop, SIGTERM, on_stop, d);
    loop_on_signal(d->loop, SIGINT, on_stop, d);
    loop_on_signal(d->loop, SIGHUP, on_reload, d);
}

/* It listens: tells the process manager, and keeps its watchdog quiet as long as the loop turns. */
static void tell_ready(struct daemon *d)
{
    int64_t interval_ms = notify_watchdog_ms();
    tell(NOTIFY_READY "\nSTATUS=Serving");
    if (interval_ms > 0)
        loop_timer_start(d->watchdog, interval_ms / 2, interval_ms / 2);
}

/* Whoever has connected is let in to be answered, the sockets are closed, and there is half a second for the
 * answers. */
static void stop_listening(struct daemon *d)
{
    listener_unlink(&d->listen);
    listener_shut(d->listener);
    d->program->linger(d->arg, HANDSHAKE_MS, HANDSHAKE_MS);
    listener_empty(d->listener);
    listener_destroy(d->listener);
    listener_close_socket(&d->listen);
    d->program->linger(d->arg, 0, LINGER_MS);
}

int64_t daemon_bound_connections(int64_t wanted, int64_t spare)
{
    struct rlimit limit;
    rlim_t reserve = (rlim_t)spare, needed = (rlim_t)wanted + reserve;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    if (wanted > 0 && limit.rlim_cur < needed) {
        limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (wanted > 0 && limit.rlim_cur >= needed)
        return wanted;
    int64_t bound = (int64_t)(limit.rlim_cur > 2 * reserve ? limit.rlim_cur - reserve : reserve);
    if (wanted > 0)
        log_warn("few_descriptors", LOG_N("max_connections", bound));
    return bound;
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct daemon *d = arg;
    d->program->accepted(d->arg, fd, peer);
}

static void on_exhausted(void *arg)
{
    struct daemon *d = arg;
    log_warn("descriptors_exhausted");
    if (d->program->exhausted)
        d->program->exhausted(d->arg);
}

/* From the first socket to the last answer; the exit code. */
static int serve(struct daemon *d)
{
    const struct daemon_program *p = d->program;
    struct listener_hooks listener_hooks = {
        .accepted = on_accepted, .exhausted = on_exhausted, .gathers = p->gathers_connections};
    struct daemon_settings settings = {0};
    struct settings_error error;
    random_hex(d->node, DAEMON_NODE_ID_SIZE - 1);
    if (p->load && p->load(d->arg, &error) < 0) {
        fprintf(stderr, "%s: %s\n", p->info->name, error.text);
        return EXIT_CONFIG;
    }
    p->settings(d->config, &settings);
    if (listener_open(settings.listen, settings.reuseport, &d->listen, error.text, sizeof(error.text)) < 0) {
        fprintf(stderr, "%s: %s; --listen or %s names another address\n", p->info->name, error.text,
                settings.listen_name);
        return EXIT_CONFIG;
    }
    d->loop = loop_create();
    if (d->loop)
        loop_measure_turns(d->loop, p->loop_turns);
    if (!d->loop || p->start(d->arg) < 0) {
        listener_close_socket(&d->listen);
        return EXIT_INTERNAL;
    }
    d->listener = listener_create(d->loop, &d->listen, &listener_hooks, d);
    d->times = settings.times;
    handle_signals(d);
    for (size_t i = 0; i < d->listen.count; i++) {
        log_info("listening", LOG_T("address", d->listen.names[i]), LOG_T("node", d->node));
        if (p->listening)
            p->listening(d->arg, d->listen.loopback[i]);
    }
    tell_ready(d);
    loop_run(d->loop);
    stop_listening(d);
    p->stop(d->arg);
    loop_timer_destroy(d->delay);
    loop_timer_destroy(d->watchdog);
    loop_destroy(d->loop);
    return EXIT_YES;
}

int daemon_main(struct daemon *d, const struct daemon_program *program, void *config, void *arg, int argc,
                char **argv)
{
    d->program = program;
    d->arg = arg;
    d->config = config;
    d->argc = argc;
    d->argv = argv;
    d->phase = DAEMON_SERVING;
    int code = program_start(program->info, &argc, argv, config, program->check);
    if (code >= 0)
        return code;
    code = serve(d);
    program_finish(program->info, NULL, config);
    return code;
}
