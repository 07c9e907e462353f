#include "feed_fixture.h"

static void test_everyone(void **state)
{
    struct fixture x;
    struct viewer v[2];

    setup(&x, 64, 0);
    change(&x, "a", true);
    for (int i = 0; i < 2; i++) {
        viewer_setup(&v[i], &x, i, false, NULL);
        begin(&v[i], &x);
    }
    change(&x, "b", true);
    expect("a snapshot, then what follows", &v[0], &x, "S me 1 of e:1 =a #1\nU b+2\n");
    expect("nothing new", &v[0], &x, "");
    change(&x, "a", false);
    change(&x, "a", true);
    change(&x, "a", true); /* no change */
    expect("the changes", &v[0], &x, "U a-3\nU a+4\n");
    expect("in the other encoding", &v[1], &x,
           "Snapshot me 1 of e:1 =a #1\nUpdate b+2\nUpdate a-3\nUpdate a+4\n");
    begin(&v[0], &x);
    expect("a new view", &v[0], &x, map_get(&x.roster.users, SPAN("a")) ? "S me 2 of e:5 =a b #2\n" : "");
    viewer_gone(&v[0], &x);
    viewer_gone(&v[1], &x);
    teardown(&x);
}

static void test_changes_leave_in_one_run(void **state)
{
    struct fixture x;
    struct viewer v, other;
    struct feed_piece piece;

    setup(&x, 64, 0);
    viewer_setup(&v, &x, 0, false, NULL);
    viewer_setup(&other, &x, 0, false, NULL);
    begin(&v, &x);
    begin(&other, &x);
    expect("a snapshot", &v, &x, "S me 0 of e:0 #0\n");
    change(&x, "a", true);
    change(&x, "b", true);
    change(&x, "c", true);
    assert_int_equal(viewer_next(&v, &x.feed, &piece), FEED_BYTES);
    assert_true(piece.count == 1 && span_equal(piece.parts[0], SPAN("U a+1\nU b+2\nU c+3\n")));
    assert_ptr_equal(piece.parts[0].data, x.feed.lanes[0].ring);
    assert_int_equal(viewer_next(&v, &x.feed, &piece), FEED_NOTHING);
    viewer_gone(&v, &x);
    viewer_gone(&other, &x);
    teardown(&x);
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
            struct fixture x;
            struct viewer v;
            bytes_auto got = BYTES_INIT;
            setup(&x, 64, 0);
            struct group *g = groups_hold(&x.groups, SPAN("g")), *h = groups_hold(&x.groups, SPAN("h"));
            set_members(&x, "g", "a b");
            set_members(&x, "h", "c");
            viewer_setup(&v, &x, 0, cases[i].scoped, cases[i].scope);
            if (cases[i].chosen)
                interest_choose(&x.groups, v.interest, asked, cases[i].groups, true, users, cases[i].users);
            begin(&v, &x);
            read_all(&v, &x, &got);
            v.batch = batch;
            change(&x, "a", true);
            change(&x, "b", true);
            change(&x, "c", true);
            change_with(&x, "d", true, SPAN_NONE, "h");
            change(&x, "b", false);
            if (!batch)
                expect(cases[i].name, &v, &x, cases[i].told);
            else if (i == 0)
                expect("a batch", &v, &x, "B 5 a+1 c+3 d+4\n");
            else if (i == 3)
                expect("a filtered batch", &v, &x, "B 5 a+1 c+3 d+4\n");
            viewer_gone(&v, &x);
            groups_release(&x.groups, g);
            groups_release(&x.groups, h);
            teardown(&x);
        }
    }
}

/* Words: +a -a changes, ~a a change by hand to online, ~b- to offline, | what came so far is read. */
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
        struct fixture x;
        struct viewer v;
        struct span rest = span_of(cases[i].words);
        bytes_auto got = BYTES_INIT;
        setup(&x, 64, 0);
        viewer_setup(&v, &x, 0, false, NULL);
        begin(&v, &x);
        read_all(&v, &x, &got);
        bytes_reset(&got);
        v.batch = true;
        while (rest.len) {
            struct span word = span_split(&rest, ' ');
            char user[2] = {word.len > 1 ? word.data[1] : 0, 0};
            if (word.data[0] == '|')
                read_all(&v, &x, &got);
            else if (word.data[0] == '~')
                by_hand(&x, user, word.len == 2);
            else
                change(&x, user, word.data[0] == '+');
        }
        read_all(&v, &x, &got);
        if (strcmp(bytes_text(&got), cases[i].told) != 0)
            fail_msg("%s: told '%s'", cases[i].name, bytes_text(&got));
        viewer_gone(&v, &x);
        teardown(&x);
    }
}

