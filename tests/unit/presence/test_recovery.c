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
#include "presence/recovery.h"
#include "support/story.h"

/* Verbs: eX the store shows epoch X (e: none), aX:200 node a, silent for 200 ms, has asserted in X, aX:200/7 with
 * 7 sessions to go, ? whether it is settled. Said: the answers, ! for an epoch that is another. */
struct player {
    struct recovery recovery;
    int64_t now_ms;
    struct story story;
};

static void tell_epoch(void *machine, struct span word, struct span epoch)
{
    struct player *p = machine;
    if (recovery_epoch(&p->recovery, epoch, p->now_ms))
        story_say(&p->story, "!");
}

static void tell_node(void *machine, struct span word, struct span rest)
{
    struct player *p = machine;
    struct span epoch = span_split(&rest, ':'), age = span_split(&rest, '/');
    uint64_t left = rest.len ? story_number(rest) : UINT64_MAX;
    recovery_node(&p->recovery, (struct span){word.data, 1}, (int64_t)story_number(age), epoch, (int64_t)left,
                  p->now_ms);
}

static void ask(void *machine, struct span word, struct span rest)
{
    struct player *p = machine;
    story_say(&p->story, "%c", recovery_settled(&p->recovery, p->now_ms) ? 'y' : 'n');
}

static void pass(void *machine, int64_t until_ms)
{
    struct player *p = machine;
    p->now_ms = until_ms;
}

static const struct story_verb verbs[] = {{"[e]", tell_epoch}, {"[abc]", tell_node}, {"?", ask}};
static const struct story_table table = {STORY_VERBS(verbs), .pass = pass};

