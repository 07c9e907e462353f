/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/fanout_fixture.h"
#include "support/story.h"

static void test_everyone(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[2];
    fanout_fixture_setup(&x, 64, 0);
    fanout_fixture_change(&x, "a", true);
    for (int i = 0; i < 2; i++) {
        fanout_fixture_viewer_setup(&v[i], &x, i, false, NULL);
        fanout_fixture_begin(&v[i], &x);
    }
    fanout_fixture_change(&x, "b", true);
    fanout_fixture_expect("a snapshot, then what follows", &v[0], &x, "S me 1 of e:1 =a #1\nU b+2\n");
    fanout_fixture_expect("nothing new", &v[0], &x, "");
    fanout_fixture_change(&x, "a", false);
    fanout_fixture_change(&x, "a", true);
    fanout_fixture_change(&x, "a", true); /* no change */
    fanout_fixture_expect("the changes", &v[0], &x, "U a-3\nU a+4\n");
    fanout_fixture_expect("in the other encoding", &v[1], &x,
                          "Snapshot me 1 of e:1 =a #1\nUpdate b+2\nUpdate a-3\nUpdate a+4\n");
    fanout_fixture_begin(&v[0], &x);
    fanout_fixture_expect("a new view", &v[0], &x,
                          map_get(&x.roster.users, SPAN("a")) ? "S me 2 of e:5 =a b #2\n" : "");
    fanout_fixture_viewer_gone(&v[0], &x);
    fanout_fixture_viewer_gone(&v[1], &x);
    fanout_fixture_teardown(&x);
}

static void test_changes_leave_in_one_run(void **state)
{
    struct fanout_fixture x;
    struct subscriber v, other;
    struct fanout_chunk piece;
    fanout_fixture_setup(&x, 64, 0);
    fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
    fanout_fixture_viewer_setup(&other, &x, 0, false, NULL);
    fanout_fixture_begin(&v, &x);
    fanout_fixture_begin(&other, &x);
    fanout_fixture_expect("a snapshot", &v, &x, "S me 0 of e:0 #0\n");
    fanout_fixture_change(&x, "a", true);
    fanout_fixture_change(&x, "b", true);
    fanout_fixture_change(&x, "c", true);
    assert_int_equal(subscriber_next(&v, &x.fanout, &piece), FANOUT_BYTES);
    assert_true(piece.count == 1 && span_equal(piece.parts[0], SPAN("U a+1\nU b+2\nU c+3\n")));
    assert_ptr_equal(piece.parts[0].data, x.fanout.streams[0].ring);
    assert_int_equal(subscriber_next(&v, &x.fanout, &piece), FANOUT_NOTHING);
    fanout_fixture_viewer_gone(&v, &x);
    fanout_fixture_viewer_gone(&other, &x);
    fanout_fixture_teardown(&x);
}

static void test_filters(void **state)
{
    static const struct span users[] = {{"a", 1}, {"c", 1}};
    static const struct span asked[] = {{"h", 1}};
    static const struct {
        const char *name;
        bool scoped, chosen;
        const char *scope;
        size_t groups, users;
        const char *told;
    } cases[] = {
        {"everyone", false, false, NULL, 0, 0, "U a+1\nU b+2\nU c+3\nU d+4\nU b-5\n"},
        {"some users", false, true, NULL, 0, 2, "U a+1\nU c+3\n"},
        {"a group by set and by claim", false, true, NULL, 1, 0, "U c+3\nU d+4\n"},
        {"a group and users", false, true, NULL, 1, 2, "U a+1\nU c+3\nU d+4\n"},
        {"nobody", false, true, NULL, 0, 0, ""},
        {"the scope", true, false, "g", 0, 0, "U a+1\nU b+2\nU b-5\n"},
        {"a group out of scope", true, true, "g", 1, 0, ""},
        {"users within the scope", true, true, "g", 0, 2, "U a+1\n"},
        {"no scope at all", true, false, NULL, 0, 0, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int batch = 0; batch < 2; batch++) {
            struct fanout_fixture x;
            struct subscriber v;
            bytes_auto got = BYTES_INIT;
            fanout_fixture_setup(&x, 64, 0);
            struct group *g = groups_hold(&x.groups, SPAN("g")), *h = groups_hold(&x.groups, SPAN("h"));
            fanout_fixture_set_members(&x, "g", "a b");
            fanout_fixture_set_members(&x, "h", "c");
            fanout_fixture_viewer_setup(&v, &x, 0, cases[i].scoped, cases[i].scope);
            if (cases[i].chosen)
                interest_choose(&x.groups, v.interest, asked, cases[i].groups, true, users, cases[i].users);
            fanout_fixture_begin(&v, &x);
            fanout_fixture_read_all(&v, &x, &got);
            v.batch = batch;
            fanout_fixture_change(&x, "a", true);
            fanout_fixture_change(&x, "b", true);
            fanout_fixture_change(&x, "c", true);
            fanout_fixture_change_with(&x, "d", true, SPAN_NONE, "h");
            fanout_fixture_change(&x, "b", false);
            if (!batch)
                fanout_fixture_expect(cases[i].name, &v, &x, cases[i].told);
            else if (i == 0)
                fanout_fixture_expect("a batch", &v, &x, "B 5 a+1 c+3 d+4\n");
            else if (i == 3)
                fanout_fixture_expect("a filtered batch", &v, &x, "B 5 a+1 c+3 d+4\n");
            fanout_fixture_viewer_gone(&v, &x);
            groups_release(&x.groups, g);
            groups_release(&x.groups, h);
            fanout_fixture_teardown(&x);
        }
    }
}

