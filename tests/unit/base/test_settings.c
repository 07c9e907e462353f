/* SPDX-License-Identifier: MIT */
/* Where a value comes from, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/settings_sample.h"

static void test_defaults(void **state)
{
    struct run r;
    settings_sample_load(&r, NULL, NULL);
    assert_int_equal(r.outcome, SETTINGS_OK);
    assert_int_equal(r.config.ttl_ms, 60000);
    assert_int_equal(r.config.body, 65536);
    assert_int_equal(r.config.level, 2);
    assert_true(r.config.enabled);
    assert_false(r.config.reuseport);
    assert_null(r.config.groups);
    assert_null(r.config.secret);
    assert_string_equal(r.config.link.host, "localhost");
    assert_int_equal(r.config.link.port, 6379);
    assert_null(r.config.link.password);
    settings_sample_finish(&r);
    assert_null(r.config.link.host);
}

/* Flag, then environment, then file, then default; an empty value is none. */
static void test_precedence(void **state)
{
    static const struct {
        const char *name, *flag, *env, *file;
        int64_t expected;
    } rows[] = {
        {"default", NULL, NULL, NULL, 60000},
        {"file", NULL, NULL, "PRESENCE_TTL=10\n", 10000},
        {"environment over file", NULL, "PRESENCE_TTL=20", "PRESENCE_TTL=10\n", 20000},
        {"flag over all", "--ttl=30", "PRESENCE_TTL=20", "PRESENCE_TTL=10\n", 30000},
        {"empty environment", NULL, "PRESENCE_TTL=", "PRESENCE_TTL=10\n", 10000},
        {"empty in file", NULL, NULL, "PRESENCE_TTL=\n", 60000},
        {"empty quotes in file", NULL, NULL, "PRESENCE_TTL=\"\"\n", 60000},
        {"last in file", NULL, NULL, "PRESENCE_TTL=10\nPRESENCE_TTL=11\n", 11000},
        {"no newline at the end", NULL, NULL, "PRESENCE_TTL=10", 10000},
        {"quotes", NULL, NULL, "PRESENCE_TTL=\"10s\"\n", 10000},
        {"single quotes", NULL, NULL, "PRESENCE_TTL='10s'\n", 10000},
        {"spaces and CR", NULL, NULL, "  PRESENCE_TTL = 10s \r\n", 10000},
        {"comments and others", NULL, NULL, "# PRESENCE_TTL=1\n\n \t\nOTHER=x=y\nPRESENCE_TTL=10\n", 10000},
        {"byte order mark", NULL, NULL, "\xef\xbb\xbfPRESENCE_TTL=10\r\n", 10000},
        {"longer key", NULL, NULL, "PRESENCE_TTL2=10\n", 60000},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[] = {"--config", settings_sample_file, rows[i].flag, NULL};
        const char *env[] = {rows[i].env, NULL};
        struct run r;

        settings_sample_write_text(settings_sample_file, rows[i].file ? rows[i].file : "");
        settings_sample_load(&r, args, env);
        if (r.outcome != SETTINGS_OK || r.config.ttl_ms != rows[i].expected)
            fail_msg("%s: %d, %lld, %s", rows[i].name, (int)r.outcome, (long long)r.config.ttl_ms,
                     r.error.text);
        settings_sample_finish(&r);
    }
}