static void test_batches_are_shared_and_bounded(void **state)
{
    struct fixture x;
    struct viewer v[3];
    struct feed_piece first, second;
    char user[16], device[200];
    size_t largest = 0, changes = 0;

    setup(&x, 16384, 8 << 20);
    for (int i = 0; i < 3; i++) {
        bytes_auto got = BYTES_INIT;
        viewer_setup(&v[i], &x, 0, false, NULL);
        begin(&v[i], &x);
        read_all(&v[i], &x, &got);
        v[i].batch = true;
    }
    change(&x, "a", true);
    assert_int_equal(viewer_next(&v[0], &x.feed, &first), FEED_BYTES);
    assert_int_equal(viewer_next(&v[1], &x.feed, &second), FEED_BYTES);
    assert_ptr_equal(first.parts[0].data, second.parts[0].data);
    change(&x, "b", true);
    expect("not the one before", &v[0], &x, "B 2 b+2\n");
    expect("from an earlier place", &v[2], &x, "B 2 a+1 b+2\n");

    memset(device, 'd', sizeof(device));
    for (int i = 0; i < 10000; i++) {
        snprintf(user, sizeof(user), "user%d", i);
        change_with(&x, user, true, (struct span){device, 200}, NULL);
    }
    while (viewer_next(&v[0], &x.feed, &first) == FEED_BYTES) {
        largest = first.parts[0].len > largest ? first.parts[0].len : largest;
        for (size_t i = 0; i < first.parts[0].len; i++)
            changes += first.parts[0].data[i] == '+';
    }
    assert_int_equal(changes, 10000);
    assert_true(largest <= FEED_PIECE_MAX + 1000);
    for (int i = 0; i < 3; i++)
        viewer_gone(&v[i], &x);
    teardown(&x);
}

static void test_lanes_opened_late(void **state)
{
    struct fixture x;
    struct viewer first, late;

    setup(&x, 64, 0);
    change(&x, "a", true);
    viewer_setup(&first, &x, 0, false, NULL);
    begin(&first, &x);
    change(&x, "b", true);
    viewer_setup(&late, &x, 1, false, NULL);
    /* What was never encoded can't be served. */
    assert_int_equal(viewer_resume(&late, &x.feed, &x.roster, SPAN("e"), 1), -1);
    assert_int_equal(viewer_resume(&late, &x.feed, &x.roster, SPAN("e"), 2), 0);
    change(&x, "c", true);
    expect("from here on", &late, &x, "Update c+3\n");
    assert_int_equal(viewer_resume(&late, &x.feed, &x.roster, SPAN("e"), 2), 0);
    expect("again", &late, &x, "Update c+3\n");
    expect("the first", &first, &x, "S me 1 of e:1 =a #1\nU b+2\nU c+3\n");
    viewer_gone(&first, &x);
    viewer_gone(&late, &x);
    teardown(&x);
}