/* Verbs: +a -a changes, ~a a change by hand to online, ~b- to offline, | what came so far is read. */
struct reader {
    struct fanout_fixture fixture;
    struct subscriber viewer;
    struct story story;
};

static void tell_change(void *machine, struct span word, struct span user)
{
    struct reader *r = machine;
    fanout_fixture_change(&r->fixture, (char[]){user.data[0], 0}, word.data[0] == '+');
}

static void tell_by_hand(void *machine, struct span word, struct span user)
{
    struct reader *r = machine;
    fanout_fixture_by_hand(&r->fixture, (char[]){user.data[0], 0}, user.len == 1);
}

static void tell_read(void *machine, struct span word, struct span rest)
{
    struct reader *r = machine;
    fanout_fixture_read_all(&r->viewer, &r->fixture, &r->story.said);
}

static const struct story_verb verbs[] = {{"[+-]", tell_change}, {"[~]", tell_by_hand}, {"|", tell_read}};
static const struct story_table table = {STORY_VERBS(verbs)};

static void test_batches(void **state)
{
    static const struct {
        const char *name, *words, *told;
    } cases[] = {
        {"one", "+a", "B 1 a+1\n"},
        {"the last of a user", "+a -a +a", "B 3 a+3\n"},
        {"no net effect", "+a -a", ""},
        {"none of it, but of another", "+a +b -a", "B 3 b+2\n"},
        {"one after the other", "+a | -a | +a -a", "B 1 a+1\nB 2 a-2\n"},
        {"by hand", "~t", "B 0 t+0\n"},
        {"by hand, twice the same", "~t ~t", "B 0 t+0\n"},
        {"by hand, there and back", "~t ~t-", "B 0 t-0\n"},
        {"by hand and truly", "+a ~a-", "B 1 a-0\n"},
        {"truly and by hand", "~a- +a", "B 1 a+1\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reader r;
        fanout_fixture_setup(&r.fixture, 64, 0);
        fanout_fixture_viewer_setup(&r.viewer, &r.fixture, 0, false, NULL);
        story_init(&r.story, cases[i].name, &table, &r);
        fanout_fixture_begin(&r.viewer, &r.fixture);
        story_tell(&r.story, "|");
        story_forget(&r.story);
        r.viewer.batch = true;
        story_tell(&r.story, cases[i].words);
        story_tell(&r.story, "|");
        story_expect(&r.story, cases[i].told);
        story_finish(&r.story);
        fanout_fixture_viewer_gone(&r.viewer, &r.fixture);
        fanout_fixture_teardown(&r.fixture);
    }
}

static void test_batches_are_shared_and_bounded(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[3];
    struct fanout_chunk first, second;
    char user[16], device[200];
    size_t largest = 0, changes = 0;
    fanout_fixture_setup(&x, 16384, 8 << 20);
    for (int i = 0; i < 3; i++) {
        bytes_auto got = BYTES_INIT;
        fanout_fixture_viewer_setup(&v[i], &x, 0, false, NULL);
        fanout_fixture_begin(&v[i], &x);
        fanout_fixture_read_all(&v[i], &x, &got);
        v[i].batch = true;
    }
    fanout_fixture_change(&x, "a", true);
    assert_int_equal(subscriber_next(&v[0], &x.fanout, &first), FANOUT_BYTES);
    assert_int_equal(subscriber_next(&v[1], &x.fanout, &second), FANOUT_BYTES);
    assert_ptr_equal(first.parts[0].data, second.parts[0].data);
    fanout_fixture_change(&x, "b", true);
    fanout_fixture_expect("not the one before", &v[0], &x, "B 2 b+2\n");
    fanout_fixture_expect("from an earlier place", &v[2], &x, "B 2 a+1 b+2\n");

    memset(device, 'd', sizeof(device));
    for (int i = 0; i < 10000; i++) {
        snprintf(user, sizeof(user), "user%d", i);
        fanout_fixture_change_with(&x, user, true, (struct span){device, 200}, NULL);
    }
    while (subscriber_next(&v[0], &x.fanout, &first) == FANOUT_BYTES) {
        largest = first.parts[0].len > largest ? first.parts[0].len : largest;
        for (size_t i = 0; i < first.parts[0].len; i++)
            changes += first.parts[0].data[i] == '+';
    }
    assert_int_equal(changes, 10000);
    assert_true(largest <= FANOUT_CHUNK_MAX + 1000);
    for (int i = 0; i < 3; i++)
        fanout_fixture_viewer_gone(&v[i], &x);
    fanout_fixture_teardown(&x);
}

static void test_streams_opened_late(void **state)
{
    struct fanout_fixture x;
    struct subscriber first, late;
    fanout_fixture_setup(&x, 64, 0);
    fanout_fixture_change(&x, "a", true);
    fanout_fixture_viewer_setup(&first, &x, 0, false, NULL);
    fanout_fixture_begin(&first, &x);
    fanout_fixture_change(&x, "b", true);
    fanout_fixture_viewer_setup(&late, &x, 1, false, NULL);
    /* What was never encoded can't be served. */
    assert_int_equal(subscriber_resume(&late, &x.fanout, &x.roster, SPAN("e"), 1), RESUME_TOO_OLD);
    assert_int_equal(subscriber_resume(&late, &x.fanout, &x.roster, SPAN("e"), 2), RESUME_DONE);
    fanout_fixture_change(&x, "c", true);
    fanout_fixture_expect("from here on", &late, &x, "Resumed 2\nUpdate c+3\n");
    assert_int_equal(subscriber_resume(&late, &x.fanout, &x.roster, SPAN("e"), 2), 0);
    fanout_fixture_expect("again", &late, &x, "Update c+3\nResumed 3\n");
    fanout_fixture_expect("the first", &first, &x, "S me 1 of e:1 =a #1\nU b+2\nU c+3\n");
    fanout_fixture_viewer_gone(&first, &x);
    fanout_fixture_viewer_gone(&late, &x);
    fanout_fixture_teardown(&x);
}

/* What the viewer is told; a snapshot is told by its beginning. */
static void expect_resume(const char *name, struct subscriber *v, struct fanout_fixture *x, struct span epoch,
                          uint64_t rev, enum resume result, const char *told)
{
    bytes_auto got = BYTES_INIT;
    enum resume resumed = subscriber_resume(v, &x->fanout, &x->roster, epoch, rev);

    if (resumed != result)
        fail_msg("%s: %d, not %d", name, (int)resumed, (int)result);
    if (resumed != RESUME_DONE)
        fanout_fixture_begin_at(v, x, resumed, 0);
    fanout_fixture_read_all(v, x, &got);
    if (strncmp(bytes_text(&got), told, resumed == RESUME_DONE ? got.len + 1 : strlen(told)) != 0)
        fail_msg("%s: told '%s', not '%s'", name, bytes_text(&got), told);
}

static void test_resume(void **state)
{
    static const struct {
        const char *name, *epoch;
        uint64_t rev;
        enum resume result;
        const char *told; /* by updates, or the snapshot */
        const char *batches;
    } cases[] = {
        {"nothing is missing", "e", 6, RESUME_DONE, "R 6\n", "R 6\n"},
        {"something is", "e", 4, RESUME_DONE, "U e+5\nU hand+0\nU f+6\nR 6\n", "B 6 e+5 hand+0 f+6\nR 6\n"},
        {"but not what was published by hand before", "e", 5, RESUME_DONE, "U f+6\nR 6\n", "B 6 f+6\nR 6\n"},
        {"all that is kept", "e", 3, RESUME_DONE, "U d+4\nU e+5\nU hand+0\nU f+6\nR 6\n",
         "B 6 d+4 e+5 hand+0 f+6\nR 6\n"},
        {"more than is kept", "e", 2, RESUME_TOO_OLD, "S me (too_old) 6", NULL},
        {"another epoch", "x", 6, RESUME_OTHER_EPOCH, "S me (other_epoch) 6", NULL},
        {"none", "", 6, RESUME_OTHER_EPOCH, "S me (other_epoch) 6", NULL},
        {"the future", "e", 7, RESUME_AHEAD, "S me (ahead) 6", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fanout_fixture x;
        struct subscriber v, other;
        fanout_fixture_setup(&x, 64, 0);
        fanout_fixture_viewer_setup(&other, &x, 0, false, NULL);
        fanout_fixture_begin(&other, &x);
        fanout_fixture_change(&x, "a", true);
        fanout_fixture_change(&x, "b", true);
        fanout_fixture_change(&x, "c", true);
        fanout_restart(&x.fanout, 3);
        fanout_fixture_change(&x, "d", true);
        fanout_fixture_change(&x, "e", true);
        fanout_fixture_by_hand(&x, "hand", true);
        fanout_fixture_change(&x, "f", true);
        fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
        for (int batch = 0; batch < 2; batch++) {
            v.batch = batch;
            expect_resume(cases[i].name, &v, &x, span_of(cases[i].epoch), cases[i].rev, cases[i].result,
                          batch && cases[i].batches ? cases[i].batches : cases[i].told);
        }
        fanout_fixture_viewer_gone(&v, &x);
        fanout_fixture_viewer_gone(&other, &x);
        fanout_fixture_teardown(&x);
    }
}

static void test_resume_rules(void **state)
{
    struct fanout_fixture x;
    struct subscriber v, other;
    const struct span users[] = {SPAN("a")};
    fanout_fixture_setup(&x, 64, 0);
    fanout_fixture_viewer_setup(&other, &x, 0, false, NULL);
    fanout_fixture_begin(&other, &x);
    for (int i = 0; i < 100; i++)
        fanout_fixture_change(&x, "a", i % 2 == 0);
    fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN("e"), 35), RESUME_TOO_OLD);
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN("e"), 36), RESUME_DONE);

    /* In doubt, nobody resumes. */
    x.roster.epoch[0] = '\0';
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN_NONE, 100), RESUME_OTHER_EPOCH);
    snprintf(x.roster.epoch, sizeof(x.roster.epoch), "e");

    /* By users one can, by groups not: nobody knows who was a member then. */
    interest_choose(&x.groups, v.interest, NULL, 0, true, users, 1);
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN("e"), 99), RESUME_DONE);
    fanout_fixture_expect("by users", &v, &x, "U a-100\nR 100\n");
    fanout_fixture_viewer_gone(&v, &x);
    fanout_fixture_viewer_setup(&v, &x, 0, true, "g");
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN("e"), 100), RESUME_FILTERED);
    fanout_fixture_viewer_gone(&v, &x);

    /* An epoch with lower revisions: those before it are neither told nor count. */
    fanout_restart(&x.fanout, 10);
    x.roster.rev = 10;
    struct change c = {.user = SPAN("z"), .online = true, .rev = 11};
    fanout_put(&x.fanout, &c, SPAN_NONE, 0);
    x.roster.rev = 11;
    fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN("e"), 10), RESUME_DONE);
    fanout_fixture_expect("only what came since", &v, &x, "U z+11\nR 11\n");
    for (int i = 0; i < 60; i++) {
        c.online = !c.online;
        c.rev = ++x.roster.rev;
        fanout_put(&x.fanout, &c, SPAN_NONE, 0);
    }
    assert_int_equal(subscriber_resume(&v, &x.fanout, &x.roster, SPAN("e"), 70), RESUME_DONE);
    fanout_fixture_viewer_gone(&v, &x);
    fanout_fixture_viewer_gone(&other, &x);
    fanout_fixture_teardown(&x);
}

