/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/rng.h"
#include "presence/interest.h"

static struct group *hold(struct groups *g, const char *format, int a, int b)
{
    char name[64];
    snprintf(name, sizeof(name), format, a, b);
    return groups_hold(g, (struct span){name, strlen(name)});
}

static void ask(struct groups *g, int account, struct group *group, int64_t now_ms)
{
    char id[16];
    snprintf(id, sizeof(id), "u%d", account);
    group_queue_ask(&g->queue, (struct span){id, strlen(id)}, group, now_ms);
}

/* As who reads it at once does. */
static struct group *read_next(struct groups *g, int64_t now_ms)
{
    struct group *group = group_queue_take(&g->queue, now_ms);
    if (!group)
        return NULL;
    assert_ptr_equal(group_queue_end(&g->queue, true, now_ms), group);
    group->loaded = true;
    return group;
}

/* 39 accounts with 1,000 new groups each, and one with a single one: it waits for one of each. */
static void test_accounts_take_turns(void **state)
{
    struct groups g;
    int reads = 1;
    groups_init(&g);
    for (int account = 0; account < 39; account++)
        for (int i = 0; i < 1000; i++)
            ask(&g, account, hold(&g, "f%d-%d", account, i), 0);
    struct group *honest = hold(&g, "team", 0, 0);
    ask(&g, 39, honest, 0);
    while (read_next(&g, 0) != honest)
        reads++;
    assert_in_range(reads, 1, 40);
    groups_finish(&g);
}

/* Those known are read again within so long as twice as many readings take, whatever else is asked for. */
static void test_each_second_reading_is_a_refresh(void **state)
{
    enum { KNOWN = 20 };
    struct group *known[KNOWN];
    struct groups g;
    int64_t now_ms = GROUP_REFRESH_MS;
    int again = 0, fresh = 0;

    groups_init(&g);
    for (int i = 0; i < KNOWN; i++) {
        known[i] = hold(&g, "k%d", i, 0);
        ask(&g, 0, known[i], 0);
        assert_ptr_equal(read_next(&g, 0), known[i]);
    }
    for (int account = 0; account < 40; account++)
        for (int i = 0; i < 100; i++)
            ask(&g, account, hold(&g, "f%d-%d", account, i), now_ms);
    for (int i = 0; i < 2 * KNOWN; i++) {
        struct group *group = read_next(&g, now_ms);
        again += group == known[again < KNOWN ? again : 0];
        fresh += group_name(group).data[0] == 'f';
    }
    assert_int_equal(again, KNOWN);
    assert_int_equal(fresh, KNOWN);
    /* Not due: all are new ones. */
    for (int i = 0; i < KNOWN; i++)
        assert_int_equal(group_name(read_next(&g, now_ms + GROUP_REFRESH_MS - 1)).data[0], 'f');
    groups_finish(&g);
}

static size_t read_all(struct groups *g, int64_t now_ms)
{
    size_t count = 0;
    while (read_next(g, now_ms))
        count++;
    return count;
}

static void test_the_allowance(void **state)
{
    struct groups g;
    groups_init(&g);
    for (int i = 0; i < 1000; i++)
        ask(&g, 1, hold(&g, "f%d", i, 0), 1000);
    assert_int_equal(g.queue.deferred, 1000 - GROUP_BURST);
    assert_int_equal(read_all(&g, 1000), GROUP_BURST);
    assert_int_equal(read_all(&g, 1000 + GROUP_EVERY_MS - 1), 0);
    assert_int_equal(read_all(&g, 1000 + GROUP_EVERY_MS), 1);
    assert_int_equal(read_all(&g, 1050), 4);
    assert_int_equal(read_all(&g, 2000), 95);
    /* Another account has its own. */
    ask(&g, 2, hold(&g, "other", 0, 0), 2000);
    assert_int_equal(read_all(&g, 2000), 1);
    assert_int_equal(group_queue_waiting(&g.queue), 1000 - GROUP_BURST - 100);
    assert_int_equal(g.queue.deferred, 1000 - GROUP_BURST);
    groups_finish(&g);
}

/* It is read for whoever's turn comes first, and once; what is known is not asked for. */
static void test_a_group_of_several_accounts(void **state)
{
    struct groups g;
    groups_init(&g);
    struct group *first = hold(&g, "own", 0, 0), *shared = hold(&g, "shared", 0, 0);
    ask(&g, 1, first, 0);
    ask(&g, 1, shared, 0);
    ask(&g, 1, shared, 0);
    ask(&g, 2, shared, 0);
    assert_int_equal(group_queue_waiting(&g.queue), 3);
    assert_ptr_equal(group_queue_take(&g.queue, 0), first);
    assert_ptr_equal(group_queue_take(&g.queue, 0), shared);
    ask(&g, 3, shared, 0);
    assert_int_equal(group_queue_waiting(&g.queue), 0);
    assert_null(group_queue_take(&g.queue, 0));
    group_queue_end(&g.queue, true, 0);
    group_queue_end(&g.queue, true, 0);
    shared->loaded = true;
    ask(&g, 3, shared, 0);
    assert_int_equal(group_queue_waiting(&g.queue), 0);
    groups_finish(&g);
}

static void test_what_nobody_holds_is_not_read(void **state)
{
    struct groups g;
    groups_init(&g);
    struct group *waits = hold(&g, "waits", 0, 0), *read = hold(&g, "read", 0, 0),
                 *kept = hold(&g, "kept", 0, 0);
    ask(&g, 1, read, 0);
    ask(&g, 1, waits, 0);
    ask(&g, 2, waits, 0);
    ask(&g, 2, kept, 0);
    assert_ptr_equal(group_queue_take(&g.queue, 0), read);
    groups_release(&g, waits);
    groups_release(&g, read);
    assert_ptr_equal(group_queue_take(&g.queue, 0), kept);
    assert_null(group_queue_take(&g.queue, 0));
    assert_null(group_queue_end(&g.queue, true, 0));
    assert_ptr_equal(group_queue_end(&g.queue, true, 0), kept);
    assert_int_equal(group_queue_waiting(&g.queue), 0);
    groups_finish(&g);
}

