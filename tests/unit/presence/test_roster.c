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
#include "presence/roster.h"
#include "support/story.h"

/* Verbs; users are letters.
 *     +a5 -a5 a change of revision 5   [ a load is asked for   a5 a page has user a   ]7 it ends, begun at 7
 *     ga:x:y the groups of a became x and y   E another epoch
 * What is said: +a -a for those told, a? for a user the load did not have. */
struct explanation {
    struct roster roster;
    struct story story;
};

/* "a5" */
static struct change change_of(struct span what, bool online)
{
    struct change c = {.user = {what.data, 1}, .online = online, .device = SPAN("d")};
    c.rev = story_number((struct span){what.data + 1, what.len - 1});
    c.last_seen_ms = (int64_t)c.rev * 10;
    return c;
}

static void say(struct explanation *t, bool news, const struct change *c)
{
    if (news)
        story_say(&t->story, "%c%.*s ", c->online ? '+' : '-', (int)c->user.len, c->user.data);
}

static void on_gone(void *arg, const struct roster_user *u)
{
    struct explanation *t = arg;
    struct span id = roster_user_id(u);
    assert_true(u->online);
    story_say(&t->story, "%.*s? ", (int)id.len, id.data);
}

static void tell_change(void *machine, struct span word, struct span what)
{
    struct explanation *t = machine;
    struct change c = change_of(what, word.data[0] == '+');
    say(t, roster_apply(&t->roster, &c), &c);
}

static void tell_load(void *machine, struct span word, struct span rest)
{
    roster_load_begin(&((struct explanation *)machine)->roster);
}

static void tell_page(void *machine, struct span word, struct span rest)
{
    struct explanation *t = machine;
    struct change c = change_of(word, true);
    say(t, roster_load_user(&t->roster, &c), &c);
}

static void tell_loaded(void *machine, struct span word, struct span rev)
{
    struct explanation *t = machine;
    roster_load_end(&t->roster, story_number(rev), on_gone, t);
}

static void tell_groups(void *machine, struct span word, struct span what)
{
    struct explanation *t = machine;
    struct span user = span_split(&what, ':'), groups[4];
    size_t count = 0;
    while (what.len)
        groups[count++] = span_split(&what, ':');
    if (!roster_regroup(&t->roster, user, groups, count))
        story_say(&t->story, "nobody ");
}

static void tell_epoch(void *machine, struct span word, struct span rest)
{
    roster_forget_revisions(&((struct explanation *)machine)->roster);
}

static const struct story_verb verbs[] = {{"[+-]", tell_change}, {"[", tell_load},     {"[abc]", tell_page},
                                          {"[]]", tell_loaded},  {"[g]", tell_groups}, {"E", tell_epoch}};
static const struct story_table table = {STORY_VERBS(verbs)};

static int by_name(const void *a, const void *b)
{
    return ((const char *)a)[0] - ((const char *)b)[0];
}

/* "a5 b7": who is online, by which transition. */
static void describe(const char *name, const struct roster *r, struct bytes *out)
{
    char users[32][32];
    size_t at = 0, count = 0;
    const struct roster_user *u;
    while ((u = roster_next(r, &at))) {
        struct span id = roster_user_id(u), groups = roster_user_groups(u);
        int len = snprintf(users[count], 32, "%.*s%llu", (int)id.len, id.data, (unsigned long long)u->rev);
        if (groups.len)
            snprintf(users[count] + len, 32 - (size_t)len, ":%.*s", (int)groups.len - 1, groups.data);
        for (char *c = users[count]; *c; c++)
            *c = *c == '\n' ? ':' : *c;
        assert_ptr_equal(roster_get(r, id), u);
        count++;
    }
    if (count != r->online)
        fail_msg("%s: %zu are counted, %zu are there", name, r->online, count);
    qsort(users, count, sizeof(users[0]), by_name);
    for (size_t i = 0; i < count; i++)
        bytes_printf(out, "%s ", users[i]);
}

