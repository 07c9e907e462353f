/* SPDX-License-Identifier: MIT */
#include "wire/control.h"

#include "base/mem.h"
#include "support/cases.h"

static void test_read(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        const char *cmd; /* NULL: none */
        const char *user, *device;
        size_t groups;
        int64_t db;
    } cases[] = {
        {"kick", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"deviceId\":\"d\",\"db\":3}"), "kick", "u", "d", 0,
         3},
        {"kick everywhere", SPAN("{\"cmd\":\"kick\",\"userId\":\"a:b\"}"), "kick", "a:b", NULL, 0, -1},
        {"null says nothing", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"deviceId\":null,\"db\":null}"),
         "kick", "u", NULL, 0, -1},
        {"groups",
         SPAN("{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":[\"a\",\"b\"],\"epoch\":\"e\",\"db\":0}"),
         "groups", "u", NULL, 2, 0},
        {"no groups", SPAN("{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":[],\"db\":0}"), "groups", "u",
         NULL, 0, 0},
        {"no groups, as a script has it",
         SPAN("{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":{},\"db\":0}"), "groups", "u", NULL, 0, 0},
        {"about no user", SPAN("{\"cmd\":\"node\",\"node\":\"n\",\"db\":0}"), "node", NULL, NULL, 0, 0},
        {"no command", SPAN("{\"userId\":\"u\"}"), NULL, NULL, NULL, 0, 0},
        {"an empty command", SPAN("{\"cmd\":\"\",\"userId\":\"u\"}"), NULL, NULL, NULL, 0, 0},
        {"a command that is none", SPAN("{\"cmd\":1,\"userId\":\"u\"}"), NULL, NULL, NULL, 0, 0},
        {"a user that is none", SPAN("{\"cmd\":\"kick\",\"userId\":\"\"}"), NULL, NULL, NULL, 0, 0},
        {"a user of another type", SPAN("{\"cmd\":\"kick\",\"userId\":[\"u\"]}"), NULL, NULL, NULL, 0, 0},
        {"a user with a control character", SPAN("{\"cmd\":\"kick\",\"userId\":\"a\\nb\"}"), NULL, NULL, NULL,
         0, 0},
        {"a device that is none", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"deviceId\":5}"), NULL, NULL,
         NULL, 0, 0},
        {"an empty device", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"deviceId\":\"\"}"), NULL, NULL, NULL,
         0, 0},
        {"a database that is none", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"db\":\"0\"}"), NULL, NULL,
         NULL, 0, 0},
        {"a database below zero", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"db\":-1}"), NULL, NULL, NULL, 0,
         0},
        {"groups that are no list", SPAN("{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":\"a\"}"), NULL,
         NULL, NULL, 0, 0},
        {"groups as a map", SPAN("{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":{\"a\":1}}"), NULL, NULL,
         NULL, 0, 0},
        {"a group that is none", SPAN("{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":[\"a\",7]}"), NULL,
         NULL, NULL, 0, 0},
        {"an array", SPAN("[\"kick\"]"), NULL, NULL, NULL, 0, 0},
        {"no JSON", SPAN("kick u"), NULL, NULL, NULL, 0, 0},
        {"nothing", SPAN(""), NULL, NULL, NULL, 0, 0},
        {"a key twice", SPAN("{\"cmd\":\"kick\",\"userId\":\"u\",\"userId\":\"v\"}"), NULL, NULL, NULL, 0, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span groups[GROUPS_UNION_MAX];
        struct control c;
        int result = control_read(cases[i].text, groups, &c);
        expect_int(cases[i].name, result, cases[i].cmd ? 0 : -1);
        if (result < 0)
            continue;
        expect_span(cases[i].name, c.cmd, span_of(cases[i].cmd));
        expect_span(cases[i].name, c.user, span_of(cases[i].user));
        expect_span(cases[i].name, c.device, span_of(cases[i].device));
        expect_int(cases[i].name, c.group_count, cases[i].groups);
        expect_int(cases[i].name, c.db, cases[i].db);
        for (size_t g = 0; g < c.group_count; g++)
            expect_span(cases[i].name, groups[g], ((struct span){&"ab"[g], 1}));
        control_finish(&c);
    }
}

static void groups_of(size_t count, size_t len, struct bytes *out)
{
    for (size_t i = 0; i < count; i++) {
        bytes_append_char(out, i ? ',' : '[');
        bytes_append_char(out, '"');
        for (size_t c = 0; c < len; c++)
            bytes_append_char(out, 'g');
        bytes_append_char(out, '"');
    }
    bytes_append_char(out, ']');
}

static void test_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t count, len;
        int result;
        size_t taken;
    } cases[] = {
        {"as many as may be", GROUPS_UNION_MAX, 1, 0, GROUPS_UNION_MAX},
        {"more: the first ones count", GROUPS_UNION_MAX + 1, 1, 0, GROUPS_UNION_MAX},
        {"as long as may be", 1, GROUP_ID_MAX, 0, 1},
        {"longer", 1, GROUP_ID_MAX + 1, -1, 0},
        {"all of them long", GROUPS_UNION_MAX, GROUP_ID_MAX, 0, GROUPS_UNION_MAX},
        {"an empty one", 1, 0, -1, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span groups[GROUPS_UNION_MAX];
        struct control c;
        size_t count;
        bytes_auto list = BYTES_INIT;
        bytes_auto text = BYTES_INIT;
        groups_of(cases[i].count, cases[i].len, &list);
        bytes_printf(&text, "{\"cmd\":\"groups\",\"userId\":\"u\",\"groups\":%s}", bytes_text(&list));
        expect_int(cases[i].name, control_read(bytes_span(&text), groups, &c), cases[i].result);
        if (cases[i].result == 0)
            control_finish(&c);
        void *owner = control_groups_read(bytes_span(&list), groups, &count);
        expect_int(cases[i].name, count, cases[i].taken);
        control_groups_finish(owner);
    }
    bytes_auto huge = BYTES_INIT;
    struct span groups[GROUPS_UNION_MAX];
    struct control c;
    bytes_append_text(&huge, "{\"cmd\":\"kick\",\"userId\":\"u\",\"x\":\"");
    for (int i = 0; i < 262144; i++)
        bytes_append_char(&huge, 'x');
    bytes_append_text(&huge, "\"}");
    assert_int_equal(control_read(bytes_span(&huge), groups, &c), -1);
}