/* A second name is weaker than the first, but stronger than the next place. */
static void test_second_name(void **state)
{
    static const struct {
        const char *env1, *env2, *file, *expected;
    } rows[] = {
        {"SECRET_KEY=one", "JWT_SECRET=two", "", "one"},
        {"SECRET_KEY=", "JWT_SECRET=two", "SECRET_KEY=three\n", "two"},
        {NULL, NULL, "SECRET_KEY=three\nJWT_SECRET=four\n", "three"},
        {NULL, NULL, "JWT_SECRET=four\n", "four"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[] = {"--config", settings_sample_file, NULL};
        const char *env[] = {rows[i].env1 ? rows[i].env1 : "X=", rows[i].env2, NULL};
        struct run r;

        settings_sample_write_text(settings_sample_file, rows[i].file);
        settings_sample_load(&r, args, env);
        assert_int_equal(r.outcome, SETTINGS_OK);
        assert_string_equal(r.config.secret, rows[i].expected);
        settings_sample_finish(&r);
    }
}

static void test_value_from_file(void **state)
{
    static const struct {
        struct span content;
        const char *expected; /* NULL: refused */
        bool warned;
    } rows[] = {
        {{"geheim", 6}, "geheim", false},
        {{"geheim\n", 7}, "geheim", false},
        {{"geheim\n\n", 8}, "geheim", true},
        {{"geheim\r\n", 8}, "geheim", true},
        {{" ge heim ", 9}, "ge heim", true},
        {{"\tgeheim", 7}, "geheim", true},
        {{"\xef\xbb\xbfgeheim\n", 10}, "geheim", true},
        {{"\xef\xbb\xbf geheim\xef\xbb\xbf", 13}, "geheim\xef\xbb\xbf", true},
        {{"", 0}, NULL, false},
        {{"\n", 1}, NULL, false},
        {{" \r\n", 3}, NULL, true},
        {{"\xef\xbb\xbf\n", 4}, NULL, true},
        {{"ge\0heim", 7}, NULL, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mem_auto char *variable = mem_zalloc(100);
        const char *env[] = {variable, NULL};
        struct run r;

        snprintf(variable, 100, "SECRET_KEY_FILE=%s", settings_sample_value);
        settings_sample_write(settings_sample_value, rows[i].content.data, rows[i].content.len);
        settings_sample_load(&r, NULL, env);
        assert_int_equal(r.outcome, rows[i].expected ? SETTINGS_OK : SETTINGS_BAD);
        if (rows[i].expected)
            assert_string_equal(r.config.secret, rows[i].expected);
        else
            assert_non_null(strstr(r.error.text, "SECRET_KEY_FILE"));
        assert_int_equal(strstr(settings_sample_warning(&r, 0), "SECRET_KEY_FILE") != NULL, rows[i].warned);
        assert_null(strstr(settings_sample_warning(&r, 0), "heim"));
        assert_null(strstr(r.error.text, "heim"));
        settings_sample_finish(&r);
    }
}

/* Whatever a secret comes from, and no other setting. */
static void test_what_surrounds_a_secret(void **state)
{
    static const struct {
        const char *env, *secret, *warning;
    } rows[] = {
        {"SECRET_KEY=geheim", "geheim", ""},
        {"SECRET_KEY=geheim\r", "geheim", "SECRET_KEY: blanks or line ends around the value were taken off"},
        {"JWT_SECRET=\n geheim", "geheim", "JWT_SECRET: blanks or line ends around the value were taken off"},
        {"SECRET_KEY= \r\n", NULL, "SECRET_KEY: blanks or line ends around the value were taken off"},
        {"REDIS_HOST= there ", NULL, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *env[] = {rows[i].env, NULL};
        struct run r;

        settings_sample_load(&r, NULL, env);
        assert_int_equal(r.outcome, SETTINGS_OK);
        if (rows[i].secret)
            assert_string_equal(r.config.secret, rows[i].secret);
        else
            assert_null(r.config.secret);
        assert_string_equal(settings_sample_warning(&r, 0), rows[i].warning);
        settings_sample_finish(&r);
    }
}

static void test_warnings_add_up(void **state)
{
    const char *env[] = {"SECRET_KEY=a\r", "REDIS_PASSWORD=b ", NULL};
    struct run r;

    settings_sample_load(&r, NULL, env);
    assert_string_equal(r.config.link.password, "b");
    assert_string_equal(settings_sample_warning(&r, 0),
                        "SECRET_KEY: blanks or line ends around the value were taken off");
    assert_string_equal(settings_sample_warning(&r, 1),
                        "REDIS_PASSWORD: blanks or line ends around the value were taken off");
    settings_sample_finish(&r);
}

static void test_value_file_named_in_file(void **state)
{
    const char *args[] = {"--config", settings_sample_file, NULL};
    mem_auto char *line = mem_zalloc(100);
    struct run r;

    snprintf(line, 100, "REDIS_PASSWORD_FILE=%s\n", settings_sample_value);
    settings_sample_write_text(settings_sample_file, line);
    settings_sample_write_text(settings_sample_value, "geheim\n");
    settings_sample_load(&r, args, NULL);
    assert_int_equal(r.outcome, SETTINGS_OK);
    assert_string_equal(r.config.link.password, "geheim");
    settings_sample_finish(&r);
}

/* Wrong values: the error names the setting, the value and what is allowed. */
static void test_refused(void **state)
{
    static const struct {
        const char *flag, *env;
        const char *says[3];
    } rows[] = {
        {"--ttl=abc", NULL, {"--ttl=abc", "duration", "1s to 1h"}},
        {NULL, "PRESENCE_TTL=999ms", {"PRESENCE_TTL=999ms", "duration", "1s to 1h"}},
        {NULL, "PRESENCE_TTL=3600001ms", {"PRESENCE_TTL=3600001ms", "1h", ""}},
        {NULL, "PRESENCE_TTL=0", {"PRESENCE_TTL=0", "1s", ""}},
        {NULL, "SWEEP=999ms", {"SWEEP=999ms", "at least 1s", "or 0"}},
        {NULL, "BODY=2m", {"BODY=2m", "size", "0 to 1m"}},
        {NULL, "REDIS_PORT=0", {"REDIS_PORT=0", "whole number", "1 to 65535"}},
        {NULL, "REDIS_PORT=65536", {"REDIS_PORT=65536", "1 to 65535", ""}},
        {NULL, "REDIS_PORT=6379 ", {"REDIS_PORT=6379 ", "1 to 65535", ""}},
        {"--offset=-11", NULL, {"--offset=-11", "-10 to 10", ""}},
        {"--offset=", NULL, {"--offset=", "whole number", ""}},
        {NULL, "LOG_LEVEL=loud", {"LOG_LEVEL=loud", "one of error, warn, info, debug", ""}},
        {NULL, "LOG_LEVEL=err", {"LOG_LEVEL=err", "one of", ""}},
        {NULL, "PRESENCE_ENABLED=2", {"PRESENCE_ENABLED=2", "true or false", ""}},
        {"--reuseport=maybe", NULL, {"--reuseport=maybe", "true or false", ""}},
        {NULL, "LOG_LEVEL=a\nb\x1b", {"LOG_LEVEL=a?b?:", "", ""}},
        {"--config=/nonexistent/file", NULL, {"--config", "/nonexistent/file", "No such file"}},
        {"--config=/", NULL, {"--config", "directory", ""}},
        {NULL, "SECRET_KEY_FILE=/nonexistent/file", {"SECRET_KEY_FILE", "/nonexistent/file", "No such file"}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[] = {rows[i].flag, NULL};
        const char *env[] = {rows[i].env, NULL};
        struct run r;

        settings_sample_load(&r, args, env);
        assert_int_equal(r.outcome, SETTINGS_BAD);
        for (size_t s = 0; s < 3; s++)
            if (!strstr(r.error.text, rows[i].says[s]))
                fail_msg("no '%s' in: %s", rows[i].says[s], r.error.text);
        settings_sample_finish(&r);
    }
}

static void test_taken(void **state)
{
    static const char *const bools[] = {"true", "1", "yes", "on", "TRUE", "On"};
    static const char *const sweeps[] = {"SWEEP=0", "SWEEP=0s", "SWEEP=0ms"};
    struct run r;
    for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
        char variable[20];
        const char *env[] = {variable, NULL};

        snprintf(variable, sizeof(variable), "REUSE=%s", bools[i]);
        settings_sample_load(&r, NULL, env);
        assert_true(r.outcome == SETTINGS_OK && r.config.reuseport);
        settings_sample_finish(&r);
    }
    for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
        const char *env[] = {sweeps[i], "PRESENCE_ENABLED=off", NULL};

        settings_sample_load(&r, NULL, env);
        assert_int_equal(r.outcome, SETTINGS_OK);
        assert_int_equal(r.config.sweep_ms, 0);
        assert_false(r.config.enabled);
        settings_sample_finish(&r);
    }
}

static void test_file_errors(void **state)
{
    static const struct {
        const char *content, *says;
    } rows[] = {
        {"PRESENCE_TTL=10\nrubbish geheim\n", ":2: must be KEY=value"},
        {"=x\n", ":1: must be KEY=value"},
        {"A B=x\n", ":1: must be KEY=value"},
        {"\n\nPRESENCE_TTL=1ms\n", ":3: PRESENCE_TTL=1ms: must be"},
    };
    const char *args[] = {"--config", settings_sample_file, NULL};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run r;

        settings_sample_write_text(settings_sample_file, rows[i].content);
        settings_sample_load(&r, args, NULL);
        assert_int_equal(r.outcome, SETTINGS_BAD);
        if (!strstr(r.error.text, rows[i].says))
            fail_msg("%s", r.error.text);
        assert_null(strstr(r.error.text, "geheim"));
        settings_sample_finish(&r);
    }
}

/* No secret in a message, whatever is wrong; none from argv. */
static void test_secrets(void **state)
{
    static const struct {
        const char *flag, *env1, *env2;
        enum settings_outcome outcome;
        const char *says;
    } rows[] = {
        {"--secret-key=geheim", NULL, NULL, SETTINGS_USAGE, "SECRET_KEY"},
        {"--redis-password=geheim", NULL, NULL, SETTINGS_USAGE, "REDIS_PASSWORD"},
        {"--password=geheim", NULL, NULL, SETTINGS_USAGE, "unknown flag --password"},
        {NULL, "SECRET_KEY=geheim", "SECRET_KEY_FILE=/etc/hostname", SETTINGS_BAD, "both"},
        {NULL, "PIN=geheim", NULL, SETTINGS_BAD, "PIN: must be a whole number, 1000 to 9999"},
        {NULL, "SECRET_KEY=geheim", "PRESENCE_TTL=x", SETTINGS_BAD, "PRESENCE_TTL=x"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[] = {rows[i].flag, NULL};
        const char *env[] = {rows[i].env1, rows[i].env2, NULL};
        struct run r;

        settings_sample_load(&r, args, env);
        assert_int_equal(r.outcome, rows[i].outcome);
        if (!strstr(r.error.text, rows[i].says) || strstr(r.error.text, "geheim"))
            fail_msg("%s", r.error.text);
        settings_sample_finish(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_second_name),
        cmocka_unit_test(test_value_from_file),
        cmocka_unit_test(test_what_surrounds_a_secret),
        cmocka_unit_test(test_warnings_add_up),
        cmocka_unit_test(test_value_file_named_in_file),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_file_errors),
        cmocka_unit_test(test_secrets),
    };

    return cmocka_run_group_tests(tests, settings_sample_set_up, settings_sample_tear_down);
}