static void test_stories(void **state)
{
    static const struct {
        const char *name, *words, *said, *left;
        size_t kept; /* records, tombstones too */
    } cases[] = {
        {"on and off", "+a1 -a2", "+a -a ", "", 0},
        {"already on", "+a1 +a2", "+a ", "a2 ", 1},
        {"already off", "-a1", "", "", 0},
        {"older news", "+a5 -a5 -a3", "+a ", "a5 ", 1},
        {"a first load", "[ a1 b2 ]2", "+a +b ", "a1 b2 ", 2},
        {"an empty load", "[ ]2", "", "", 0},
        {"a load that agrees", "+a1 +b2 [ a1 b2 ]2", "+a +b ", "a1 b2 ", 2},
        {"a load that differs", "+a1 +b2 [ b2 c3 ]3", "+a +b +c a? ", "b2 c3 ", 2},
        {"a user met twice", "[ a1 a1 ]1", "+a ", "a1 ", 1},
        {"a page does not undo a later online", "[ +a5 a1 ]3", "+a ", "a5 ", 1},
        {"a page does not undo a later offline", "[ -a5 a1 ]3", "", "", 0},
        {"nor does one that came before the offline", "[ a1 -a5 ]3", "+a -a ", "", 0},
        {"a page knows of what is still to come", "+a1 [ a7 ]7 +a7", "+a ", "a7 ", 1},
        {"online while the load is on its way, in no page", "+a1 [ +b5 a1 ]3", "+a +b ", "a1 b5 ", 2},
        {"online before the load, told of behind it", "[ +b5 ]6", "+b b? ", "", 0},
        {"off, and on again", "[ -a5 +a6 a1 ]3", "+a ", "a6 ", 1},
        {"a load given up", "+a1 +b1 [ a1 [ b1 ]1", "+a +b a? ", "b1 ", 1},
        {"offline in a load given up", "+a1 [ -a5 [ ]4", "+a -a ", "", 0},
        {"no tombstone is left", "[ -a5 -b6 ]7", "", "", 0},
        {"offline tells of a load given up count no more", "[ -a5 [ a9 ]9", "+a ", "a9 ", 1},
        {"two loads", "[ a1 b1 ]1 [ a1 ]2 [ a1 ]3", "+a +b b? ", "a1 ", 1},
        {"another epoch, with lower revisions", "+a90 +b91 E [ a3 ]4", "+a +b b? ", "a3 ", 1},
        {"another epoch, changes before the load", "+a90 E -a3 [ ]4", "+a -a ", "", 0},
        {"regrouped", "+a1 ga:x:y", "+a ", "a1:x:y ", 1},
        {"regrouped to none", "+a1 ga:x ga", "+a ", "a1 ", 1},
        {"nobody to regroup", "ga:x +a1 -a2 ga:x", "nobody +a -a nobody ", "", 0},
        {"no tombstone to regroup", "+a1 [ -a2 ga:x ]3", "+a -a nobody ", "", 0},
        {"a page sets groups that were missed", "+a1 ga:x [ a1 ]1", "+a ", "a1 ", 1},
        {"but knows nothing of those that came meanwhile", "+a1 [ ga:x a1 ]1", "+a ", "a1:x ", 1},
        {"a regrouped user is no stale one", "[ a1 ga:x ]1", "+a ", "a1:x ", 1},
        {"what came in one load is no news in the next", "+a1 [ ga:x a1 ]1 [ a1 ]1", "+a ", "a1 ", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct explanation t;
        bytes_auto left = BYTES_INIT;
        roster_init(&t.roster);
        story_init(&t.story, cases[i].name, &table, &t);
        story_tell(&t.story, cases[i].words);
        describe(cases[i].name, &t.roster, &left);
        story_expect(&t.story, cases[i].said);
        if (strcmp(bytes_text(&left), cases[i].left) != 0)
            fail_msg("%s: left '%s', not '%s'", cases[i].name, bytes_text(&left), cases[i].left);
        if (t.roster.users.count != cases[i].kept)
            fail_msg("%s: %zu records", cases[i].name, t.roster.users.count);
        story_finish(&t.story);
        roster_finish(&t.roster);
    }
}

static void test_records(void **state)
{
    static const struct span groups[] = {{"x", 1}, {"yz", 2}};
    const struct change c = {.user = SPAN("a:b"),
                             .online = true,
                             .rev = 7,
                             .last_seen_ms = 70,
                             .device = SPAN("phone"),
                             .groups = groups,
                             .group_count = 2};
    struct roster r;
    const struct roster_user *u;

    roster_init(&r);
    assert_true(roster_apply(&r, &c));
    u = roster_get(&r, SPAN("a:b"));
    assert_true(span_equal(roster_user_device(u), SPAN("phone")));
    assert_true(span_equal(roster_user_groups(u), SPAN("x\nyz\n")));
    assert_int_equal(u->last_seen_ms, 70);
    u = roster_regroup(&r, roster_user_id(u), groups + 1, 1);
    assert_true(span_equal(roster_user_id(u), SPAN("a:b")));
    assert_true(span_equal(roster_user_device(u), SPAN("phone")));
    assert_true(span_equal(roster_user_groups(u), SPAN("yz\n")));
    assert_true(u->rev == 7 && u->last_seen_ms == 70);
    assert_null(roster_get(&r, SPAN("a")));
    roster_finish(&r);
}

/* A load that has no user of its own forgets them, how many loads ever were given up before it. */
static void test_marks_come_round(void **state)
{
    for (int given_up = 0; given_up < 520; given_up++) {
        struct explanation t;
        char name[32];
        snprintf(name, sizeof(name), "after %d loads", given_up);
        roster_init(&t.roster);
        story_init(&t.story, name, &table, &t);
        story_tell(&t.story, "[ a1 ]1");
        for (int i = 0; i < given_up; i++)
            roster_load_begin(&t.roster);
        story_tell(&t.story, "[ b1 ]1");
        story_expect(&t.story, "+a +b a? ");
        story_finish(&t.story);
        roster_finish(&t.roster);
    }
}

/* Changes and loads in any interleaving: what was told adds up to the truth. The store's scan behaves as
 * ZSCAN: who is in all the time is found, who comes or goes meanwhile may be. */
#define USERS 10
#define STEPS 60

struct world {
    struct rng rng;
    struct roster roster;
    struct {
        bool online;
        uint64_t rev;
    } users[USERS];
    uint64_t rev, applied, load_rev;
    struct change stream[STEPS];
    bool told[USERS];
    bool loading, begun;
    unsigned scanned; /* users looked at */
};

static const char names[USERS][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

static void told(struct world *w, size_t user, bool online)
{
    assert_int_not_equal(w->told[user], online);
    w->told[user] = online;
}

static void forgotten(void *arg, const struct roster_user *u)
{
    told(arg, (size_t)(roster_user_id(u).data[0] - 'a'), false);
}

static void transition(struct world *w)
{
    size_t i = rng_below(&w->rng, USERS);
    if (w->rev == STEPS)
        return;
    w->users[i].online = !w->users[i].online;
    w->users[i].rev = ++w->rev;
    w->stream[w->rev - 1] =
        (struct change){.user = {names[i], 1}, .online = w->users[i].online, .rev = w->rev};
}

static void next_change(struct world *w)
{
    if (w->applied == w->rev)
        return;
    const struct change *c = &w->stream[w->applied++];
    if (roster_apply(&w->roster, c))
        told(w, (size_t)(c->user.data[0] - 'a'), c->online);
}

static void next_page(struct world *w)
{
    if (!w->begun) {
        w->begun = true;
        w->load_rev = w->rev;
        w->applied = w->rev;
    }
    for (int n = 0; n < 3 && w->scanned < USERS; n++, w->scanned++) {
        size_t i = w->scanned;
        const struct change c = {.user = {names[i], 1}, .online = true, .rev = w->users[i].rev};
        if (w->users[i].online && roster_load_user(&w->roster, &c))
            told(w, i, true);
    }
    if (w->scanned < USERS)
        return;
    roster_load_end(&w->roster, w->load_rev, forgotten, w);
    w->loading = false;
}

static void step(struct world *w)
{
    uint64_t dice = rng_below(&w->rng, 10);
    if (dice < 3)
        transition(w);
    else if (dice < 6)
        next_change(w);
    else if (dice < 9 && w->loading)
        next_page(w);
    else if (dice == 9) {
        roster_load_begin(&w->roster);
        w->loading = true;
        w->begun = false;
        w->scanned = 0;
    }
}

static void test_random_interleavings(void **state)
{
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct world w = {0};
        rng_init(&w.rng, seed);
        roster_init(&w.roster);
        for (int i = 0; i < 120; i++)
            step(&w);
        while (w.loading)
            next_page(&w);
        while (w.applied < w.rev)
            next_change(&w);
        for (size_t i = 0; i < USERS; i++) {
            bool known = roster_get(&w.roster, (struct span){names[i], 1}) != NULL;
            if (known != w.users[i].online || w.told[i] != w.users[i].online)
                fail_msg("seed %llu: user %s is %d", (unsigned long long)seed, names[i], w.users[i].online);
        }
        roster_finish(&w.roster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_marks_come_round),
        cmocka_unit_test(test_random_interleavings),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
