/* SPDX-License-Identifier: MIT */
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
#include "presence/interest.h"

static size_t words(const char *text, struct span out[16])
{
    struct span rest = span_of(text);
    size_t count = 0;
    while (rest.len)
        out[count++] = span_split(&rest, ' ');
    return count;
}

static void nobody(void *arg, struct group *group, const struct span *users, size_t count)
{
}

static void set_members(struct group *group, const char *members)
{
    struct span users[16];
    group_replace(group, users, words(members, users), nobody, NULL);
}

/* Group x has a and b, y has b and c; d claims x, e claims y, f claims both, g neither. */
static const struct {
    struct span id, claims;
} people[] = {
    {SPAN("a"), SPAN_NONE},    {SPAN("b"), SPAN_NONE},   {SPAN("c"), SPAN_NONE},
    {SPAN("d"), SPAN("x\n")},  {SPAN("e"), SPAN("y\n")}, {SPAN("f"), SPAN("y\nx\n")},
    {SPAN("g"), SPAN("xy\n")},
};

static void test_who_is_seen(void **state)
{
    static const struct {
        const char *name, *scope; /* NULL: no claim in the token */
        bool chosen;
        const char *groups, *users; /* users NULL: not said */
        const char *seen, *allowed;
        size_t refused;
        bool everyone, by_group;
    } cases[] = {
        {"everyone", NULL, false, "", NULL, "abcdefg", "abcdefg", 0, true, false},
        {"a group", NULL, true, "x", NULL, "abdf", "abcdefg", 0, false, true},
        {"two groups", NULL, true, "x y", NULL, "abcdef", "abcdefg", 0, false, true},
        {"users", NULL, true, "", "a g", "ag", "abcdefg", 0, false, false},
        {"users twice", NULL, true, "", "a g a", "ag", "abcdefg", 0, false, false},
        {"a group and users", NULL, true, "y", "a g", "abcefg", "abcdefg", 0, false, true},
        {"nobody", NULL, true, "", "", "", "abcdefg", 0, false, false},
        {"no groups", NULL, true, "", NULL, "", "abcdefg", 0, false, false},
        {"the scope", "x", false, "", NULL, "abdf", "abdf", 0, false, true},
        {"a scope of two", "x y", false, "", NULL, "abcdef", "abcdef", 0, false, true},
        {"an empty scope", "", false, "", NULL, "", "", 0, false, true},
        {"a group of the scope", "x y", true, "x", NULL, "abdf", "abcdef", 0, false, true},
        {"groups beyond it", "x", true, "x y z", NULL, "abdf", "abdf", 2, false, true},
        {"only beyond it", "x", true, "y", NULL, "", "abdf", 1, false, true},
        {"users within and beyond", "x", true, "", "a c d g", "ad", "abdf", 0, false, true},
        {"a group twice", NULL, true, "x x", NULL, "abdf", "abcdefg", 0, false, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct groups g;
        struct span scope[16], names[16], users[16];
        char seen[8] = "", allowed[8] = "";
        groups_init(&g);
        struct group *x = groups_hold(&g, SPAN("x")), *y = groups_hold(&g, SPAN("y"));
        set_members(x, "a b");
        set_members(y, "b c");
        struct interest *in = interest_create(&g, cases[i].scope != NULL, scope,
                                              words(cases[i].scope ? cases[i].scope : "", scope));
        if (cases[i].chosen) {
            size_t count = words(cases[i].users ? cases[i].users : "", users);
            size_t refused = interest_choose(&g, in, names, words(cases[i].groups, names),
                                             cases[i].users != NULL, users, count);
            if (refused != cases[i].refused)
                fail_msg("%s: %zu refused", cases[i].name, refused);
        }
        for (size_t p = 0; p < sizeof(people) / sizeof(people[0]); p++) {
            if (interest_sees(in, people[p].id, people[p].claims))
                strncat(seen, people[p].id.data, 1);
            if (interest_allows(in, people[p].id, people[p].claims))
                strncat(allowed, people[p].id.data, 1);
        }
        if (strcmp(seen, cases[i].seen) != 0 || strcmp(allowed, cases[i].allowed) != 0)
            fail_msg("%s: sees %s of %s", cases[i].name, seen, allowed);
        if (interest_is_everyone(in) != cases[i].everyone || interest_by_group(in) != cases[i].by_group)
            fail_msg("%s: its kind", cases[i].name);
        interest_destroy(&g, in);
        groups_release(&g, x);
        groups_release(&g, y);
        assert_int_equal(g.by_name.count, 0);
        groups_finish(&g);
    }
}

static void test_choosing_again(void **state)
{
    struct groups g;
    const struct span x = SPAN("x"), y = SPAN("y"), a = SPAN("a");
    groups_init(&g);
    struct interest *in = interest_create(&g, true, &x, 1);
    assert_true(interest_names(in, map_get(&g.by_name, x)));
    interest_choose(&g, in, &x, 1, true, &a, 1);
    assert_int_equal(g.by_name.count, 1);
    interest_choose(&g, in, &x, 1, false, NULL, 0);
    assert_false(interest_sees(in, a, SPAN_NONE));
    interest_choose_all(&g, in);
    assert_true(interest_sees(in, a, SPAN("x\n")));
    interest_destroy(&g, in);
    assert_int_equal(g.by_name.count, 0);

    in = interest_create(&g, false, NULL, 0);
    interest_choose(&g, in, &y, 1, false, NULL, 0);
    struct group *held = groups_hold(&g, x);
    assert_true(interest_names(in, map_get(&g.by_name, y)));
    assert_false(interest_names(in, held));
    /* The one chosen before is let go only after the new one is held: it stays loaded. */
    set_members(map_get(&g.by_name, y), "a");
    interest_choose(&g, in, &y, 1, false, NULL, 0);
    assert_true(((struct group *)map_get(&g.by_name, y))->loaded);
    assert_true(interest_sees(in, a, SPAN_NONE));
    interest_destroy(&g, in);
    interest_destroy(&g, NULL);
    groups_finish(&g);
}

static void on_differs(void *arg, struct group *group, const struct span *users, size_t count)
{
    struct bytes *told = arg;
    for (size_t i = 0; i < count; i++) {
        bool now = group_has(group, users[i]);
        bytes_append_char(told, now ? '+' : '-');
        bytes_append_span(told, users[i]);
        group_flip(group, users[i]);
        assert_int_equal(group_has(group, users[i]), !now);
        group_flip(group, SPAN_NONE);
        assert_int_equal(group_has(group, users[i]), now);
    }
}

static void test_sets(void **state)
{
    static const struct {
        const char *members, *differences;
    } cases[] = {
        {"a b", "+a+b"}, {"a b", ""}, {"b a", ""}, {"b", "-a"}, {"c", "+c-b"},
        {"c c c", ""},   {"", "-c"},  {"", ""},    {"d", "+d"},
    };
    struct groups g;

    groups_init(&g);
    struct group *group = groups_hold(&g, SPAN("x"));
    assert_false(group->loaded);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span users[16];
        bytes_auto told = BYTES_INIT;
        group_replace(group, users, words(cases[i].members, users), on_differs, &told);
        if (strcmp(bytes_text(&told), cases[i].differences) != 0)
            fail_msg("%s: %s", cases[i].members, bytes_text(&told));
        assert_true(group->loaded);
    }
    groups_release(&g, group);
    groups_finish(&g);
}

