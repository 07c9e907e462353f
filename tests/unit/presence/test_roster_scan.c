/* SPDX-License-Identifier: MIT */
/* The roster's indexes, and scans of it while it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/rng.h"
#include "presence/roster.h"

#define USERS     40
#define GROUPS    5
#define FOUND_MAX 4096

struct world {
    uint64_t seed;
    struct rng rng;
    struct roster roster;
    char names[USERS][4];
    unsigned claims[USERS]; /* bits */
    bool loading;
    size_t found[FOUND_MAX]; /* users, in the order in which the scan found them */
    size_t found_count;
    size_t scans, gone;
};

static const char group_names[GROUPS][2] = {"v", "w", "x", "y", "z"};

static size_t groups_of(unsigned claims, struct span groups[GROUPS])
{
    size_t count = 0;
    for (int g = 0; g < GROUPS; g++)
        if (claims >> g & 1)
            groups[count++] = (struct span){group_names[g], 1};
    return count;
}

static size_t user_of(const struct roster_user *u)
{
    struct span id = roster_user_id(u);
    uint64_t user;
    assert_int_equal(span_to_u64((struct span){id.data + 1, id.len - 1}, USERS - 1, &user), 0);
    return user;
}

/* Unless it was no news. */
static void keep_claims(struct world *w, size_t user, const struct change *c, unsigned claims)
{
    const struct roster_user *u = roster_get(&w->roster, c->user);
    if (u && u->rev == c->rev)
        w->claims[user] = claims;
}

static void apply(struct world *w, size_t user, bool online)
{
    struct span groups[GROUPS];
    struct change c = {
        .user = span_of(w->names[user]), .online = online, .rev = ++w->roster.rev, .groups = groups};

    unsigned claims = (unsigned)rng_below(&w->rng, 1 << GROUPS);
    c.group_count = groups_of(claims, groups);
    roster_apply(&w->roster, &c);
    keep_claims(w, user, &c, claims);
}

static void regroup(struct world *w, size_t user)
{
    struct span groups[GROUPS];
    unsigned claims = (unsigned)rng_below(&w->rng, 1 << GROUPS);
    size_t count = groups_of(claims, groups);
    if (roster_regroup(&w->roster, span_of(w->names[user]), groups, count))
        w->claims[user] = claims;
}

static void load_user(struct world *w, size_t user)
{
    struct span groups[GROUPS];
    struct change c = {
        .user = span_of(w->names[user]), .online = true, .rev = ++w->roster.rev, .groups = groups};
    unsigned claims = (unsigned)rng_below(&w->rng, 1 << GROUPS);

    c.group_count = groups_of(claims, groups);
    roster_load_user(&w->roster, &c);
    keep_claims(w, user, &c, claims);
}

static void nothing(void *arg, const struct roster_user *u)
{
}

static void load(struct world *w, size_t user)
{
    if (!w->loading)
        roster_load_begin(&w->roster);
    else if (rng_below(&w->rng, 8))
        load_user(w, user);
    else
        roster_load_end(&w->roster, w->roster.rev - rng_below(&w->rng, 3), nothing, NULL);
    w->loading = w->roster.loading;
}

/* What was found and has not gone is who is online, each once. */
static void check_scan(struct world *w)
{
    bool left[USERS] = {false};
    size_t count = 0;
    for (size_t i = 0; i < w->roster.scan_gone_count; i++) {
        size_t *found = &w->found[w->roster.scan_gone[i] - 1];
        assert_int_not_equal(*found, USERS);
        *found = USERS;
    }
    for (size_t i = 0; i < w->found_count; i++) {
        if (w->found[i] == USERS)
            continue;
        if (left[w->found[i]])
            fail_msg("seed %llu: found twice", (unsigned long long)w->seed);
        left[w->found[i]] = true;
        count++;
    }
    for (size_t i = 0; i < USERS; i++)
        if (left[i] != (roster_get(&w->roster, span_of(w->names[i])) != NULL))
            fail_msg("seed %llu: user %zu is found %d", (unsigned long long)w->seed, i, left[i]);
    assert_int_equal(count, w->roster.online);
    w->scans++;
    w->gone += w->roster.scan_gone_count;
}

static void scan(struct world *w)
{
    struct roster_user *u;
    if (!w->roster.scanning) {
        roster_scan_begin(&w->roster);
        w->found_count = 0;
    }
    for (size_t n = rng_below(&w->rng, 4); n > 0; n--) {
        if (!(u = roster_scan_next(&w->roster))) {
            check_scan(w);
            roster_scan_end(&w->roster);
            return;
        }
        assert_true(u->online && roster_scan_met(&w->roster, u));
        w->found[w->found_count++] = user_of(u);
        u->found = (uint32_t)w->found_count;
    }
}

static void check_claims(struct world *w)
{
    for (int g = 0; g < GROUPS; g++) {
        const struct map *claimants = roster_claimants(&w->roster, (struct span){group_names[g], 1});
        size_t count = 0;
        for (size_t i = 0; i < USERS; i++) {
            struct roster_user *u = roster_get(&w->roster, span_of(w->names[i]));
            bool claims = u && w->claims[i] >> g & 1;
            count += claims;
            if (claims)
                assert_ptr_equal(map_get(claimants, span_of(w->names[i])), u);
        }
        assert_int_equal(claimants ? claimants->count : 0, count);
        assert_true(count > 0 || !claimants);
    }
}

static void check_row(const struct world *w)
{
    const struct roster_user *u;
    size_t at = 0, count = 0;
    while ((u = roster_next(&w->roster, &at))) {
        assert_int_equal(u->at, count++);
        assert_ptr_equal(roster_get(&w->roster, roster_user_id(u)), u);
    }
    assert_int_equal(count, w->roster.online);
}

static void step(struct world *w)
{
    size_t user = rng_below(&w->rng, USERS);
    uint64_t dice = rng_below(&w->rng, 20);
    if (dice < 8)
        apply(w, user, dice < 4);
    else if (dice < 10)
        regroup(w, user);
    else if (dice < 13)
        load(w, user);
    else
        scan(w);
}

static void test_random(void **state)
{
    size_t scans = 0, gone = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w = {.seed = seed};
        rng_init(&w.rng, seed);
        roster_init(&w.roster);
        for (int i = 0; i < USERS; i++)
            snprintf(w.names[i], sizeof(w.names[i]), "u%d", i);
        for (int i = 0; i < 1500 && w.found_count + 4 < FOUND_MAX; i++) {
            step(&w);
            check_row(&w);
            check_claims(&w);
        }
        scans += w.scans;
        gone += w.gone;
        roster_finish(&w.roster);
    }
    print_message("%zu scans, %zu went after they were met\n", scans, gone);
    assert_true(scans > 1000 && gone > 1000);
}

/* A claim that is named twice, and names of any length. */
static void test_odd_claims(void **state)
{
    char longest[300];
    struct span groups[] = {SPAN("x"), SPAN("x"), SPAN(""), {longest, sizeof(longest)}};
    struct change c = {.user = SPAN("a"), .online = true, .rev = 1, .groups = groups, .group_count = 4};
    struct roster r;
    memset(longest, 'g', sizeof(longest));
    roster_init(&r);
    roster_apply(&r, &c);
    assert_int_equal(r.claims.count, 3);
    assert_int_equal(roster_claimants(&r, groups[3])->count, 1);
    c = (struct change){.user = SPAN("a"), .rev = 2};
    roster_apply(&r, &c);
    assert_int_equal(r.claims.count, 0);
    roster_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_odd_claims),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
