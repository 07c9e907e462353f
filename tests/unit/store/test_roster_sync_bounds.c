/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer.h"
#include "support/roster_sync_fixture.h"

static void test_recovering(void **state)
{
    static const struct {
        const char *name, *words;
        bool recovering;
    } cases[] = {
        {"the first epoch", "con sub node=X,5,m=X", false},
        {"another", "con sub node=X,5,m=X node=Y,9,m=", true},
        {"another, asserted; nobody watches", "con sub node=X,5,m=X node=Y,9,m= node=Y,9,m=Y", false},
        {"another, too late; nobody watches", "con sub node=X,5,m=X node=Y,9,m= @11000", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct roster_sync_fixture x;
        roster_sync_fixture_setup(&x, cases[i].name);
        story_tell(&x.story, cases[i].words);
        if (roster_sync_recovering(&x.roster_sync) != cases[i].recovering)
            fail_msg("%s", cases[i].name);
        roster_sync_fixture_teardown(&x);
    }
}

/* What viewers are told may be taken as current: READY is a loaded roster at revision 5 of epoch X. */
static void test_current(void **state)
{
    static const struct {
        const char *name, *words;
        bool current;
    } cases[] = {
        {"nothing yet", "", false},
        {"connected only", "con node=X,5,m=X", false},
        {"subscribed only", "sub node=X,5,m=X", false},
        {"both, but nothing heard", "con sub", false},
        {"nobody watches", "con sub node=X,5,m=X", true},
        {"the first load is under way", "con sub node=X,5,m=X want load=X,5,17,a1", true},
        {"loaded", READY "node=X,5,m=X", true},
        {"the link is down", READY "node=X,5,m=X lost", false},
        {"unsubscribed", READY "node=X,5,m=X unsub", false},
        {"back, but nothing heard", READY "node=X,5,m=X lost con", false},
        {"back, and nothing has changed", READY "node=X,5,m=X lost con node=X,5,m=X", true},
        {"back, and something has", READY "node=X,5,m=X lost con node=X,7,m=X", false},
        {"subscribed again, the log is asked", READY "node=X,5,m=X unsub sub node=X,6,m=X", false},
        {"subscribed again, the log is read", READY "node=X,5,m=X unsub sub log=X,6+c node=X,6,m=X", true},
        {"the log has not all", READY "node=X,5,m=X unsub sub node=X,9,m=X log=X,6+c", false},
        {"a message is under way", READY "node=X,5,m=X node=X,6,m=X", false},
        {"it has come", READY "node=X,5,m=X node=X,6,m=X pub=X,6+c", true},
        {"it has come, and others are under way", READY "node=X,5,m=X node=X,6,m=X node=X,8,m=X pub=X,6+c",
         true},
        {"another epoch", READY "node=X,5,m=X node=Y,9,m=X", false},
        {"another epoch, settled, to be loaded", READY "node=X,5,m=X node=Y,9,m=Y", false},
        {"another epoch, half loaded", READY "node=X,5,m=X node=Y,9,m=Y load=Y,9,17,a1", false},
        {"another epoch, loaded", READY "node=X,5,m=X node=Y,9,m=Y load=Y,9,0,a1", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct roster_sync_fixture x;
        roster_sync_fixture_setup(&x, cases[i].name);
        story_tell(&x.story, cases[i].words);
        if (roster_sync_current(&x.roster_sync) != cases[i].current)
            fail_msg("%s", cases[i].name);
        roster_sync_fixture_teardown(&x);
    }
}

static void test_a_deaf_subscription(void **state)
{
    struct roster_sync_fixture x;
    roster_sync_fixture_setup(&x, __func__);
    story_tell(&x.story, READY);
    for (int i = 1; i <= 3; i++) {
        char words[100];
        assert_false(x.roster_sync.stale_subscription);
        snprintf(words, sizeof(words), "node=X,%d,n=X @%d log=X,%d%ca", 5 + i, 1000 + 200 * i, 5 + i,
                 i % 2 ? '-' : '+');
        story_tell(&x.story, words);
    }
    assert_true(x.roster_sync.stale_subscription);
    /* A message proves that it hears. */
    x.roster_sync.stale_subscription = false;
    story_tell(&x.story, "pub=X,9+c node=X,10,n=X @2000");
    assert_false(x.roster_sync.stale_subscription);
    roster_sync_fixture_teardown(&x);
}

/* In doubt nobody resumes: the epoch is shown only while the roster is whole. */
static void test_the_epoch_shown(void **state)
{
    static const struct {
        const char *words, *epoch;
    } cases[] = {
        {"con sub want", ""},
        {"con sub want load=X,5,17,a1", ""},
        {"con sub want load=X,5,17,a1 load=X,5,0,b1", "X"},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=", ""},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=Y load=Y,90,17,a1", ""},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=Y load=Y,90,0,a1", "Y"},
        {"con sub want load=X,5,0,a1 lost unsub", "X"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct roster_sync_fixture x;
        roster_sync_fixture_setup(&x, __func__);
        story_tell(&x.story, cases[i].words);
        assert_string_equal(x.roster_sync.roster.epoch, cases[i].epoch);
        roster_sync_fixture_teardown(&x);
    }
}

/* A long gap: page after page, and a garbage page is no gap filled. */
static void test_a_long_gap(void **state)
{
    struct roster_sync_fixture x;
    bytes_auto words = BYTES_INIT;

    roster_sync_fixture_setup(&x, __func__);
    story_tell(&x.story, READY "pub=X,2001+c");
    for (int page = 0; page < 2; page++) {
        bytes_reset(&words);
        bytes_append_text(&words, "log=X");
        for (int i = 0; i < (page ? 996 : 1000); i++)
            bytes_printf(&words, ",%d%c%c", 6 + page * 1000 + i, i % 2 ? '+' : '-', 'a');
        story_tell(&x.story, bytes_text(&words));
    }
    assert_int_equal(x.roster_sync.roster.rev, 2001);
    assert_int_equal(x.roster_sync.gaps, 2);
    assert_int_equal(x.roster_sync.loads, 1);
    roster_sync_fixture_teardown(&x);

    roster_sync_fixture_setup(&x, __func__);
    story_tell(&x.story, READY "pub=X,2001+c");
    bytes_auto out = BYTES_INIT;
    answer_array(&out, 1000);
    for (int i = 0; i < 1000; i++) {
        bytes_auto id = BYTES_INIT;
        bytes_printf(&id, "%d-0", 6 + i);
        answer_array(&out, 2);
        answer_text(&out, bytes_span(&id));
        answer_array(&out, 2);
        answer_text(&out, SPAN("event"));
        answer_text(&out, SPAN("{\"userId\":\"a\",\"status\":\"online\"}"));
    }
    story_forget(&x.story);
    roster_sync_fixture_answer(&x, &x.roster_sync.log, &out);
    story_expect(&x.story, "load:0 ");
    roster_sync_fixture_teardown(&x);
}

/* What a page holds is from outside. */
static void test_hostile_pages(void **state)
{
    struct roster_sync_fixture x;
    char longest[300];
    bytes_auto out = BYTES_INIT;
    const struct span users[] = {SPAN(""), SPAN("a\n"), {longest, 129}, {longest, 128}, SPAN("b"), SPAN("c")};
    const struct span devices[] = {SPAN("d"), SPAN("d"), SPAN("d"), SPAN("d"), {longest, 300}, SPAN("d")};
    const struct span groups[] = {SPAN(""), SPAN(""), SPAN(""), SPAN("[1]"), SPAN("{"), SPAN("[\"x\"]")};

    memset(longest, 'u', sizeof(longest));
    roster_sync_fixture_setup(&x, __func__);
    story_tell(&x.story, "con sub want");
    answer_array(&out, 5);
    answer_number(&out, 5000);
    answer_text(&out, SPAN("X"));
    answer_number(&out, 7);
    answer_text(&out, SPAN("0"));
    answer_array(&out, 5 * 6);
    for (int i = 0; i < 6; i++) {
        answer_text(&out, users[i]);
        answer_text(&out, SPAN("nonsense"));
        answer_text(&out, devices[i]);
        answer_number(&out, 3);
        answer_text(&out, groups[i]);
    }
    roster_sync_fixture_answer(&x, &x.roster_sync.load, &out);
    assert_int_equal(x.roster_sync.roster.online, 3);
    assert_non_null(roster_get(&x.roster_sync.roster, users[3]));
    assert_int_equal(roster_user_device(roster_get(&x.roster_sync.roster, SPAN("b"))).len, 0);
    assert_true(span_equal(roster_user_groups(roster_get(&x.roster_sync.roster, SPAN("c"))), SPAN("x\n")));

    /* Answers that nobody waits for, or of a wrong shape. */
    story_tell(&x.story, "load=X,9,0,q1 log=X,8+q");
    assert_null(roster_get(&x.roster_sync.roster, SPAN("q")));
    store_request_answered(&x.roster_sync.load, NULL, x.now_ms);
    roster_sync_fixture_teardown(&x);
    roster_sync_fixture_setup(&x, __func__);
    story_tell(&x.story, "con sub want");
    bytes_reset(&out);
    bytes_append_text(&out, "+OK\r\n");
    roster_sync_fixture_answer(&x, &x.roster_sync.load, &out);
    assert_false(x.roster_sync.roster.loaded);
    roster_sync_fixture_teardown(&x);
}

/* Ask, answer, ask: sixteen at a time, each again after five seconds, and no more. */
static void test_groups_are_read_in_turn(void **state)
{
    struct roster_sync_fixture x;
    char name[8];
    int reads = 0;
    roster_sync_fixture_setup(&x, __func__);
    story_tell(&x.story, READY);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        struct group *group = groups_hold(&x.roster_sync.groups, span_of(name));
        group_queue_ask(&x.roster_sync.groups.queue, SPAN("v"), group, x.now_ms);
    }
    story_forget(&x.story);
    for (; x.now_ms < 12000; x.now_ms += 10) {
        roster_sync_tick(&x.roster_sync, x.now_ms);
        assert_in_range(x.roster_sync.groups.queue.count, 0, GROUP_READS);
        while (x.roster_sync.groups.queue.count > 0) {
            reads++;
            story_tell(&x.story, "set=a");
        }
    }
    for (int i = 0; i < 50; i++) {
        char expected[16], *at = x.story.said.data;
        int count = 0;
        bytes_text(&x.story.said);
        snprintf(expected, sizeof(expected), "set:g.g%d.u", i);
        for (; (at = strstr(at, expected)); at++)
            count++;
        assert_int_equal(count, 3);
    }
    assert_int_equal(reads, 150);
    roster_sync_fixture_teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovering),
        cmocka_unit_test(test_current),
        cmocka_unit_test(test_a_deaf_subscription),
        cmocka_unit_test(test_the_epoch_shown),
        cmocka_unit_test(test_a_long_gap),
        cmocka_unit_test(test_hostile_pages),
        cmocka_unit_test(test_groups_are_read_in_turn),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
