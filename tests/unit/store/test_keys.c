/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "store/keys.h"

static void assert_bytes(struct bytes *got, const char *expected)
{
    assert_string_equal(bytes_text(got), expected);
    bytes_finish(got);
}

static void test_names(void **state)
{
    struct bytes b = BYTES_INIT;
    keys_name("presence:", KEY_DUE, &b);
    assert_bytes(&b, "presence:due");
    keys_name("p:", CHANNEL_UPDATES, &b);
    assert_bytes(&b, "p:updates");
    keys_user("presence:", USER_KEY_META, SPAN("a:b"), &b);
    assert_bytes(&b, "presence:meta:a:b");
    keys_user_pattern("a*b?[c]\\^", USER_KEY_PRESENCE, &b);
    assert_bytes(&b, "a\\*b\\?\\[c\\]\\\\\\^user:*");
    keys_pattern("presence:", &b);
    assert_bytes(&b, "presence:*");
}

static void test_users_of_names(void **state)
{
    static const struct {
        const char *name, *user;
    } cases[] = {
        {"presence:user:7", "7"},
        {"presence:user:a:b", "a:b"},
        {"presence:user:", NULL},
        {"presence:meta:7", NULL},
        {"presence:use", NULL},
        {"other:user:7", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span user = SPAN_NONE;
        int r = keys_user_of("presence:", USER_KEY_PRESENCE, span_of(cases[i].name), &user);
        assert_int_equal(r, cases[i].user ? 0 : -1);
        assert_true(span_equal(user, span_of(cases[i].user)));
    }
}

static void test_groups(void **state)
{
    struct bytes b = BYTES_INIT;
    keys_group("g.{group}.u", SPAN("12"), &b);
    assert_bytes(&b, "g.12.u");
    keys_group("{group}", SPAN("{group}"), &b);
    assert_bytes(&b, "{group}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_users_of_names),
        cmocka_unit_test(test_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