static void test_readings_end_in_order(void **state)
{
    struct groups g;
    struct group *taken[GROUP_READS];
    groups_init(&g);
    for (int i = 0; i < 40; i++)
        ask(&g, 1, hold(&g, "f%d", i, 0), 0);
    for (int i = 0; i < GROUP_READS; i++)
        taken[i] = group_queue_take(&g.queue, 0);
    assert_null(group_queue_take(&g.queue, 0));
    /* One ends, one is given up, all others are lost: those come again, the last ended first. */
    groups_release(&g, taken[1]);
    assert_ptr_equal(group_queue_end(&g.queue, true, 0), taken[0]);
    assert_null(group_queue_end(&g.queue, true, 0));
    group_queue_lost(&g.queue);
    assert_int_equal(g.queue.count, 0);
    for (int i = 2, news = 0; i < GROUP_READS; news++) {
        struct group *group = read_next(&g, 0);
        assert_non_null(group);
        i += group == taken[i];
        assert_in_range(news, 0, 2 * GROUP_READS);
    }
    groups_finish(&g);
}

/* One whose readings always fail delays neither new groups nor refreshes by more than its share. */
static void test_a_reading_that_always_fails(void **state)
{
    struct groups g;
    int64_t now_ms = 0;
    int reads[3] = {0};
    groups_init(&g);
    struct group *bad = hold(&g, "bad", 0, 0),
                 *good[2] = {hold(&g, "good%d", 0, 0), hold(&g, "good%d", 1, 0)};
    ask(&g, 1, bad, 0);
    ask(&g, 1, good[0], 0);
    ask(&g, 1, good[1], 0);
    for (; now_ms < 10 * GROUP_REFRESH_MS; now_ms += 200) {
        struct group *group = group_queue_take(&g.queue, now_ms);
        reads[group == bad ? 2 : group == good[1]]++;
        group_queue_end(&g.queue, group != bad, now_ms);
    }
    assert_in_range(reads[0], 9, 10);
    assert_in_range(reads[1], 9, 10);
    groups_finish(&g);
}

static void test_accounts_are_forgotten(void **state)
{
    struct groups g;
    groups_init(&g);
    struct group *first = hold(&g, "f", 0, 0);
    ask(&g, 1, first, 0);
    read_all(&g, 100);
    /* Its allowance is not whole yet, and must be remembered. */
    read_all(&g, 100 + GROUP_BURST * GROUP_EVERY_MS - 1);
    assert_int_equal(g.queue.accounts.count, 1);
    read_all(&g, 100 + GROUP_BURST * GROUP_EVERY_MS);
    assert_int_equal(g.queue.accounts.count, 0);
    groups_finish(&g);
}

struct scene {
    struct groups g;
    struct group *held[24];
    struct rng rng;
    int64_t now_ms;
};

static void step(struct scene *s)
{
    size_t i = rng_below(&s->rng, 24);
    switch (rng_below(&s->rng, 6)) {
    case 0:
    case 1:
        if (!s->held[i])
            s->held[i] = hold(&s->g, "g%d", (int)i, 0);
        ask(&s->g, (int)rng_below(&s->rng, 5), s->held[i], s->now_ms);
        break;
    case 2:
        if (s->held[i])
            groups_release(&s->g, s->held[i]);
        s->held[i] = NULL;
        break;
    case 3: group_queue_take(&s->g.queue, s->now_ms); break;
    case 4:
        if (s->g.queue.count > 0) {
            bool done = rng_below(&s->rng, 4) > 0;
            struct group *group = group_queue_end(&s->g.queue, done, s->now_ms);
            if (group && done)
                group->loaded = true;
        }
        break;
    default:
        if (rng_below(&s->rng, 20) == 0)
            group_queue_lost(&s->g.queue);
        s->now_ms += (int64_t)rng_below(&s->rng, 300);
    }
}

/* Whatever came before: who is held and was asked for is read in the end, and again and again. */
static void test_nothing_is_forgotten(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct scene s = {.now_ms = 1000};
        groups_init(&s.g);
        rng_init(&s.rng, seed);
        for (int i = 0; i < 400; i++)
            step(&s);
        group_queue_lost(&s.g.queue);
        s.now_ms += GROUP_REFRESH_MS;
        size_t held = 0, read = 0;
        for (size_t i = 0; i < 24; i++) {
            if (s.held[i])
                ask(&s.g, 1, s.held[i], s.now_ms);
            held += s.held[i] != NULL;
        }
        read = read_all(&s.g, s.now_ms);
        if (read != held || read_all(&s.g, s.now_ms + GROUP_REFRESH_MS) != held)
            fail_msg("seed %llu: %zu held, %zu read", (unsigned long long)seed, held, read);
        assert_int_equal(group_queue_waiting(&s.g.queue), 0);
        groups_finish(&s.g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts_take_turns),
        cmocka_unit_test(test_each_second_reading_is_a_refresh),
        cmocka_unit_test(test_the_allowance),
        cmocka_unit_test(test_a_group_of_several_accounts),
        cmocka_unit_test(test_what_nobody_holds_is_not_read),
        cmocka_unit_test(test_readings_end_in_order),
        cmocka_unit_test(test_a_reading_that_always_fails),
        cmocka_unit_test(test_accounts_are_forgotten),
        cmocka_unit_test(test_nothing_is_forgotten),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