/* What a set holds that is no user is passed over. */
static void test_hostile_sets(void **state)
{
    char longest[USER_ID_MAX + 1];
    const struct span members[] = {
        SPAN_NONE, SPAN(""), SPAN("a\n"), SPAN("\xff"), {longest, sizeof(longest)}, {longest, USER_ID_MAX},
        SPAN("a")};
    struct groups g;

    memset(longest, 'u', sizeof(longest));
    groups_init(&g);
    struct group *group = groups_hold(&g, SPAN("x"));
    group_replace(group, members, sizeof(members) / sizeof(members[0]), nobody, NULL);
    assert_int_equal(group->members.count, 2);
    assert_true(group_has(group, SPAN("a")) && group_has(group, members[5]));
    groups_finish(&g);
}

static void test_random_sets_against_a_model(void **state)
{
    struct rng rng;
    struct groups g;
    bool model[200] = {false};
    char names[200][8];
    rng_init(&rng, 5);
    groups_init(&g);
    struct group *group = groups_hold(&g, SPAN("x"));
    for (int i = 0; i < 200; i++)
        snprintf(names[i], sizeof(names[i]), "u%d", i);
    for (int round = 0; round < 300; round++) {
        struct span members[400];
        size_t count = 0, size = rng_below(&rng, 200);
        memset(model, 0, sizeof(model));
        for (size_t i = 0; i < size; i++) {
            size_t u = rng_below(&rng, 200);
            members[count++] = span_of(names[u]);
            model[u] = true;
        }
        group_replace(group, members, count, nobody, NULL);
        for (int i = 0; i < 200; i++)
            assert_int_equal(group_has(group, span_of(names[i])), model[i]);
    }
    groups_finish(&g);
}

