/* SPDX-License-Identifier: MIT */
#include "presence/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID(literal)                                                                                          \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }

static void test_ids(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        bool valid;
    } rows[] = {
        {"plain", ID("user123"), true},
        {"number", ID("7"), true},
        {"colon", ID("org:7:user"), true},
        {"space", ID("Jo Doe"), true},
        {"umlaut", ID("J\xc3\xb6rg"), true},
        {"emoji", ID("\xf0\x9f\x93\xb1"), true},
        {"glob", ID("*"), true},
        {"empty", ID(""), false},
        {"none", {NULL, 0}, false},
        {"NUL", ID("a\0b"), false},
        {"newline", ID("a\n"), false},
        {"escape", ID("\x1b[31m"), false},
        {"DEL", ID("\x7f"), false},
        {"C1", ID("\xc2\x85"), false},
        {"not UTF-8", ID("\xff"), false},
        {"overlong", ID("\xc0\xaf"), false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span id = rows[i].input;

        if (identity_user_valid(id) != rows[i].valid || identity_device_valid(id) != rows[i].valid ||
            identity_group_valid(id) != rows[i].valid)
            fail_msg("%s", rows[i].name);
    }
}

static void test_length_is_in_bytes(void **state)
{
    char text[USER_ID_MAX + 2];
    memset(text, 'x', sizeof(text));
    assert_true(identity_user_valid((struct span){text, USER_ID_MAX}));
    assert_false(identity_user_valid((struct span){text, USER_ID_MAX + 1}));
    assert_false(identity_device_valid((struct span){text, DEVICE_ID_MAX + 1}));
    assert_false(identity_group_valid((struct span){text, GROUP_ID_MAX + 1}));
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    assert_true(identity_user_valid((struct span){text, USER_ID_MAX}));
    assert_false(identity_user_valid((struct span){text, USER_ID_MAX - 1}));
    assert_false(identity_user_valid((struct span){text, USER_ID_MAX + 2}));
}

static void test_roles(void **state)
{
    static const struct {
        const char *input;
        int code;
        enum role expected;
    } rows[] = {
        {"mobile", 0, ROLE_MOBILE}, {"web", 0, ROLE_WEB}, {"dashboard", 0, ROLE_DASHBOARD},
        {"Mobile", -1, 0},          {"", -1, 0},          {"admin", -1, 0},
        {"mobile ", -1, 0},         {"mob", -1, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum role role = ROLE_DASHBOARD;

        assert_int_equal(role_parse(span_of(rows[i].input), &role), rows[i].code);
        assert_int_equal(role, rows[i].code ? ROLE_DASHBOARD : rows[i].expected);
        if (!rows[i].code)
            assert_string_equal(role_name(role), rows[i].input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_length_is_in_bytes),
        cmocka_unit_test(test_roles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
