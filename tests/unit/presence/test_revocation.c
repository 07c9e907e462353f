#include "presence/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define HOUR_MS 3600000

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *user, *device, *token_id;
        int64_t issued_s;
        bool refused;
    } cases[] = {
        {"an old token of the user", "alice", "d", "j", 99, true},
        {"one of the same second", "alice", "", "", 100, true},
        {"one that does not say when", "alice", "", "", 0, true},
        {"a newer one", "alice", "", "", 101, false},
        {"another user", "alic", "", "", 1, false},
        {"the device of another user", "bob", "phone", "", 1, true},
        {"the user's other device", "bob", "tablet", "", 1, false},
        {"without a device", "bob", "", "", 1, false},
        {"the token, whosever it is", "eve", "x", "jti-7", 1, true},
        {"a user with the token's id for a name", "jti-7", "", "", 1, false},
        {"a newer token of the same id", "eve", "x", "jti-7", 101, false},
        {"a user who ends like a kind", "u:alice", "", "", 1, false},
    };
    struct revocations r;
    revocations_init(&r);
    assert_true(revocations_put(&r, SPAN("u:alice"), 100, HOUR_MS));
    assert_true(revocations_put(&r, SPAN("d:bob\tphone"), 100, HOUR_MS));
    assert_true(revocations_put(&r, SPAN("t:jti-7"), 100, HOUR_MS));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bearer b = {span_of(cases[i].user), span_of(cases[i].device), span_of(cases[i].token_id),
                           cases[i].issued_s};
        if (revocations_refuse(&r, &b, HOUR_MS - 1) != cases[i].refused)
            fail_msg("%s", cases[i].name);
        assert_false(revocations_refuse(&r, &b, HOUR_MS));
    }
    revocations_finish(&r);
}

static void test_names(void **state)
{
    static const struct {
        struct span name;
        bool taken;
    } cases[] = {
        {SPAN("u:a"), true},     {SPAN("u:"), false},    {SPAN(""), false},       {SPAN("u"), false},
        {SPAN("x:a"), false},    {SPAN("ua"), false},    {SPAN("u:a\nb"), false}, {SPAN("d:a\tb"), true},
        {SPAN("d:a"), false},    {SPAN("d:a\t"), false}, {SPAN("d:\tb"), false},  {SPAN("d:a\tb\tc"), false},
        {SPAN("t:\x01"), false}, {SPAN("u:a:b"), true},  {SPAN("t:a b"), true},   {SPAN("u:\xff"), false},
    };
    struct revocations r;
    revocations_init(&r);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (revocations_put(&r, cases[i].name, 1, 1) != cases[i].taken)
            fail_msg("%.*s", (int)cases[i].name.len, cases[i].name.data);
    revocations_finish(&r);
}

static void test_the_later_of_both_stays(void **state)
{
    struct revocations r;
    struct bearer b = {.user = SPAN("a"), .issued_s = 20};
    revocations_init(&r);
    assert_true(revocations_put(&r, SPAN("u:a"), 10, 2000));
    assert_false(revocations_put(&r, SPAN("u:a"), 10, 2000));
    assert_false(revocations_put(&r, SPAN("u:a"), 5, 1000));
    assert_true(revocations_put(&r, SPAN("u:a"), 20, 1000));
    assert_true(revocations_refuse(&r, &b, 1999));
    assert_true(revocations_put(&r, SPAN("u:a"), 1, 3000));
    assert_true(revocations_refuse(&r, &b, 2999));
    revocations_finish(&r);
}

static void test_bounded_and_forgotten(void **state)
{
    char name[32];
    size_t at = 0;
    struct revocations r;
    revocations_init(&r);
    for (int i = 0; i < REVOCATIONS_MAX; i++) {
        snprintf(name, sizeof(name), "u:%d", i);
        assert_true(revocations_put(&r, span_of(name), 1, i + 1));
    }
    assert_false(revocations_put(&r, SPAN("u:one-more"), 1, HOUR_MS));
    assert_true(revocations_put(&r, SPAN("u:7"), 1, HOUR_MS));
    revocations_prune(&r, REVOCATIONS_MAX - 1);
    assert_int_equal(r.by_name.count, 2);
    while (revocations_next(&r, &at))
        ;
    assert_true(revocations_put(&r, SPAN("u:one-more"), 1, HOUR_MS));
    revocations_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_later_of_both_stays),
        cmocka_unit_test(test_bounded_and_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
