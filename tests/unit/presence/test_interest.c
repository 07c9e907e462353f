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
#include "base/random.h"
#include "presence/interest.h"

static size_t words(const char *text, struct span out[16])
{
    struct span rest = span_of(text);
    size_t count = 0;

    while (rest.len)
        out[count++] = span_split(&rest, ' ');
    return count;
}

static void nobody(void *arg, struct group *group, struct span user)
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

static void on_differs(void *arg, struct group *group, struct span user)
{
    struct bytes *told = arg;
    bool now = group_has(group, user);

    bytes_append_char(told, now ? '+' : '-');
    bytes_append_span(told, user);
    group_flip(group, user);
    assert_int_equal(group_has(group, user), !now);
    group_flip(group, SPAN_NONE);
    assert_int_equal(group_has(group, user), now);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_seen),
        cmocka_unit_test(test_choosing_again),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_hostile_sets),
        cmocka_unit_test(test_random_sets_against_a_model),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
