/* SPDX-License-Identifier: MIT */
#include "presence/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
        {"one of the minute ahead", "alice", "", "", 3599 + 60, false},
        {"one from farther ahead", "alice", "", "", 3599 + 61, true},
        {"one in milliseconds", "alice", "", "", 1000000, true},
        {"one from the end of time", "alice", "", "", INT64_MAX, true},
        {"one from before 1970", "alice", "", "", -1, true},
        {"another user's in milliseconds", "carol", "", "", 1000000, false},
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

/* As time passes, an iat ahead becomes believable: then the second up to which tokens are revoked decides. */
static void test_the_time_of_a_token_comes(void **state)
{
    assert_true(revocation_covers(100, 161, 100000));
    assert_false(revocation_covers(100, 160, 100000));
    assert_false(revocation_covers(100, 161, 101000));
    assert_true(revocation_covers(105, 105, 100000));
    assert_true(revocation_covers(105, 105, 106000));
    assert_false(revocation_covers(105, 106, 106000));
    assert_true(revocation_covers(-1, 0, 1000)); /* said nothing */
}

#define DAY_MS INT64_C(86400000)

static void test_the_lead_of_issuers(void **state)
{
    struct issuer_lead l = {0};
    int64_t now_ms = 20000 * DAY_MS + 500, now_s = now_ms / 1000;
    assert_false(revocation_issuer_lead_see(&l, now_s - 100, now_ms));
    assert_false(revocation_issuer_lead_see(&l, now_s, now_ms));
    assert_false(revocation_issuer_lead_see(&l, 0, now_ms));
    assert_false(revocation_issuer_lead_see(&l, now_s + ISSUER_LEAD_MAX_S + 1, now_ms));
    assert_false(revocation_issuer_lead_see(&l, now_ms, now_ms));
    assert_int_equal(revocation_issuer_lead_s(&l, now_ms), 0);
    assert_true(revocation_issuer_lead_see(&l, now_s + 5, now_ms));
    assert_false(revocation_issuer_lead_see(&l, now_s + 5, now_ms));
    assert_false(revocation_issuer_lead_see(&l, now_s + 4, now_ms));
    assert_int_equal(revocation_issuer_lead_s(&l, now_ms), 5);
    /* It is kept that day and the next. */
    assert_false(revocation_issuer_lead_see(&l, now_s + 86400 + 2, now_ms + DAY_MS));
    assert_int_equal(revocation_issuer_lead_s(&l, now_ms + DAY_MS), 5);
    assert_int_equal(revocation_issuer_lead_s(&l, now_ms + 2 * DAY_MS), 2);
    assert_int_equal(revocation_issuer_lead_s(&l, now_ms + 3 * DAY_MS), 0);
    assert_true(revocation_issuer_lead_see(&l, now_s + 3 * 86400 + ISSUER_LEAD_MAX_S, now_ms + 3 * DAY_MS));
    assert_int_equal(revocation_issuer_lead_s(&l, now_ms + 3 * DAY_MS), ISSUER_LEAD_MAX_S);
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

/* CPU time for all to come, and for all to end in one moment but the last. */
static void measure(double *ret_put, double *ret_prune)
{
    struct revocations r;
    clock_t start = clock(), middle;
    revocations_init(&r);
    for (int i = 0; i < REVOCATIONS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u:%d", i);
        revocations_put(&r, span_of(name), 1, i + 1 < REVOCATIONS_MAX ? HOUR_MS : 2 * HOUR_MS);
    }
    middle = clock();
    revocations_prune(&r, HOUR_MS);
    *ret_put = (double)(middle - start);
    *ret_prune = (double)(clock() - middle);
    assert_int_equal(r.by_name.count, 1);
    revocations_finish(&r);
}

/* As linear as putting them is; in one of several tries, since others may have had the machine. */
static void test_all_end_together(void **state)
{
    bool linear = false;
    for (int tries = 0; tries < 10 && !linear; tries++) {
        double put, prune;
        measure(&put, &prune);
        linear = prune < 3 * put;
    }
    assert_true(linear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),         cmocka_unit_test(test_the_time_of_a_token_comes),
        cmocka_unit_test(test_the_lead_of_issuers),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_later_of_both_stays), cmocka_unit_test(test_bounded_and_forgotten),
        cmocka_unit_test(test_all_end_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