/* The word that it is whole stands between what the viewer missed and what came later. */
static void test_confirm(void **state)
{
    struct fanout_fixture x;
    struct subscriber v;
    struct span users[] = {SPAN("a")};
    fanout_fixture_setup(&x, 64, 0);
    fanout_fixture_change(&x, "a", true);
    fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
    fanout_fixture_begin(&v, &x);
    fanout_fixture_change(&x, "b", true);
    subscriber_confirm(&v, &x.fanout, &x.roster);
    fanout_fixture_change(&x, "c", true);
    fanout_fixture_expect("behind a snapshot", &v, &x, "S me 1 of e:1 =a #1\nU b+2\nR 2\nU c+3\n");
    v.batch = true;
    fanout_fixture_change(&x, "d", true);
    subscriber_confirm(&v, &x.fanout, &x.roster);
    fanout_fixture_change(&x, "e", true);
    fanout_fixture_expect("batches", &v, &x, "B 4 d+4\nR 4\nB 5 e+5\n");
    subscriber_confirm(&v, &x.fanout, &x.roster);
    subscriber_confirm(&v, &x.fanout, &x.roster);
    fanout_fixture_expect("asked twice before it is told", &v, &x, "R 5\n");

    /* A narrower interest goes on where it is. */
    fanout_fixture_change(&x, "b", false);
    fanout_fixture_change(&x, "a", false);
    interest_choose(&x.groups, v.interest, NULL, 0, true, users, 1);
    subscriber_confirm(&v, &x.fanout, &x.roster);
    fanout_fixture_expect("of users", &v, &x, "B 7 a-7\nR 7\n");

    /* A snapshot in its place says so. */
    subscriber_confirm(&v, &x.fanout, &x.roster);
    fanout_fixture_begin(&v, &x);
    fanout_fixture_expect("in its place", &v, &x, "S me (too_old) 0 of e:7 #0\n");
    fanout_fixture_viewer_gone(&v, &x);
    fanout_fixture_teardown(&x);
}

