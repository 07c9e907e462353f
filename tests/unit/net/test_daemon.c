/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/daemon.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_debug_names(void **state)
{
    static const struct {
        const char *debug;
        int level;
        enum log_level expected;
    } cases[] = {
        {NULL, LOG_LEVEL_WARN, LOG_LEVEL_WARN},
        {"", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
        {"vp:presence", LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG},
        {"express:*,vp:presence", LOG_LEVEL_INFO, LOG_LEVEL_DEBUG},
        {"express:* vp:*", LOG_LEVEL_INFO, LOG_LEVEL_DEBUG},
        {" , *", LOG_LEVEL_INFO, LOG_LEVEL_DEBUG},
        {"vp:presences", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
        {"-vp:presence", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
        {"1", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log_config config = {.level = cases[i].level, .debug = (char *)cases[i].debug};
        assert_int_equal(daemon_log_level(&config), cases[i].expected);
    }
}

struct config {
    struct log_config log;
    char *listen;
    int64_t drain_delay_ms;
};

/* A program whose timer sends it signals, one after the other. */
struct heard {
    struct daemon daemon;
    struct config config;
    struct loop_timer *timer;
    const int *signals;
    int log_fd;               /* the log goes there from the start on; 0: to stderr */
    const char *level;        /* LOG_LEVEL from the start on; NULL: as before */
    const char *keys, *fresh; /* what the keys are called, and will be after a reload */
    const char *fails;        /* "load", "start", "reload": which hook does */
    char steps[16];
};

static void step(struct heard *h, const char *name)
{
    strcat(h->steps, name);
}

static bool fails(const struct heard *h, const char *hook)
{
    return h->fails && !strcmp(h->fails, hook);
}

static void on_settings(const void *config, struct daemon_settings *ret)
{
    const struct config *c = config;
    *ret = (struct daemon_settings){
        .listen = c->listen,
        .listen_name = "PRESENCE_WS_LISTEN",
        .times = {.delay_ms = c->drain_delay_ms},
        .log = &c->log,
    };
}

static int on_load(void *arg, struct settings_error *error)
{
    const struct heard *h = arg;
    if (!fails(h, "load"))
        return 0;
    settings_fail(error, "nothing to load");
    return -1;
}

static void send_next(void *arg)
{
    struct heard *h = arg;
    if (*h->signals != 0)
        raise(*h->signals++);
}

static int on_start(void *arg)
{
    struct heard *h = arg;
    assert_false(daemon_leaving(&h->daemon));
    assert_int_equal(strspn(h->daemon.node, "0123456789abcdef"), 8);
    assert_string_not_equal(h->daemon.listen.names[0], "");
    if (h->log_fd)
        log_set_fd(h->log_fd);
    if (h->level)
        setenv("LOG_LEVEL", h->level, 1);
    if (fails(h, "start"))
        return -1;
    h->timer = loop_timer_create(h->daemon.loop, send_next, h);
    loop_timer_start(h->timer, 1, 5);
    return 0;
}

static void on_listening(void *arg, bool loopback)
{
    step(arg, loopback ? "l" : "L");
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    fail_msg("%s connects", peer);
}

static void on_drain(void *arg)
{
    struct heard *h = arg;
    step(h, "d");
    if (*h->signals == 0)
        loop_stop(h->daemon.loop);
}

static void on_hurry(void *arg)
{
    struct heard *h = arg;
    step(h, "h");
    loop_stop(h->daemon.loop);
}

static int on_reload(void *arg, const void *fresh, struct settings_report *report,
                     struct settings_error *error)
{
    struct heard *h = arg;
    step(h, daemon_leaving(&h->daemon) ? "R" : "r");
    assert_string_equal(((const struct config *)fresh)->listen, h->config.listen);
    if (fails(h, "reload")) {
        settings_fail(error, "no such file");
        return -1;
    }
    h->keys = h->fresh;
    return 0;
}

static void on_describe_keys(void *arg, struct bytes *out)
{
    const struct heard *h = arg;
    if (h->keys)
        bytes_append_text(out, h->keys);
}

static void on_linger(void *arg, int64_t least_ms, int64_t most_ms)
{
    assert_true(least_ms <= most_ms);
}

static void on_stop(void *arg)
{
    struct heard *h = arg;
    step(h, "e");
    loop_timer_destroy(h->timer);
}

static enum log_level level_of(const void *config)
{
    return daemon_log_level(&((const struct config *)config)->log);
}

/* The program runs; returns its exit code. */
static int run(struct heard *h, const char *listen, const char *drain_delay)
{
    static const struct setting rows[] = {
        SETTING_TEXT("listen", "PRESENCE_WS_LISTEN", offsetof(struct config, listen), NULL, NULL, "where"),
        SETTING_DURATION("drain-delay", "PRESENCE_DRAIN_DELAY", offsetof(struct config, drain_delay_ms), "0",
                         0, 3600 * 1000, "how long"),
    };
    static const struct setting_table tables[] = {
        {rows, sizeof(rows) / sizeof(rows[0]), 0, "Test"},
        {log_settings, LOG_SETTINGS_COUNT, offsetof(struct config, log), "Log"},
    };
    static const struct program_info info = {
        .name = "test_daemon", .tables = tables, .table_count = 2, .log_level = level_of};
    static const struct daemon_program program = {
        .info = &info,
        .config_size = sizeof(struct config),
        .settings = on_settings,
        .load = on_load,
        .start = on_start,
        .listening = on_listening,
        .accepted = on_accepted,
        .drain = on_drain,
        .hurry = on_hurry,
        .reload = on_reload,
        .describe_keys = on_describe_keys,
        .linger = on_linger,
        .stop = on_stop,
    };
    char *argv[] = {"test_daemon", "--listen", (char *)listen, "--drain-delay", (char *)drain_delay, NULL};
    return daemon_main(&h->daemon, &program, &h->config, h, 5, argv);
}

static void test_phases(void **state)
{
    static const struct {
        const char *name;
        const char *delay;
        int64_t least_ms;
        int signals[6];
        const char *expected;
    } cases[] = {
        {"no delay", "0", 0, {SIGTERM}, "lde"},
        {"by INT", "0", 0, {SIGINT}, "lde"},
        {"a second one hurries", "0", 0, {SIGTERM, SIGTERM}, "ldhe"},
        {"reloads before, and meanwhile", "0", 0, {SIGHUP, SIGHUP, SIGTERM, SIGHUP, SIGINT}, "lrrdRhe"},
        {"a delay passes", "40ms", 40, {SIGTERM}, "lde"},
        {"a second one skips the delay", "60s", 0, {SIGTERM, SIGHUP, SIGTERM}, "lRde"},
        {"a third one hurries", "60s", 0, {SIGTERM, SIGINT, SIGTERM}, "ldhe"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct heard h = {.signals = cases[i].signals};
        int64_t start_ms = clock_mono_ms();
        assert_int_equal(run(&h, "127.0.0.1:0", cases[i].delay), EXIT_YES);
        if (strcmp(h.steps, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, h.steps);
        assert_true(daemon_leaving(&h.daemon));
        assert_true(clock_mono_ms() - start_ms >= cases[i].least_ms);
    }
}

/* The lines that the log has for it, without their time. */
static void test_reload(void **state)
{
    static const struct {
        const char *level, *fresh_level, *keys, *fresh, *fails, *line;
    } cases[] = {
        {"info", "info", "HS:1", "HS:1", NULL, " reloaded changed=nothing log_level=info keys=HS:1\n"},
        {"info", "debug", "", "", NULL,
         " reloaded changed=\"log level\" log_level_before=info log_level=debug keys_before=\"\" "
         "keys=\"\"\n"},
        {"info", "info", "HS:1", "HS:2", NULL,
         " reloaded changed=keys log_level_before=info log_level=info keys_before=HS:1 keys=HS:2\n"},
        {"debug", "error", "HS:1", "RS256:a/1 ES256:2", NULL,
         " reloaded changed=\"keys, log level\" log_level_before=debug log_level=error keys_before=HS:1 "
         "keys=\"RS256:a/1 ES256:2\"\n"},
        {"error", "info", "", "", NULL,
         " reloaded changed=\"log level\" log_level_before=error log_level=info keys_before=\"\" "
         "keys=\"\"\n"},
        {"error", "error", "", "", NULL, ""},
        {"error", "debug", "HS:1", "HS:2", "reload", " reload_failed error=\"no such file\"\n"},
        {"error", "loud", "HS:1", "HS:2", NULL, " reload_failed error=\"LOG_LEVEL=loud: "},
    };
    static const int signals[] = {SIGHUP, SIGTERM, 0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2048] = "";
        int pipes[2];
        bool failed = strstr(cases[i].line, "reload_failed");
        assert_return_code(pipe2(pipes, O_NONBLOCK), errno);
        setenv("LOG_LEVEL", cases[i].level, 1);
        struct heard h = {.signals = signals,
                          .log_fd = pipes[1],
                          .level = cases[i].fresh_level,
                          .keys = cases[i].keys,
                          .fresh = cases[i].fresh,
                          .fails = cases[i].fails};
        assert_int_equal(run(&h, "127.0.0.1:0", "0"), EXIT_YES);
        assert_string_equal(log_level_name(log_level()), failed ? cases[i].level : cases[i].fresh_level);
        assert_string_equal(h.keys, failed ? cases[i].keys : cases[i].fresh);
        log_set_fd(STDERR_FILENO);
        if (read(pipes[0], text, sizeof(text) - 1) < 0)
            assert_string_equal(cases[i].line, "");
        else if (!strstr(text, cases[i].line))
            fail_msg("%zu: %s", i, text);
        close(pipes[0]);
        close(pipes[1]);
    }
    setenv("LOG_LEVEL", "error", 1);
}

static void test_node_ids_differ(void **state)
{
    static const int signals[] = {SIGTERM, 0};
    struct heard a = {.signals = signals}, b = a;
    assert_int_equal(run(&a, "127.0.0.1:0", "0"), EXIT_YES);
    assert_int_equal(run(&b, "127.0.0.1:0", "0"), EXIT_YES);
    assert_string_not_equal(a.daemon.node, b.daemon.node);
}

/* The exit codes, and nothing is left of where it listened. */
static void test_failing_starts(void **state)
{
    static const struct {
        const char *fails;
        int code;
    } cases[] = {{"load", EXIT_CONFIG}, {"start", EXIT_INTERNAL}};
    char dir[] = "/tmp/test_daemon.XXXXXX", file[64], spec[80];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/socket", dir);
    snprintf(spec, sizeof(spec), "unix:%s", file);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct heard h = {.fails = cases[i].fails};
        assert_int_equal(run(&h, spec, "0"), cases[i].code);
        assert_string_equal(h.steps, "");
        assert_int_equal(access(file, F_OK), -1);
        if (h.daemon.loop)
            loop_destroy(h.daemon.loop);
    }
    struct heard h = {0};
    snprintf(spec, sizeof(spec), "unix:%s/missing/socket", dir);
    assert_int_equal(run(&h, spec, "0"), EXIT_CONFIG);
    rmdir(dir);
}

/* With limits of this process: soft, hard. */
static void test_bound_connections(void **state)
{
    static const struct {
        rlim_t soft, hard;
        int64_t wanted, expected;
        rlim_t soft_after;
    } cases[] = {
        {256, 512, 0, 192, 256},   /* the limit stays */
        {100, 512, 0, 64, 100},    /* not fewer than are spared */
        {256, 512, 192, 192, 256}, /* just enough */
        {256, 512, 193, 193, 257}, /* is raised */
        {256, 512, 1000, 448, 512}, {100, 100, 1000, 64, 100},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rlimit limit = {cases[i].soft, cases[i].hard};
        pid_t child = fork();
        int status;
        if (child == 0) {
            setrlimit(RLIMIT_NOFILE, &limit);
            bool right = daemon_bound_connections(cases[i].wanted, 64) == cases[i].expected;
            getrlimit(RLIMIT_NOFILE, &limit);
            _exit(right && limit.rlim_cur == cases[i].soft_after ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0)
            fail_msg("%zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_debug_names),    cmocka_unit_test(test_phases),
        cmocka_unit_test(test_reload),         cmocka_unit_test(test_node_ids_differ),
        cmocka_unit_test(test_failing_starts), cmocka_unit_test(test_bound_connections),
    };

    unsetenv("DEBUG");
    setenv("LOG_LEVEL", "error", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