static void test_write_kick(void **state)
{
    static const struct {
        struct span user, device;
        int64_t db;
        const char *text;
    } cases[] = {
        {SPAN("u"), SPAN_NONE, 0, "{\"cmd\":\"kick\",\"userId\":\"u\",\"db\":0}"},
        {SPAN("a\"b\\"), SPAN("d"), 15,
         "{\"cmd\":\"kick\",\"userId\":\"a\\\"b\\\\\",\"deviceId\":\"d\",\"db\":15}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span groups[GROUPS_UNION_MAX];
        struct control c;
        bytes_auto out = BYTES_INIT;
        control_write_kick(cases[i].user, cases[i].device, cases[i].db, &out);
        assert_string_equal(bytes_text(&out), cases[i].text);
        assert_int_equal(control_read(bytes_span(&out), groups, &c), 0);
        expect_span("user", c.user, cases[i].user);
        expect_span("device", c.device, cases[i].device);
        expect_int("db", c.db, cases[i].db);
        control_finish(&c);
    }
}

static void test_groups(void **state)
{
    static const struct {
        const char *name, *text;
        size_t count;
    } wrong[] = {
        {"nothing", "", 0},          {"no JSON", "a", 0},
        {"a map", "{}", 0},          {"not all ids", "[\"a\",null]", 0},
        {"nested", "[[\"a\"]]", 0},  {"empty", "[]", 0},
        {"two", "[\"a\",\"b\"]", 2},
    };
    const struct span names[] = {SPAN("a"), SPAN("b\"\\"), SPAN("\xc3\xa9")};
    struct span groups[GROUPS_UNION_MAX];
    bytes_auto out = BYTES_INIT;
    size_t count;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        count = 77;
        void *owner = control_groups_read(span_of(wrong[i].text), groups, &count);
        expect_int(wrong[i].name, count, wrong[i].count);
        control_groups_finish(owner);
    }
    control_groups_write(names, 0, &out);
    assert_int_equal(out.len, 0);
    control_groups_write(names, 3, &out);
    void *owner = control_groups_read(bytes_span(&out), groups, &count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++)
        expect_span("written and read", groups[i], names[i]);
    control_groups_finish(owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_write_kick),
        cmocka_unit_test(test_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