#define WORLD_USERS  12
#define WORLD_GROUPS 9

/* What interests see, against plain loops over a table. Few groups and many, few memberships and many: both
 * sides of the look-up are taken. */
struct table {
    struct rng rng;
    struct groups groups;
    struct group *held[WORLD_GROUPS];
    unsigned members[WORLD_GROUPS], claims[WORLD_USERS]; /* bits */
    unsigned scope, asked, users;
    bool scoped, chosen;
};

static const char world_groups[WORLD_GROUPS][2] = {"p", "q", "r", "s", "t", "u", "v", "w", "x"};
static const char world_users[WORLD_USERS][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};

static unsigned bits(struct table *t, int count)
{
    return (unsigned)rng_below(&t->rng, 1u << count) & (unsigned)rng_below(&t->rng, 1u << count);
}

static size_t names_of(unsigned set, const char (*names)[2], size_t most, struct span *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < most; i++)
        if (set >> i & 1)
            ret[count++] = (struct span){names[i], 1};
    return count;
}

static bool is_member(const struct table *t, unsigned groups, size_t user, size_t flipped_group,
                      size_t flipped_user)
{
    for (size_t g = 0; g < WORLD_GROUPS; g++) {
        bool member = t->members[g] >> user & 1;
        if (g == flipped_group && user == flipped_user)
            member = !member;
        if ((groups >> g & 1) && (member || (t->claims[user] >> g & 1)))
            return true;
    }
    return false;
}

static struct interest *interest_of(struct table *t)
{
    struct span names[WORLD_GROUPS], users[WORLD_USERS];
    size_t count;
    t->scoped = rng_below(&t->rng, 2);
    t->chosen = rng_below(&t->rng, 3) > 0;
    t->scope = bits(t, WORLD_GROUPS);
    t->asked = bits(t, WORLD_GROUPS);
    t->users = bits(t, WORLD_USERS);
    struct interest *in =
        interest_create(&t->groups, t->scoped, names, names_of(t->scope, world_groups, WORLD_GROUPS, names));
    if (!t->chosen)
        return in;
    count = names_of(t->asked, world_groups, WORLD_GROUPS, names);
    size_t refused = interest_choose(&t->groups, in, names, count, true, users,
                                     names_of(t->users, world_users, WORLD_USERS, users));
    if (t->scoped) {
        assert_int_equal(refused, __builtin_popcount(t->asked & ~t->scope));
        t->asked &= t->scope;
    }
    return in;
}

static void compare(struct table *t, const struct interest *in)
{
    size_t flipped_group = rng_below(&t->rng, WORLD_GROUPS), flipped_user = rng_below(&t->rng, WORLD_USERS);
    group_flip(t->held[flipped_group], (struct span){world_users[flipped_user], 1});
    for (size_t u = 0; u < WORLD_USERS; u++) {
        struct span names[WORLD_GROUPS];
        bytes_auto claims = BYTES_INIT;
        size_t count = names_of(t->claims[u], world_groups, WORLD_GROUPS, names);
        for (size_t i = 0; i < count; i++)
            bytes_printf(&claims, "%c\n", names[i].data[0]);
        bool allowed = !t->scoped || is_member(t, t->scope, u, flipped_group, flipped_user);
        bool seen = allowed && (!t->chosen || (t->users >> u & 1) ||
                                is_member(t, t->asked, u, flipped_group, flipped_user));
        assert_int_equal(interest_allows(in, (struct span){world_users[u], 1}, bytes_span(&claims)), allowed);
        assert_int_equal(interest_sees(in, (struct span){world_users[u], 1}, bytes_span(&claims)), seen);
    }
    group_flip(t->held[flipped_group], SPAN_NONE);
    for (size_t g = 0; g < WORLD_GROUPS; g++)
        assert_int_equal(interest_names(in, t->held[g]),
                         ((t->scoped ? t->scope : 0) | (t->chosen ? t->asked : 0)) >> g & 1);
}

