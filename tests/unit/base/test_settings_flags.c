/* SPDX-License-Identifier: MIT */
/* The command line, --help and --check-config. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/settings_sample.h"

static void test_flags(void **state)
{
    static const struct {
        const char *args[ARGS_MAX];
        enum settings_outcome outcome;
        const char *plain; /* or what the error says */
        const char *shown; /* ttl, level, reuseport, groups */
    } rows[] = {
        {{"--ttl", "5"}, SETTINGS_OK, "", "5000 2 0 -"},
        {{"-t", "5"}, SETTINGS_OK, "", "5000 2 0 -"},
        {{"-t5"}, SETTINGS_OK, "", "5000 2 0 -"},
        {{"-rt5"}, SETTINGS_OK, "", "5000 2 1 -"},
        {{"-rl", "debug"}, SETTINGS_OK, "", "60000 3 1 -"},
        {{"--reuseport"}, SETTINGS_OK, "", "60000 2 1 -"},
        {{"--reuseport=false"}, SETTINGS_OK, "", "60000 2 0 -"},
        {{"--reuseport", "false"}, SETTINGS_OK, "false", "60000 2 1 -"},
        {{"--ttl", "5", "--ttl", "6"}, SETTINGS_OK, "", "6000 2 0 -"},
        {{"-g", "a", "--group", "b", "--group=c"}, SETTINGS_OK, "", "60000 2 0 a,b,c"},
        {{"wait", "--ttl", "5", "user123", "-r", "offline"},
         SETTINGS_OK,
         "wait user123 offline",
         "5000 2 1 -"},
        {{"status", "--", "-r", "--ttl", "5"}, SETTINGS_OK, "status -r --ttl 5", "60000 2 0 -"},
        {{"-", ""}, SETTINGS_OK, "- ", "60000 2 0 -"},
        {{"--help"}, SETTINGS_HELP, NULL, NULL},
        {{"-h"}, SETTINGS_HELP, NULL, NULL},
        {{"--ttl=abc", "--help", "--bogus"}, SETTINGS_HELP, NULL, NULL},
        {{"--version"}, SETTINGS_VERSION, NULL, NULL},
        {{"-V"}, SETTINGS_VERSION, NULL, NULL},
        {{"--check-config"}, SETTINGS_CHECK, "", "60000 2 0 -"},
        {{"--check-config", "--ttl=0"}, SETTINGS_BAD, "--ttl=0", NULL},
        {{"--bogus"}, SETTINGS_USAGE, "unknown flag --bogus", NULL},
        {{"--bogus", "--help"}, SETTINGS_USAGE, "unknown flag --bogus", NULL},
        {{"-x"}, SETTINGS_USAGE, "unknown flag -x", NULL},
        {{"-rx"}, SETTINGS_USAGE, "unknown flag -x", NULL},
        {{"--pin=1234"}, SETTINGS_USAGE, "unknown flag --pin: a secret comes from PIN, never", NULL},
        {{"--tt=5"}, SETTINGS_USAGE, "unknown flag --tt", NULL},
        {{"--="}, SETTINGS_USAGE, "unknown flag --", NULL},
        {{"--ttl"}, SETTINGS_USAGE, "--ttl: a value is missing", NULL},
        {{"-t"}, SETTINGS_USAGE, "--ttl: a value is missing", NULL},
        {{"--config"}, SETTINGS_USAGE, "--config: a value is missing", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto plain = BYTES_INIT, shown = BYTES_INIT;
        struct run r;

        settings_sample_load(&r, rows[i].args, NULL);
        if (r.outcome != rows[i].outcome)
            fail_msg("row %zu: %d, %s", i, (int)r.outcome, r.error.text);
        if (rows[i].shown) {
            for (int a = 1; a < r.argc; a++)
                bytes_printf(&plain, "%s%s", a > 1 ? " " : "", r.argv[a]);
            bytes_printf(&shown, "%lld %d %d %s", (long long)r.config.ttl_ms, r.config.level,
                         r.config.reuseport, r.config.groups ? r.config.groups : "-");
            assert_string_equal(bytes_text(&plain), rows[i].plain);
            assert_string_equal(bytes_text(&shown), rows[i].shown);
        } else if (rows[i].plain && !strstr(r.error.text, rows[i].plain)) {
            fail_msg("row %zu: %s", i, r.error.text);
        }
        settings_sample_finish(&r);
    }
}

