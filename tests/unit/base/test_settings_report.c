/* SPDX-License-Identifier: MIT */
/* Where values come from, and names that nobody knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings_names.h"
#include "support/settings_sample.h"

static void test_nearest(void **state)
{
    static const struct {
        const char *name, *nearest; /* NULL: none */
    } rows[] = {
        {"PRESENCE_HOLDBAK", "PRESENCE_HOLDBACK"},
        {"PRESENCE_TLL", "PRESENCE_TTL"},
        {"PRESENCE_TTLS", "PRESENCE_TTL"},
        {"PRESENCE_WS_LISTN", "PRESENCE_WS_LISTEN"},
        {"PRESENCE_API_LISTEN_", "PRESENCE_API_LISTEN"},
        {"REDIS_PASWORD", "REDIS_PASSWORD"},
        {"REDIS_PASSWORT_FILE", "REDIS_PASSWORD_FILE"},
        {"REDIS_HOSTNAME", NULL},
        {"PRESENCE_TTL_FILE", "PRESENCE_TTL"},
        {"JWT_SECRETS", "JWT_SECRET"},
        {"JWT_PUBLIC_KEYFILE", "JWT_PUBLIC_KEY_FILE"},
        {"PRESENCE_CTL_JSN", "PRESENCE_CTL_JSON"},
        {"PRESENCE_SIM_HISTORIES", "PRESENCE_SIM_HISTORY"},
        {"presence_ttl", NULL},
        {"foo", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *nearest = settings_name_nearest(span_of(rows[i].name));

        if (settings_name_known(span_of(rows[i].name)))
            fail_msg("%s is known", rows[i].name);
        if (rows[i].nearest ? !nearest || strcmp(nearest, rows[i].nearest) : nearest != NULL)
            fail_msg("%s: %s", rows[i].name, nearest ? nearest : "none");
    }
}

