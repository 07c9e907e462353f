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
#include "presence/turns.h"
#include "support/story.h"

/* Who waits, by letters: "a1" is the connection 1 of account a. */
static const char *const names[] = {"a1", "a2", "a3", "b1", "c1", "c2"};
#define COUNT (sizeof(names) / sizeof(names[0]))

struct fixture {
    struct turns turns;
    struct turn members[COUNT];
};

static void setup(struct fixture *x)
{
    turns_init(&x->turns);
    for (size_t i = 0; i < COUNT; i++)
        turns_join(&x->turns, &x->members[i], (struct span){names[i], 1});
}

static void teardown(struct fixture *x)
{
    for (size_t i = 0; i < COUNT; i++)
        turns_leave(&x->turns, &x->members[i]);
    assert_int_equal(x->turns.accounts.count, 0);
    assert_int_equal(x->turns.waiting, 0);
    turns_finish(&x->turns);
}

static struct turn *member(struct fixture *x, struct span name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (span_equal(name, span_of(names[i])))
            return &x->members[i];
    fail_msg("no member %.*s", (int)name.len, name.data);
    return NULL;
}

/* Verbs: a1 waits, !a1 waits no more, ? the next is served, whose name is said. */
struct player {
    struct fixture fixture;
    struct story story;
};

static void tell_waits(void *machine, struct span word, struct span rest)
{
    struct player *p = machine;
    turns_wait(&p->fixture.turns, member(&p->fixture, word));
    assert_true(turns_waits(member(&p->fixture, word)));
}

static void tell_waits_no_more(void *machine, struct span word, struct span name)
{
    struct player *p = machine;
    turns_cancel(&p->fixture.turns, member(&p->fixture, name));
}

static void serve(void *machine, struct span word, struct span rest)
{
    struct player *p = machine;
    struct turn *next = turns_next(&p->fixture.turns);
    story_say(&p->story, "%s ", next ? names[next - p->fixture.members] : "-");
}

static const struct story_verb verbs[] = {{"[abc]", tell_waits}, {"[!]", tell_waits_no_more}, {"?", serve}};
static const struct story_table table = {STORY_VERBS(verbs)};

static void test_order(void **state)
{
    static const struct {
        const char *name, *words, *served;
    } cases[] = {
        {"nobody", "? ?", "- - "},
        {"in order of asking", "a1 b1 c1 ? ? ? ?", "a1 b1 c1 - "},
        {"accounts take turns", "a1 a2 a3 b1 c1 c2 ? ? ? ? ? ?", "a1 b1 c1 a2 c2 a3 "},
        {"waiting twice is waiting once", "a1 a1 b1 a1 ? ? ?", "a1 b1 - "},
        {"who asks again stands behind", "a1 b1 c1 ? a1 ? ? ?", "a1 b1 c1 a1 "},
        {"one of an account asks all the time", "a1 b1 ? a1 ? a1 ? ?", "a1 b1 a1 - "},
        {"cancelled", "a1 a2 b1 !a1 !b1 ? ?", "a2 - "},
        {"cancelled and back", "a1 b1 !a1 a1 ? ?", "b1 a1 "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct player p;
        setup(&p.fixture);
        story_init(&p.story, cases[i].name, &table, &p);
        story_tell(&p.story, cases[i].words);
        story_expect(&p.story, cases[i].served);
        story_finish(&p.story);
        teardown(&p.fixture);
    }
}

/* However many connections an account has, another one's is served within as many services as there are
 * accounts. */
static void test_nobody_is_delayed_by_a_crowd(void **state)
{
    struct turns t;
    struct turn crowd[1000], one, *next;
    size_t served = 0;
    turns_init(&t);
    for (size_t i = 0; i < 1000; i++) {
        turns_join(&t, &crowd[i], SPAN("crowd"));
        turns_wait(&t, &crowd[i]);
    }
    turns_join(&t, &one, SPAN("one"));
    turns_wait(&t, &one);
    while ((next = turns_next(&t)) != &one) {
        turns_wait(&t, next);
        served++;
    }
    assert_true(served <= 1);
    struct list *members = turns_members(&t, SPAN("crowd"));
    size_t count = 0;
    for (struct list *at = members->next; at != members; at = at->next)
        count++;
    assert_int_equal(count, 1000);
    assert_null(turns_members(&t, SPAN("nobody")));
    turns_leave(&t, &one);
    for (size_t i = 0; i < 1000; i++)
        turns_leave(&t, &crowd[i]);
    turns_finish(&t);
}

static void test_random(void **state)
{
    struct rng rng;
    struct fixture x;
    bool waits[COUNT] = {false};
    size_t count = 0;
    rng_init(&rng, 3);
    setup(&x);
    for (int i = 0; i < 20000; i++) {
        size_t who = rng_below(&rng, COUNT);
        struct turn *next;
        switch (rng_below(&rng, 3)) {
        case 0:
            turns_wait(&x.turns, &x.members[who]);
            count += !waits[who];
            waits[who] = true;
            break;
        case 1:
            turns_cancel(&x.turns, &x.members[who]);
            count -= waits[who];
            waits[who] = false;
            break;
        default:
            next = turns_next(&x.turns);
            assert_int_equal(next != NULL, count > 0);
            if (next) {
                assert_true(waits[next - x.members]);
                waits[next - x.members] = false;
                count--;
            }
        }
        assert_int_equal(x.turns.waiting, count);
    }
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_nobody_is_delayed_by_a_crowd),
        cmocka_unit_test(test_random),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