static void test_for_one_alone(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[2];
    const struct change c = {.user = SPAN("a"), .online = true, .rev = 1, .reason = SPAN("joined")};
    fanout_fixture_setup(&x, 64, 0);
    for (int i = 0; i < 2; i++) {
        bytes_auto got = BYTES_INIT;
        fanout_fixture_viewer_setup(&v[i], &x, 0, true, "g");
        fanout_fixture_begin(&v[i], &x);
        fanout_fixture_read_all(&v[i], &x, &got);
    }
    assert_false(subscriber_pending_about(&v[0], &x.fanout, SPAN("a")));
    subscriber_put(&v[0], &x.fanout, &c, SPAN_NONE);
    assert_true(subscriber_pending_about(&v[0], &x.fanout, SPAN("a")));
    assert_false(subscriber_pending_about(&v[0], &x.fanout, SPAN("b")));
    fanout_fixture_expect("the other", &v[1], &x, "");
    fanout_fixture_expect("the one", &v[0], &x, "U a+1(joined)\n");
    assert_false(subscriber_pending_about(&v[0], &x.fanout, SPAN("a")));

    /* Not for the next one at the same place in memory, nor for the same one's next view. */
    subscriber_put(&v[0], &x.fanout, &c, SPAN_NONE);
    fanout_fixture_viewer_gone(&v[0], &x);
    fanout_fixture_viewer_setup(&v[0], &x, 0, true, "g");
    v[0].cursor = 0;
    fanout_fixture_expect("whoever comes there next", &v[0], &x, "");
    subscriber_put(&v[1], &x.fanout, &c, SPAN_NONE);
    uint64_t before = v[1].cursor;
    fanout_fixture_begin(&v[1], &x);
    v[1].cursor = before;
    fanout_fixture_expect("a new view", &v[1], &x, "S me 0 of e:0 #0\n");
    fanout_fixture_viewer_gone(&v[0], &x);
    fanout_fixture_viewer_gone(&v[1], &x);
    fanout_fixture_teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyone),
        cmocka_unit_test(test_changes_leave_in_one_run),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_batches_are_shared_and_bounded),
        cmocka_unit_test(test_streams_opened_late),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_rules),
        cmocka_unit_test(test_confirm),
        cmocka_unit_test(test_for_one_alone),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