static void test_random_interests_against_a_table(void **state)
{
    struct table t = {0};
    rng_init(&t.rng, 11);
    groups_init(&t.groups);
    for (size_t g = 0; g < WORLD_GROUPS; g++)
        t.held[g] = groups_hold(&t.groups, (struct span){world_groups[g], 1});
    for (int round = 0; round < 3000; round++) {
        struct span members[WORLD_USERS];
        size_t g = rng_below(&t.rng, WORLD_GROUPS);
        t.members[g] = (unsigned)rng_below(&t.rng, 1u << WORLD_USERS);
        group_replace(t.held[g], members, names_of(t.members[g], world_users, WORLD_USERS, members), nobody,
                      NULL);
        t.claims[rng_below(&t.rng, WORLD_USERS)] = bits(&t, WORLD_GROUPS);
        struct interest *in = interest_of(&t);
        compare(&t, in);
        interest_destroy(&t.groups, in);
    }
    for (size_t g = 0; g < WORLD_GROUPS; g++) {
        assert_int_equal(t.held[g]->naming_count, 0);
        groups_release(&t.groups, t.held[g]);
    }
    assert_int_equal(t.groups.people.count, 0);
    groups_finish(&t.groups);
}

/* A set of 5,000 that nobody names any more is let go in parts, also when somebody names it again meanwhile.
 */
static void test_a_large_group_goes_in_parts(void **state)
{
    struct span *members = calloc(5000, sizeof(*members));
    char(*names)[8] = calloc(5000, sizeof(*names));
    struct groups g;

    groups_init(&g);
    for (size_t i = 0; i < 5000; i++) {
        snprintf(names[i], sizeof(names[i]), "u%zu", i);
        members[i] = span_of(names[i]);
    }
    struct group *group = groups_hold(&g, SPAN("x")), *other = groups_hold(&g, SPAN("y"));
    group_replace(group, members, 5000, nobody, NULL);
    group_replace(other, members, 1, nobody, NULL);
    groups_release(&g, group);
    assert_in_range(g.people.count, 4984, 4985);
    group = groups_hold(&g, SPAN("x"));
    assert_false(group->loaded);
    assert_true(groups_tidy(&g, 2000));
    assert_in_range(g.people.count, 2984, 2985); /* one of them is in y, too */
    group_replace(group, members + 4000, 1000, nobody, NULL);
    assert_true(groups_tidy(&g, 2000));
    assert_false(groups_tidy(&g, 2000));
    assert_int_equal(g.people.count, 1001);
    assert_true(group_has(group, members[4999]) && group_has(other, members[0]));
    groups_release(&g, group);
    assert_false(groups_tidy(&g, 1000));
    assert_int_equal(g.people.count, 1);
    group = groups_hold(&g, SPAN("z"));
    group_replace(group, members, 5000, nobody, NULL);
    groups_release(&g, group);
    groups_release(&g, other);
    groups_finish(&g); /* while one is on its way out */
    free(members);
    free(names);
}

static void test_covers(void **state)
{
    static const struct {
        const char *chosen; /* users; NULL: all */
        bool all;
        const char *asked;
        bool covered;
    } cases[] = {
        {NULL, true, "", true},    {NULL, false, "a b", true},  {"a b", true, "", false},
        {"a b", false, "a", true}, {"a b", false, "", true},    {"a b", false, "a c", false},
        {"", false, "a", false},   {"a b", false, "b a", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct groups g;
        struct span users[16];
        struct interest *in;

        groups_init(&g);
        in = interest_create(&g, false, NULL, 0);
        if (cases[i].chosen)
            interest_choose(&g, in, NULL, 0, true, users, words(cases[i].chosen, users));
        if (interest_covers(in, cases[i].all, users, words(cases[i].asked, users)) != cases[i].covered)
            fail_msg("row %zu", i);
        interest_destroy(&g, in);
        groups_finish(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_seen),
        cmocka_unit_test(test_choosing_again),
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_hostile_sets),
        cmocka_unit_test(test_random_sets_against_a_model),
        cmocka_unit_test(test_random_interests_against_a_table),
        cmocka_unit_test(test_a_large_group_goes_in_parts),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