static void test_stories(void **state)
{
    static const struct {
        const char *name, *words, *answers;
    } cases[] = {
        {"a fresh start", "?", "y"},
        {"the first epoch", "eX ? aX:0 ?", "yy"},
        {"none, then the first", "e ? eX ?", "yy"},
        {"the same again", "eX aX:0 @1000 eX ?", "y"},
        {"another: nobody else lived", "eX @1000 eY ?", "!y"},
        {"another: one has yet to assert", "eX aX:0 @1000 eY ? aX:0 ? aY:0 ?", "!nny"},
        {"two have", "eX aX:0 bX:0 @1000 eY aY:0 ? bY:0 ?", "!ny"},
        {"one has asserted in an earlier one only", "eX aX:0 @1000 eY aY:0 eZ ? aY:0 ? aZ:0 ?", "!!nny"},
        {"one that has not asserted at all", "eX a:0 @1000 eY a:0 ? aY:0 ?", "!ny"},
        {"one that was silent for long is not waited for", "eX aX:0 bX:5001 @1000 eY aY:0 ?", "!y"},
        {"one that was heard just so", "eX aX:0 bX:4999 @1 eY aY:0 ?", "!n"},
        {"one that died long before", "eX aX:0 bX:0 @6000 aX:0 bX:6000 @6500 eY aY:0 ?", "!y"},
        {"Redis was away for long: who lived then is waited for", "eX aX:0 bX:0 @60000 eY aY:0 ? bY:0 ?",
         "!ny"},
        {"whoever comes meanwhile is waited for as well", "eX aX:0 @1000 eY aY:0 c:0 ? cY:0 ?", "!ny"},
        {"not for ever", "eX aX:0 @1000 eY @10999 ? @11000 ? @11001 ?", "!nyy"},
        {"as long as it makes progress",
         "eX aX:0/0 @1000 eY aX:0/300000 @10000 ? aX:0/200000 @19000 ? aX:0/50000 @28999 ? aY:0/0 ?",
         "!nnny"},
        {"without progress no longer, however often it speaks",
         "eX aX:0/0 @1000 eY @2000 aX:0/9 @9000 aX:0/8 @18999 aX:0/8 ? @19000 aX:0/8 ?", "!ny"},
        {"one that makes progress, one that died",
         "eX aX:0/0 bX:0/0 @1000 eY aX:0/9 @9000 aX:0/5 @11001 ? @12000 aY:0/0 ?", "!ny"},
        {"gone, then another", "eX aX:0 @1000 e ? @2000 eY ? aY:0 ?", "!n!ny"},
        {"back to the same", "eX aX:0 @1000 eY eX ? aX:0 ?", "!!ny"},
        {"settled once, and once more", "eX aX:0 @1000 eY aY:0 ? @2000 eZ ? aZ:0 ?", "!y!ny"},
        {"a clock that lags", "eX aX:0 @1000 eY aY:0 bY:0 ?", "!y"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct player p;
        p.now_ms = 0;
        recovery_init(&p.recovery);
        story_init(&p.story, cases[i].name, &table, &p);
        story_tell(&p.story, cases[i].words);
        story_expect(&p.story, cases[i].answers);
        story_finish(&p.story);
        recovery_finish(&p.recovery);
    }
}

static void list_nodes(struct recovery *r, int from, int to, const char *asserted, int64_t now_ms)
{
    char name[16];
    for (int i = from; i < to; i++) {
        snprintf(name, sizeof(name), "node%d", i);
        recovery_node(r, span_of(name), 0, span_of(asserted), -1, now_ms);
    }
}

/* Of 300 servers the last one that has still to assert is waited for, wherever it stands in the list. */
static void test_many(void **state)
{
    for (int last = 0; last < 300; last += 299) {
        static struct recovery r;
        recovery_init(&r);
        recovery_epoch(&r, SPAN("X"), 0);
        list_nodes(&r, 0, 300, "X", 0);
        assert_int_equal(r.count, 300);
        assert_true(recovery_epoch(&r, SPAN("Y"), 1000));
        list_nodes(&r, 0, last, "Y", 2000);
        list_nodes(&r, last, last + 1, "X", 2000);
        list_nodes(&r, last + 1, 300, "Y", 2000);
        assert_false(recovery_settled(&r, 2000));
        list_nodes(&r, last, last + 1, "Y", 3000);
        assert_true(recovery_settled(&r, 3000));
        recovery_finish(&r);
    }
}

/* A server that was replaced by another under a new name, again and again, leaves nothing behind. */
static void test_churn(void **state)
{
    static struct recovery r;
    recovery_init(&r);
    recovery_epoch(&r, SPAN("X"), 0);
    for (int i = 0; i < 10000; i++)
        list_nodes(&r, i, i + 10, "X", i * 1000);
    assert_in_range(r.count, 15, 100);
    recovery_finish(&r);
}

/* Names from outside: bounded, and those that died make place, but not those that are waited for. */
static void test_bounds(void **state)
{
    static struct recovery r;
    char longest[65];
    memset(longest, 'n', sizeof(longest));
    recovery_init(&r);
    recovery_epoch(&r, SPAN("X"), 0);
    recovery_node(&r, (struct span){longest, 64}, 0, SPAN("X"), -1, 0);
    assert_int_equal(r.count, 0);
    recovery_node(&r, (struct span){longest, 63}, 0, SPAN("X"), -1, 0);
    assert_int_equal(r.count, 1);
    list_nodes(&r, 0, RECOVERY_NODES_MAX + 10, "X", 0);
    assert_int_equal(r.count, RECOVERY_NODES_MAX);
    /* They died; others came in their place. */
    list_nodes(&r, 10000, 10000 + RECOVERY_NODES_MAX, "X", 20000);
    assert_int_equal(r.count, RECOVERY_NODES_MAX);
    assert_int_equal(r.by_name.count, RECOVERY_NODES_MAX);
    assert_true(recovery_epoch(&r, SPAN("Y"), 60000));
    list_nodes(&r, 20000, 20010, "Y", 60000);
    for (size_t i = 0; i < r.count; i++)
        assert_int_equal(strncmp(r.nodes[i]->name, "node1", 5), 0);
    assert_false(recovery_settled(&r, 60000));
    list_nodes(&r, 10000, 10000 + RECOVERY_NODES_MAX, "Y", 61000);
    assert_true(recovery_settled(&r, 61000));
    /* An epoch too long to keep is none: nothing waits for ever. */
    assert_true(recovery_epoch(&r, (struct span){longest, 64}, 70000));
    assert_false(recovery_settled(&r, 70000));
    assert_true(recovery_settled(&r, 70000 + RECOVERY_LIMIT_MS));
    recovery_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