static void test_known(void **state)
{
    static const char *const names[] = {"PRESENCE_TTL", "REDIS_PASSWORD_FILE", "SECRET_KEY_FILE",
                                        "JWT_SECRET",   "JWT_SECRET_FILE",     "PRESENCE_API_THREADS",
                                        "PRESENCE_BIN", "PRESENCE_CTL_JSON",   "PRESENCE_SWEEP_INTERVAL",
                                        "PRESENCE_SEED"};
    static const char *const others[] = {"PRESENCE_TTL_FILE", "PRESENCE_", "PRESENCE", "REDIS_HOST_FILE"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!settings_name_known(span_of(names[i])))
            fail_msg("%s", names[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (settings_name_known(span_of(others[i])))
            fail_msg("%s", others[i]);
}

static void test_links(void **state)
{
    static const char *const links[] = {
        "REDIS_SERVICE_HOST",
        "REDIS_SERVICE_PORT",
        "REDIS_SERVICE_PORT_REDIS",
        "REDIS_PORT",
        "REDIS_PORT_6379_TCP",
        "REDIS_PORT_6379_TCP_PROTO",
        "REDIS_PORT_6379_TCP_PORT",
        "REDIS_PORT_6379_TCP_ADDR",
        "PRESENCE_WS_SERVICE_PORT_HTTP",
        "PRESENCE_API_PORT_53_UDP",
        "PRESENCE_API_PORT_9_SCTP_ADDR",
        "JWT_ISSUER_SERVICE_HOST",
    };
    static const char *const others[] = {
        "REDIS_PORT_TCP", "REDIS_PORT_6379",  "REDIS_PORT_6379_TCP_NAME", "REDIS_SERVICE",
        "REDIS_PORTS",    "REDIS_PORT_x_TCP", "REDIS_6379_TCP",           "_TCP",
        "6379_TCP"};

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (!settings_name_is_link(span_of(links[i])))
            fail_msg("%s", links[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (settings_name_is_link(span_of(others[i])))
            fail_msg("%s", others[i]);
}

static void test_environment(void **state)
{
    static const char *const names[] = {"PATH=/bin",
                                        "PRESENCE_TTL=1",
                                        "PRESENCE_HOLDBAK=5s",
                                        "REDIS_SERVICE_HOST=10.0.0.1",
                                        "REDIS_PASWORD=x",
                                        "PRESENCE_EMPTY=",
                                        "PRESENCE_NO_VALUE",
                                        "REDIS_\x1b[31m=x",
                                        "JWT_=x",
                                        "NOT_PRESENCE_TTLL=1",
                                        NULL};
    struct settings_report r = {0};

    settings_doubt_environment(names, &r);
    assert_int_equal(r.warning_count, 3);
    assert_string_equal(r.warnings[0].event, "unknown_setting");
    assert_string_equal(r.warnings[0].text,
                        "PRESENCE_HOLDBAK is no setting of any program; is PRESENCE_HOLDBACK meant?");
    assert_string_equal(r.warnings[1].text,
                        "REDIS_PASWORD is no setting of any program; is REDIS_PASSWORD meant?");
    assert_string_equal(r.warnings[2].text, "REDIS_?[31m is no setting of any program");
    settings_report_finish(&r);
}

/* A name of any length, as an environment may have it. */
static void test_a_long_name(void **state)
{
    char name[5000] = "PRESENCE_";
    const char *const names[] = {name, NULL};
    struct settings_report r = {0};
    memset(name + 9, 'X', sizeof(name) - 12);
    memcpy(name + sizeof(name) - 3, "=1", 3);
    settings_doubt_environment(names, &r);
    assert_int_equal(r.warning_count, 1);
    assert_true(strlen(r.warnings[0].text) < 200);
    settings_report_finish(&r);
}

struct reported {
    struct config config;
    struct settings_report report;
    struct settings_error error;
    enum settings_outcome outcome;
};

static void load(struct reported *r, char **argv, int argc, const char *const *env)
{
    *r = (struct reported){.outcome = SETTINGS_OK};
    settings_sample_environment = env;
    r->outcome = settings_load_report(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &argc, argv, &r->config,
                                      &r->error, settings_sample_getenv, &r->report);
}

static void finish(struct reported *r)
{
    settings_finish(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r->config);
    settings_report_finish(&r->report);
}

static void test_origins(void **state)
{
    static const char *const env[] = {"BODY=1k", "JWT_SECRET=geheim", "REDIS_PASSWORD_FILE=", "SWEEP=", NULL};
    char *argv[] = {(char *)"p",        (char *)"--ttl",      (char *)"5s",
                    (char *)"--config", settings_sample_file, NULL};
    bytes_auto shown = BYTES_INIT, expected = BYTES_INIT;
    struct reported r;

    settings_sample_write_text(
        settings_sample_file, "# a comment\nPRESENCE_TTL=7\n\nLOG_LEVEL=debug\nREDIS_PORT=1\nREDIS_PORT=2\n");
    load(&r, argv, 5, env);
    assert_int_equal(r.outcome, SETTINGS_OK);
    assert_int_equal(r.report.warning_count, 0);
    r.config.body = 512; /* something else bounds it */
    settings_show(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r.config, &r.report, &shown);
    bytes_printf(&expected,
                 "# flag --ttl\nPRESENCE_TTL=5s\n"
                 "# default\nSWEEP=30s\n"
                 "# environment BODY (1k); in force:\nBODY=512\n"
                 "# file %s:4\nLOG_LEVEL=debug\n"
                 "# default\nPRESENCE_ENABLED=true\n"
                 "# default\nREUSE=false\n"
                 "# default\nGROUPS=\n"
                 "# environment JWT_SECRET\n# SECRET_KEY=***\n"
                 "# default\n# PIN=***\n"
                 "# default\nREDIS_HOST=localhost\n"
                 "# file %s:6\nREDIS_PORT=2\n"
                 "# default\nREDIS_PASSWORD=\n",
                 settings_sample_file, settings_sample_file);
    if (strcmp(bytes_text(&shown), bytes_text(&expected)))
        fail_msg("%s", bytes_text(&shown));
    finish(&r);
}

static void test_the_file_that_is_shown_is_one(void **state)
{
    static const char *const env[] = {"PRESENCE_TTL=90", "GROUPS= a", NULL}, *const none[] = {NULL};
    char *plain[] = {(char *)"p", NULL},
         *argv[] = {(char *)"p", (char *)"--config", settings_sample_file, NULL};
    bytes_auto first = BYTES_INIT, second = BYTES_INIT;
    struct reported r;

    load(&r, plain, 1, env);
    settings_show(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r.config, &r.report, &first);
    finish(&r);
    settings_sample_write(settings_sample_file, first.data, first.len);
    load(&r, argv, 3, none);
    assert_int_equal(r.outcome, SETTINGS_OK);
    assert_int_equal(r.config.ttl_ms, 90000);
    assert_string_equal(r.config.groups, " a");
    settings_show(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r.config, NULL, &second);
    finish(&r);
}

static void test_keys_of_the_file(void **state)
{
    static const char *const none[] = {NULL};
    char *argv[] = {(char *)"p", (char *)"--config", settings_sample_file, NULL};
    char expected[2][200];
    struct reported r;
    settings_sample_write_text(settings_sample_file,
                               "# PRESENCE_COMMENT=1\nfoo=bar\nPRESENCE_API_LISTEN=x\n\n REDIS_HOSTT = \n");
    load(&r, argv, 3, none);
    assert_int_equal(r.outcome, SETTINGS_OK);
    snprintf(expected[0], sizeof(expected[0]), "%s:2: foo is no setting of any program",
             settings_sample_file);
    snprintf(expected[1], sizeof(expected[1]),
             "%s:5: REDIS_HOSTT is no setting of any program; is REDIS_HOST meant?", settings_sample_file);
    assert_int_equal(r.report.warning_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(r.report.warnings[i].text, expected[i]);
    finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests_of_reports[] = {
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_a_long_name),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_the_file_that_is_shown_is_one),
        cmocka_unit_test(test_keys_of_the_file),
    };

    return cmocka_run_group_tests(tests_of_reports, settings_sample_set_up, settings_sample_tear_down);
}
