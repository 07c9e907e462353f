/* SPDX-License-Identifier: MIT */
/* What a start answers by itself, and with which exit code. */
#include "base/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 8

/* A program with commands, and one without. */
struct config {
    char *host;
    int level;
    bool json;
    int64_t timeout_ms;
    char *out;
    char *secret;
};

static const struct setting shared_rows[] = {
    SETTING_TEXT("redis-host", "SAMPLE_HOST", offsetof(struct config, host), "localhost", "<host>",
                 "where Redis is"),
    SETTING_CHOICE("log-level", "SAMPLE_LEVEL", offsetof(struct config, level), "info",
                   "error|warn|info|debug", "what to [log]: the user's choice", .letter = 'l'),
    SETTING_TEXT(NULL, "SAMPLE_SECRET", offsetof(struct config, secret), NULL, NULL, "signs tokens",
                 .secret = true),
};
static const struct setting wait_rows[] = {
    SETTING_BOOL("json", NULL, offsetof(struct config, json), NULL, "for programs", .letter = 'j'),
    SETTING_DURATION("timeout", NULL, offsetof(struct config, timeout_ms), "10s", 0, 0, "how long to wait",
                     .letter = 't'),
    SETTING_TEXT("out", NULL, offsetof(struct config, out), NULL, "<file>", "where to write"),
};
static const struct setting_table shared_table = {shared_rows, 3, 0, "Shared"};
static const struct setting_table wait_table = {wait_rows, 3, 0, "Waiting"};
static const struct command_info commands[] = {
    {"status", "USER...", "ask after users", NULL, 0},
    {"wait", "USER online|offline", "wait for a status: really", &wait_table, 1},
    {"run", "FILE", "play a scenario", NULL, 0},
};
static void warn_of_nowhere(const void *config, struct settings_report *report)
{
    const struct config *c = config;
    if (!strcmp(c->host, "doubtful"))
        settings_warn(report, "doubtful", "the host\nis doubtful");
}

static enum log_level level_of(const void *config)
{
    return (enum log_level)((const struct config *)config)->level;
}

static const struct program_info with_commands = {.name = "sample-ctl",
                                                  .summary = "Asks.",
                                                  .tables = &shared_table,
                                                  .table_count = 1,
                                                  .commands = commands,
                                                  .command_count = 3,
                                                  .warn = warn_of_nowhere};
static const struct program_info without_commands = {.name = "sample-ws",
                                                     .summary = "Serves.",
                                                     .tables = &shared_table,
                                                     .table_count = 1,
                                                     .log_level = level_of,
                                                     .warn = warn_of_nowhere};

/* What a child said and how it ended; GOES_ON when it did not. */
#define GOES_ON 100

struct result {
    int code;
    char out[8192];
    char err[1024];
};

static int refuse_nobody(void *config, struct settings_error *error)
{
    const struct config *c = config;
    if (strcmp(c->host, "nowhere"))
        return 0;
    snprintf(error->text, sizeof(error->text), "SAMPLE_HOST=nowhere: is nowhere");
    return -1;
}

/* Goes on by printing what it was told. */
static void start(const struct program_info *p, const char *const *args)
{
    char *argv[ARGS_MAX + 2] = {(char *)p->name};
    struct config config = {0};
    int argc = 1, code;
    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)args[argc - 1];
    code = program_start(p, &argc, argv, &config, refuse_nobody);
    if (code >= 0)
        exit(code);
    for (int i = 1; i < argc; i++)
        printf("%s ", argv[i]);
    printf("host=%s level=%d json=%d timeout=%lld", config.host, config.level, config.json,
           (long long)config.timeout_ms);
    program_finish(p, argc > 1 ? argv[1] : NULL, &config);
    exit(GOES_ON);
}