static void test_resume(void **state)
{
    static const struct {
        const char *name, *epoch;
        uint64_t rev;
        const char *told; /* NULL: can't be served */
    } cases[] = {
        {"nothing is missing", "e", 6, ""},
        {"something is", "e", 4, "U e+5\nU hand+0\nU f+6\n"},
        {"but not what was published by hand before", "e", 5, "U f+6\n"},
        {"all that is kept", "e", 3, "U d+4\nU e+5\nU hand+0\nU f+6\n"},
        {"more than is kept", "e", 2, NULL},
        {"another epoch", "x", 6, NULL},
        {"none", "", 6, NULL},
        {"the future", "e", 7, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        struct viewer v, other;
        setup(&x, 64, 0);
        viewer_setup(&other, &x, 0, false, NULL);
        begin(&other, &x);
        change(&x, "a", true);
        change(&x, "b", true);
        change(&x, "c", true);
        feed_restart(&x.feed, 3);
        change(&x, "d", true);
        change(&x, "e", true);
        by_hand(&x, "hand", true);
        change(&x, "f", true);
        viewer_setup(&v, &x, 0, false, NULL);
        int result = viewer_resume(&v, &x.feed, &x.roster, span_of(cases[i].epoch), cases[i].rev);
        if ((result == 0) != (cases[i].told != NULL))
            fail_msg("%s: %d", cases[i].name, result);
        if (result == 0)
            expect(cases[i].name, &v, &x, cases[i].told);
        viewer_gone(&v, &x);
        viewer_gone(&other, &x);
        teardown(&x);
    }
}

static void test_resume_rules(void **state)
{
    struct fixture x;
    struct viewer v, other;
    const struct span users[] = {SPAN("a")};

    setup(&x, 64, 0);
    viewer_setup(&other, &x, 0, false, NULL);
    begin(&other, &x);
    for (int i = 0; i < 100; i++)
        change(&x, "a", i % 2 == 0);
    viewer_setup(&v, &x, 0, false, NULL);
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN("e"), 35), -1);
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN("e"), 36), 0);

    /* In doubt, nobody resumes. */
    x.roster.epoch[0] = '\0';
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN_NONE, 100), -1);
    snprintf(x.roster.epoch, sizeof(x.roster.epoch), "e");

    /* By users one can, by groups not: nobody knows who was a member then. */
    interest_choose(&x.groups, v.interest, NULL, 0, true, users, 1);
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN("e"), 99), 0);
    expect("by users", &v, &x, "U a-100\n");
    viewer_gone(&v, &x);
    viewer_setup(&v, &x, 0, true, "g");
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN("e"), 100), -1);
    viewer_gone(&v, &x);

    /* An epoch with lower revisions: those before it are neither told nor count. */
    feed_restart(&x.feed, 10);
    x.roster.rev = 10;
    struct change c = {.user = SPAN("z"), .online = true, .rev = 11};
    feed_put(&x.feed, &c, SPAN_NONE, NULL);
    x.roster.rev = 11;
    viewer_setup(&v, &x, 0, false, NULL);
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN("e"), 10), 0);
    expect("only what came since", &v, &x, "U z+11\n");
    for (int i = 0; i < 60; i++) {
        c.online = !c.online;
        c.rev = ++x.roster.rev;
        feed_put(&x.feed, &c, SPAN_NONE, NULL);
    }
    assert_int_equal(viewer_resume(&v, &x.feed, &x.roster, SPAN("e"), 70), 0);
    viewer_gone(&v, &x);
    viewer_gone(&other, &x);
    teardown(&x);
}

static void test_for_one_alone(void **state)
{
    struct fixture x;
    struct viewer v[2];
    const struct change c = {.user = SPAN("a"), .online = true, .rev = 1, .reason = SPAN("joined")};

    setup(&x, 64, 0);
    for (int i = 0; i < 2; i++) {
        bytes_auto got = BYTES_INIT;
        viewer_setup(&v[i], &x, 0, true, "g");
        begin(&v[i], &x);
        read_all(&v[i], &x, &got);
    }
    assert_false(viewer_pending_about(&v[0], &x.feed, SPAN("a")));
    feed_put(&x.feed, &c, SPAN_NONE, &v[0]);
    assert_true(viewer_pending_about(&v[0], &x.feed, SPAN("a")));
    assert_false(viewer_pending_about(&v[0], &x.feed, SPAN("b")));
    expect("the other", &v[1], &x, "");
    expect("the one", &v[0], &x, "U a+1(joined)\n");
    assert_false(viewer_pending_about(&v[0], &x.feed, SPAN("a")));

    /* Not for the next one at the same place in memory, nor for the same one's next view. */
    feed_put(&x.feed, &c, SPAN_NONE, &v[0]);
    viewer_gone(&v[0], &x);
    viewer_setup(&v[0], &x, 0, true, "g");
    v[0].cursor = 0;
    expect("whoever comes there next", &v[0], &x, "");
    feed_put(&x.feed, &c, SPAN_NONE, &v[1]);
    uint64_t before = v[1].cursor;
    begin(&v[1], &x);
    v[1].cursor = before;
    expect("a new view", &v[1], &x, "S me 0 of e:0 #0\n");
    viewer_gone(&v[0], &x);
    viewer_gone(&v[1], &x);
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyone),
        cmocka_unit_test(test_changes_leave_in_one_run),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_batches_are_shared_and_bounded),
        cmocka_unit_test(test_lanes_opened_late),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_rules),
        cmocka_unit_test(test_for_one_alone),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