/* As on SIGHUP: the same argv once more, another file. */
static void test_load_again(void **state)
{
    const char *args[] = {"--config", settings_sample_file, "-l", "debug", NULL};
    struct config again = {0};
    struct run r;
    int argc = 5;
    settings_sample_write_text(settings_sample_file, "PRESENCE_TTL=10\nSECRET_KEY=old\n");
    settings_sample_load(&r, args, NULL);
    assert_int_equal(r.outcome, SETTINGS_OK);
    settings_sample_write_text(settings_sample_file, "PRESENCE_TTL=20\nSECRET_KEY=new\n");
    assert_int_equal(settings_load(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &argc, r.argv, &again,
                                   &r.error, settings_sample_getenv),
                     SETTINGS_OK);
    assert_int_equal(again.ttl_ms, 20000);
    assert_int_equal(again.level, 3);
    assert_string_equal(again.secret, "new");
    assert_string_equal(r.config.secret, "old");
    settings_finish(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &again);
    settings_sample_finish(&r);
}

static const char *const shown_env[] = {
    "PRESENCE_TTL=90", "PIN=1234", "SECRET_KEY=geheim", "GROUPS= a\nb", "LOG_LEVEL=debug",
    "REDIS_HOST='x'",  NULL};

static void test_show(void **state)
{
    bytes_auto out = BYTES_INIT;
    struct run r;

    settings_sample_load(&r, NULL, shown_env);
    settings_show(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r.config, NULL, &out);
    assert_string_equal(bytes_text(&out), "PRESENCE_TTL=90s\n"
                                          "SWEEP=30s\n"
                                          "BODY=64k\n"
                                          "LOG_LEVEL=debug\n"
                                          "PRESENCE_ENABLED=true\n"
                                          "REUSE=false\n"
                                          "GROUPS=\" a?b\"\n"
                                          "# SECRET_KEY=***\n"
                                          "# PIN=***\n"
                                          "REDIS_HOST=\"'x'\"\n"
                                          "REDIS_PORT=6379\n"
                                          "REDIS_PASSWORD=\n");
    settings_sample_finish(&r);
}

/* What --check-config shows is a file that says the same, but for the secrets. */
static void test_show_reads_back(void **state)
{
    static const char *const secrets[] = {"SECRET_KEY=geheim", "PIN=1234", NULL};
    const char *args[] = {"--config", settings_sample_file, NULL};
    bytes_auto first = BYTES_INIT, second = BYTES_INIT;
    struct run r;

    settings_sample_load(&r, NULL, shown_env);
    settings_show(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r.config, NULL, &first);
    settings_sample_finish(&r);
    settings_sample_write(settings_sample_file, first.data, first.len);
    settings_sample_load(&r, args, secrets);
    assert_int_equal(r.outcome, SETTINGS_OK);
    settings_show(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r.config, NULL, &second);
    settings_sample_finish(&r);
    assert_string_equal(bytes_text(&first), bytes_text(&second));
}

static void test_help(void **state)
{
    static const char *const says[] = {
        "\nPresence:\n",
        "  -t, --ttl DURATION            how long a beat holds\n",
        "[PRESENCE_TTL; default 60; 1s to 1h]\n",
        "[SWEEP; default 30s; at least 1s, or 0 for off]\n",
        "      --offset N ",
        "  -r, --reuseport  ",
        "  -g, --group TEXT              whom to see (may be repeated)\n",
        "[SECRET_KEY or JWT_SECRET, also with _FILE]\n",
        "\nRedis:\n      --redis-host HOST         where Redis is\n",
    };
    bytes_auto out = BYTES_INIT;

    settings_help(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &out);
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
        if (!strstr(bytes_text(&out), says[i]))
            fail_msg("no '%s' in:\n%s", says[i], out.data);
    assert_null(strstr(out.data, "--secret"));
    assert_null(strstr(out.data, "--pin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags), cmocka_unit_test(test_load_again),
        cmocka_unit_test(test_show),  cmocka_unit_test(test_show_reads_back),
        cmocka_unit_test(test_help),
    };

    return cmocka_run_group_tests(tests, settings_sample_set_up, settings_sample_tear_down);
}
