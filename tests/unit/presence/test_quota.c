/* SPDX-License-Identifier: MIT */
#include "presence/quota.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW 1000000

static enum quota_answer take(struct quota *q, const struct quota_limits *limits, const char *user,
                              const char *address, int64_t now_ms, struct quota_place *place)
{
    int64_t wait_ms;
    return quota_take(q, limits, span_of(user), span_of(address), now_ms, place, &wait_ms);
}

static void test_answers(void **state)
{
    static const struct quota_limits limits = {.most = 5, .most_per_user = 2, .most_per_address = 3};
    static const struct {
        const char *user, *address;
        enum quota_answer answer;
    } rows[] = {
        {"a", "1", QUOTA_TAKEN},     {"a", "2", QUOTA_TAKEN}, {"a", "3", QUOTA_USER_FULL},
        {"b", "1", QUOTA_TAKEN},     {"c", "1", QUOTA_TAKEN}, {"d", "1", QUOTA_ADDRESS_FULL},
        {"a", "1", QUOTA_USER_FULL}, {"1", "", QUOTA_TAKEN},  {"e", "2", QUOTA_FULL},
    };
    struct quota_place places[sizeof(rows) / sizeof(rows[0])] = {{NULL, NULL}};
    struct quota q;

    quota_init(&q);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (take(&q, &limits, rows[i].user, rows[i].address, NOW, &places[i]) != rows[i].answer)
            fail_msg("row %zu", i);
    assert_int_equal(q.count, 5);
    quota_give_back(&q, &places[0], NOW);
    quota_give_back(&q, &places[0], NOW);
    assert_int_equal(q.count, 4);
    assert_int_equal(take(&q, &limits, "d", "1", NOW, &places[0]), QUOTA_TAKEN);
    assert_int_equal(take(&q, &limits, "a", "", NOW, &places[2]), QUOTA_FULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        quota_give_back(&q, &places[i], NOW);
    assert_int_equal(q.count + q.users.count + q.addresses.count + q.idle_count, 0);
    quota_finish(&q);
}

static void test_no_limits(void **state)
{
    static const struct quota_limits none;
    static struct quota_place places[1000];
    struct quota q;
    quota_init(&q);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(take(&q, &none, "a", "1", NOW, &places[i]), QUOTA_TAKEN);
    for (size_t i = 0; i < 1000; i++)
        quota_give_back(&q, &places[i], NOW);
    assert_int_equal(q.users.count, 0);
    quota_finish(&q);
}

/* One at a time, so that only the connects count. Returns how many of `tries` came in. */
static size_t connects(struct quota *q, const struct quota_limits *limits, size_t tries, int64_t now_ms)
{
    size_t taken = 0;
    for (size_t i = 0; i < tries; i++) {
        struct quota_place place = {NULL, NULL};
        taken += take(q, limits, "a", "1", now_ms, &place) == QUOTA_TAKEN;
        quota_give_back(q, &place, now_ms);
    }
    return taken;
}

static void test_hasty(void **state)
{
    static const struct quota_limits by_user = {.connects_per_user = 60};
    static const struct quota_limits by_address = {.connects_per_address = 7};
    struct quota_place place = {NULL, NULL};
    int64_t wait_ms;
    struct quota q;
    quota_init(&q);
    assert_int_equal(connects(&q, &by_user, 100, NOW), 60);
    assert_int_equal(quota_take(&q, &by_user, SPAN("a"), SPAN("1"), NOW + 400, &place, &wait_ms),
                     QUOTA_USER_HASTY);
    assert_int_equal(wait_ms, 600);
    assert_null(place.user);
    assert_int_equal(connects(&q, &by_user, 10, NOW + 999), 0);
    assert_int_equal(connects(&q, &by_user, 10, NOW + 1000), 1);
    assert_int_equal(connects(&q, &by_user, 100, NOW + 11000), 10);
    assert_int_equal(take(&q, &by_user, "b", "1", NOW + 11000, &place), QUOTA_TAKEN);
    quota_give_back(&q, &place, NOW + 11000);

    assert_int_equal(connects(&q, &by_address, 100, NOW + 200000), 7);
    assert_int_equal(quota_take(&q, &by_address, SPAN("c"), SPAN("1"), NOW + 200000, &place, &wait_ms),
                     QUOTA_ADDRESS_HASTY);
    assert_in_range(wait_ms, 60000 / 7, 60000 / 7 + 1);
    quota_finish(&q);
}

static void test_forgets(void **state)
{
    static const struct quota_limits limits = {.connects_per_user = 60, .connects_per_address = 600};
    struct quota_place place = {NULL, NULL}, held = {NULL, NULL};
    struct quota q;
    quota_init(&q);
    assert_int_equal(connects(&q, &limits, 30, NOW), 30);
    assert_int_equal(take(&q, &limits, "held", "2", NOW, &held), QUOTA_TAKEN);
    assert_int_equal(q.idle_count, 2);
    quota_tidy(&q, NOW + 29999);
    assert_int_equal(q.users.count, 2);
    quota_tidy(&q, NOW + 30000);
    assert_int_equal(q.users.count, 1);
    assert_int_equal(q.addresses.count, 1);
    quota_give_back(&q, &held, NOW + 30000);
    assert_int_equal(q.users.count + q.addresses.count + q.idle_count, 0);

    for (size_t i = 0; i < QUOTA_IDLE_MAX + 500; i++) {
        char user[24];
        snprintf(user, sizeof(user), "user%zu", i);
        assert_int_equal(take(&q, &limits, user, "", NOW + 60000, &place), QUOTA_TAKEN);
        quota_give_back(&q, &place, NOW + 60000);
    }
    assert_int_equal(q.users.count, QUOTA_IDLE_MAX);
    for (int64_t ms = 61000; q.idle_count > 0 && ms < 120000; ms += 20)
        quota_tidy(&q, NOW + ms);
    assert_int_equal(q.users.count, 0);
    quota_finish(&q);
}

#define HELD   400
#define USERS  12
#define ROUNDS 200000

/* Against counts kept by hand. */
static void test_random(void **state)
{
    static const struct quota_limits limits = {
        .most = 60, .most_per_user = 9, .most_per_address = 20, .connects_per_user = 600};
    static struct quota_place places[HELD];
    static size_t user_of[HELD], address_of[HELD];
    size_t by_user[USERS] = {0}, by_address[USERS] = {0}, all = 0;
    struct quota q;
    struct rng rng;

    rng_init(&rng, 5);
    quota_init(&q);
    for (size_t i = 0; i < ROUNDS; i++) {
        int64_t now_ms = NOW + (int64_t)i * 7;
        size_t at = rng_below(&rng, HELD), user = rng_below(&rng, USERS);
        size_t address = rng_below(&rng, USERS / 3);
        char names[2][16];
        if (places[at].user) {
            quota_give_back(&q, &places[at], now_ms);
            by_user[user_of[at]]--;
            by_address[address_of[at]]--;
            all--;
        } else {
            snprintf(names[0], sizeof(names[0]), "u%zu", user);
            snprintf(names[1], sizeof(names[1]), "a%zu", address);
            switch (take(&q, &limits, names[0], names[1], now_ms, &places[at])) {
            case QUOTA_TAKEN:
                user_of[at] = user;
                address_of[at] = address;
                by_user[user]++;
                by_address[address]++;
                all++;
                break;
            case QUOTA_USER_FULL: assert_int_equal(by_user[user], 9); break;
            case QUOTA_ADDRESS_FULL: assert_int_equal(by_address[address], 20); break;
            case QUOTA_FULL: assert_int_equal(all, 60); break;
            case QUOTA_USER_HASTY: break;
            case QUOTA_ADDRESS_HASTY: fail(); break;
            }
        }
        assert_in_range(by_user[user], 0, 9);
        assert_in_range(by_address[address], 0, 20);
        assert_int_equal(q.count, all);
        assert_in_range(all, 0, 60);
        quota_tidy(&q, now_ms);
    }
    for (size_t at = 0; at < HELD; at++)
        quota_give_back(&q, &places[at], NOW + ROUNDS * 7);
    assert_int_equal(q.count, 0);
    quota_tidy(&q, NOW + ROUNDS * 7 + 60000);
    assert_int_equal(q.users.count + q.addresses.count + q.idle_count, 0);
    quota_finish(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_no_limits), cmocka_unit_test(test_hasty),
        cmocka_unit_test(test_forgets), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