static void read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t got;
    while (len < size - 1 && (got = read(fd, out + len, size - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    close(fd);
}

static void run(const struct program_info *p, const char *const *args, struct result *ret)
{
    int out[2], err[2], status;
    pid_t pid;
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    fflush(stdout);
    pid = fork();
    if (!pid) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        start(p, args);
    }
    close(out[1]);
    close(err[1]);
    read_all(out[0], ret->out, sizeof(ret->out));
    read_all(err[0], ret->err, sizeof(ret->err));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    ret->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_start(void **state)
{
    static const struct {
        const struct program_info *program;
        const char *args[ARGS_MAX];
        int code;
        const char *out, *err; /* "" for nothing, else a part of it */
    } rows[] = {
        {&without_commands, {NULL}, GOES_ON, "host=localhost level=2", ""},
        {&without_commands, {"-l", "warn"}, GOES_ON, "level=1", ""},
        {&without_commands, {"--version"}, 0, "sample-ws " PRESENCE_VERSION "\n", ""},
        {&without_commands, {"--help"}, 0, "Usage: sample-ws [OPTION]...\nServes.\n", ""},
        {&without_commands, {"--check-config"}, 0, "SAMPLE_LEVEL=info\n", ""},
        {&without_commands,
         {"extra"},
         2,
         "",
         "sample-ws: unexpected argument 'extra' (see sample-ws --help)\n"},
        {&without_commands, {"a\x1b[31m"}, 2, "", "'a?[31m'"},
        {&without_commands, {"--bogus"}, 2, "", "sample-ws: unknown flag --bogus"},
        {&without_commands, {"-l", "loud"}, 3, "", "sample-ws: --log-level=loud: must be one of"},
        {&without_commands,
         {"--redis-host", "nowhere"},
         3,
         "",
         "sample-ws: SAMPLE_HOST=nowhere: is nowhere\n"},
        {&without_commands, {"--check-config", "--redis-host=nowhere"}, 3, "", "is nowhere\n"},
        {&without_commands,
         {"--check-config", "--redis-host=doubtful"},
         0,
         "# flag --redis-host\nSAMPLE_HOST=doubtful\n",
         "sample-ws: warning: the host?is doubtful\n"},
        {&without_commands,
         {"--redis-host=doubtful"},
         GOES_ON,
         "host=doubtful",
         " warn sample-ws doubtful hint=\"the host?is doubtful\"\n"},
        {&without_commands, {"--redis-host=doubtful", "-l", "error"}, GOES_ON, "host=doubtful", ""},
        {&with_commands,
         {"status", "u", "--redis-host=doubtful"},
         GOES_ON,
         "host=doubtful",
         "sample-ctl: warning: the host?is doubtful\n"},
        {&without_commands, {"false", "--check-config"}, 2, "", "unexpected argument 'false'"},
        {&with_commands, {"wait", "u", "--check-config"}, 2, "", "wait takes USER online|offline (see"},
        {&with_commands, {"wait", "u", "online", "--check-config"}, 0, "SAMPLE_HOST=localhost\n", ""},
        {&with_commands, {"wait", "u"}, 2, "", "wait takes USER online|offline"},
        {&with_commands, {"wait", "u", "online", "more"}, 2, "", "wait takes USER online|offline"},
        {&with_commands, {"status"}, 2, "", "status takes USER..."},
        {&with_commands, {"run"}, 2, "", "run takes FILE"},
        {&with_commands, {NULL}, 2, "", "a command is missing"},
        {&with_commands, {"--help"}, 0, "  wait USER online|offline      wait for a status: really\n", ""},
        {&with_commands,
         {"wait", "--help"},
         0,
         "Usage: sample-ctl wait [OPTION]... USER online|offline\n",
         ""},
        {&with_commands, {"--help", "wait"}, 0, "Usage: sample-ctl [OPTION]... COMMAND [ARGUMENT]...\n", ""},
        {&with_commands, {"wiat", "--json"}, 2, "", "unknown command 'wiat'"},
        {&with_commands, {"status", "--json"}, 2, "", "unknown flag --json"},
        {&with_commands,
         {"--json", "-t", "5s", "wait", "u", "offline"},
         GOES_ON,
         "wait u offline host=localhost level=2 json=1 timeout=5000",
         ""},
        {&with_commands, {"--json", "status"}, 2, "", "unknown flag --json"},
        {&with_commands, {"status", "a", "b"}, GOES_ON, "status a b host=", ""},
        {&with_commands,
         {"-l", "debug", "wait", "u", "-jt", "70s", "offline"},
         GOES_ON,
         "wait u offline host=localhost level=3 json=1 timeout=70000",
         ""},
        {&with_commands,
         {"wait", "--", "--json", "on"},
         GOES_ON,
         "wait --json on host=localhost level=2 json=0",
         ""},
        {&with_commands, {"status", "--", "--version"}, GOES_ON, "status --version", ""},
        {&with_commands, {"--check-config"}, 0, "SAMPLE_HOST=localhost\n", ""},
        {&with_commands, {"wait", "--timeout=soon"}, 3, "", "--timeout=soon: must be a duration"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct result r;

        run(rows[i].program, rows[i].args, &r);
        if (r.code != rows[i].code)
            fail_msg("row %zu: %d\n%s\n%s", i, r.code, r.out, r.err);
        if (rows[i].out[0] ? !strstr(r.out, rows[i].out) : r.out[0])
            fail_msg("row %zu: '%s'", i, r.out);
        if (rows[i].err[0] ? !strstr(r.err, rows[i].err) : r.err[0])
            fail_msg("row %zu: '%s'", i, r.err);
    }
}

/* A message is one line, so that a log shows it whole. */
static void test_errors_are_one_line(void **state)
{
    static const char *const words[] = {"a\nb", "--x\ny", "--log-level=\n"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *args[] = {words[i], NULL};
        struct result r;

        run(&without_commands, args, &r);
        assert_int_not_equal(r.code, 0);
        assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
    }
}

/* Names that nobody knows: one line each, of the log or of stderr. */
static void test_misspelt_names(void **state)
{
    static const char *const checks[] = {"--check-config", NULL}, *const starts[] = {NULL};
    struct result r;
    setenv("PRESENCE_HOLDBAK", "5s", 1);
    setenv("REDIS_PORT_6379_TCP", "tcp://10.0.0.1:6379", 1);
    run(&without_commands, checks, &r);
    assert_int_equal(r.code, 0);
    assert_string_equal(r.err, "sample-ws: warning: PRESENCE_HOLDBAK is no setting of any program; is "
                               "PRESENCE_HOLDBACK meant?\n");
    run(&without_commands, starts, &r);
    assert_int_equal(r.code, GOES_ON);
    assert_non_null(strstr(r.err, " warn sample-ws unknown_setting hint=\"PRESENCE_HOLDBAK is no setting"));
    assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
    unsetenv("PRESENCE_HOLDBAK");
    unsetenv("REDIS_PORT_6379_TCP");
}

static void test_secret_is_not_shown(void **state)
{
    static const char *const args[] = {"--check-config", NULL};
    struct result r;
    setenv("SAMPLE_SECRET", "geheim", 1);
    run(&without_commands, args, &r);
    unsetenv("SAMPLE_SECRET");
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "SAMPLE_SECRET=***\n"));
    assert_null(strstr(r.out, "geheim"));
}

static void test_full_disk_is_an_error(void **state)
{
    int status;
    pid_t pid;
    fflush(stdout);
    pid = fork();
    if (!pid) {
        static const char *const args[] = {"--help", NULL};

        if (!freopen("/dev/full", "w", stdout))
            _exit(1);
        start(&without_commands, args);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_INTERNAL);
}

static void test_command(void **state)
{
    assert_ptr_equal(program_command(&with_commands, "run"), &commands[2]);
    assert_null(program_command(&with_commands, "ru"));
    assert_null(program_command(&with_commands, NULL));
    assert_null(program_command(&without_commands, "run"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_errors_are_one_line),
        cmocka_unit_test(test_misspelt_names),
        cmocka_unit_test(test_secret_is_not_shown),
        cmocka_unit_test(test_full_disk_is_an_error),
        cmocka_unit_test(test_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
