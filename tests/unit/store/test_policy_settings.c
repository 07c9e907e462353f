/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/policy_settings.h"

static void test_intervals(void **state)
{
    static const struct {
        int64_t ttl_ms, min_ms, bounded_ms, interval_ms;
    } cases[] = {
        {60000, 25000, 25000, 30000},       {60000, 26000, 25000, 30000},
        {60000, 10000, 10000, 30000},       {60000, 0, 0, 30000},
        {3000, 25000, 1250, 1500},          {50, 25000, 20, 25},
        {86400000, 25000, 25000, 43200000},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy p = {.ttl_ms = cases[i].ttl_ms, .heartbeat_min_ms = cases[i].min_ms};
        assert_int_equal(policy_heartbeat_min(&p), cases[i].bounded_ms);
        assert_int_equal(policy_heartbeat_interval(&p), cases[i].interval_ms);
        /* Two kept beats in a row never let a TTL pass. */
        assert_true(2 * policy_heartbeat_min(&p) < p.ttl_ms);
    }
}

/* What is shown is what is in force. */
static void test_check_bounds(void **state)
{
    struct policy p = {.ttl_ms = 60000, .heartbeat_min_ms = 7200000, .prefix = "p:", .group_key = "{group}"};
    struct settings_error error;
    assert_int_equal(policy_settings_check(&p, &error), 0);
    assert_int_equal(p.heartbeat_min_ms, 25000);
    p.heartbeat_min_ms = 1000;
    assert_int_equal(policy_settings_check(&p, &error), 0);
    assert_int_equal(p.heartbeat_min_ms, 1000);
}

static void test_check(void **state)
{
    static const struct {
        const char *prefix, *group_key, *setting; /* NULL: fine */
    } cases[] = {
        {"presence:", "g.{group}.u", NULL},
        {"p", "{group}", NULL},
        {"0123456789012345678901234567890123456789012345678901234567890123", "{group}", NULL},
        {"01234567890123456789012345678901234567890123456789012345678901234", "{group}", "PRESENCE_PREFIX"},
        {"", "{group}", "PRESENCE_PREFIX"},
        {NULL, "{group}", "PRESENCE_PREFIX"},
        {"a\nb", "{group}", "PRESENCE_PREFIX"},
        {"\xff", "{group}", "PRESENCE_PREFIX"},
        {"presence:", "g.group.u", "PRESENCE_GROUP_KEY"},
        {"presence:", "", "PRESENCE_GROUP_KEY"},
        {"presence:", NULL, "PRESENCE_GROUP_KEY"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *prefix = cases[i].prefix ? strdup(cases[i].prefix) : NULL;
        char *group_key = cases[i].group_key ? strdup(cases[i].group_key) : NULL;
        struct policy p = {.prefix = prefix, .group_key = group_key};
        struct settings_error error = {0};
        assert_int_equal(policy_settings_check(&p, &error), cases[i].setting ? -1 : 0);
        if (cases[i].setting)
            assert_int_equal(strncmp(error.text, cases[i].setting, strlen(cases[i].setting)), 0);
        free(prefix);
        free(group_key);
    }
}

static int load(const char *name, const char *value, struct policy *p, struct settings_error *error)
{
    static const struct setting_table table = {policy_settings, POLICY_SETTINGS_COUNT, 0, "Presence"};
    char program[] = "test";
    char *argv[] = {program, NULL};
    int argc = 1;
    memset(p, 0, sizeof(*p));
    if (name)
        setenv(name, value, 1);
    int result = settings_load(&table, 1, &argc, argv, p, error, NULL);
    if (name)
        unsetenv(name);
    return result;
}

static void test_settings(void **state)
{
    static const struct setting_table table = {policy_settings, POLICY_SETTINGS_COUNT, 0, "Presence"};
    static const struct {
        const char *name, *value;
        size_t offset;
        int64_t number; /* -1: refused */
    } cases[] = {
        {"PRESENCE_TTL", "60", offsetof(struct policy, ttl_ms), 60000},
        {"PRESENCE_TTL", "50ms", offsetof(struct policy, ttl_ms), 50},
        {"PRESENCE_TTL", "49ms", 0, -1},
        {"PRESENCE_TTL", "0", 0, -1},
        {"PRESENCE_TTL", "24h", offsetof(struct policy, ttl_ms), 86400000},
        {"PRESENCE_HEARTBEAT_MIN", "0", offsetof(struct policy, heartbeat_min_ms), 0},
        {"PRESENCE_OFFLINE_GRACE", "5s", offsetof(struct policy, offline_grace_ms), 5000},
        {"PRESENCE_ABORT_GRACE", "7s", offsetof(struct policy, abort_grace_ms), 7000},
        {"PRESENCE_DRAIN_GRACE", "250ms", offsetof(struct policy, drain_grace_ms), 250},
        {"PRESENCE_HOLDBACK", "0", offsetof(struct policy, holdback_ms), 0},
        {"PRESENCE_REPAIR_INTERVAL", "0", offsetof(struct policy, repair_interval_ms), 0},
        {"PRESENCE_LOG_MAX", "100", offsetof(struct policy, log_max), 100},
        {"PRESENCE_LOG_MAX", "99", 0, -1},
        {"PRESENCE_LOG_MAX", "many", 0, -1},
    };
    struct policy p;
    struct settings_error error;

    assert_int_equal(load(NULL, NULL, &p, &error), SETTINGS_OK);
    assert_true(p.enabled);
    assert_int_equal(p.ttl_ms, 60000);
    assert_int_equal(p.heartbeat_min_ms, 25000);
    assert_int_equal(p.offline_grace_ms, 0);
    assert_int_equal(p.abort_grace_ms, 0);
    assert_int_equal(p.drain_grace_ms, 15000);
    assert_int_equal(p.holdback_ms, 2000);
    assert_int_equal(p.repair_interval_ms, 30000);
    assert_string_equal(p.prefix, "presence:");
    assert_string_equal(p.group_key, "g.{group}.u");
    assert_int_equal(policy_settings_check(&p, &error), 0);
    settings_finish(&table, 1, &p);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int result = load(cases[i].name, cases[i].value, &p, &error);
        if ((result == SETTINGS_OK) != (cases[i].number >= 0))
            fail_msg("%s=%s: %d", cases[i].name, cases[i].value, result);
        if (cases[i].number < 0)
            assert_non_null(strstr(error.text, cases[i].name));
        else
            assert_int_equal(*(int64_t *)((char *)&p + cases[i].offset), cases[i].number);
        settings_finish(&table, 1, &p);
    }
}

static void test_the_longer_grace_counts(void **state)
{
    static const int64_t cases[][3] = {
        {0, 0, 0}, {5000, 0, 5000}, {0, 7000, 7000}, {5000, 7000, 7000}, {7000, 5000, 7000}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy p = {.offline_grace_ms = cases[i][0], .abort_grace_ms = cases[i][1]};
        assert_int_equal(policy_abort_grace(&p), cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_bounds),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_the_longer_grace_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
