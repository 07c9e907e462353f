#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "feed_codec.h"
#include "presence/feed.h"

struct fixture {
    struct roster roster;
    struct groups groups;
    struct feed feed;
};

static void setup(struct fixture *x, size_t entries, size_t lane_bytes)
{
    memset(x, 0, sizeof(*x));
    roster_init(&x->roster);
    groups_init(&x->groups);
    feed_init(&x->feed, &codec, entries, lane_bytes);
    snprintf(x->roster.epoch, sizeof(x->roster.epoch), "e");
}

static void teardown(struct fixture *x)
{
    feed_finish(&x->feed);
    groups_finish(&x->groups);
    roster_finish(&x->roster);
}

/* A change of the store, told when it is one. */
static void change_with(struct fixture *x, const char *user, bool online, struct span device,
                        const char *claim)
{
    const struct span group = span_of(claim);
    struct change c = {.user = span_of(user),
                       .online = online,
                       .rev = ++x->roster.rev,
                       .device = device,
                       .groups = &group,
                       .group_count = claim != NULL};
    bytes_auto claims = BYTES_INIT;

    if (claim)
        bytes_printf(&claims, "%s\n", claim);
    if (roster_apply(&x->roster, &c))
        feed_put(&x->feed, &c, bytes_span(&claims), NULL);
}

static void change(struct fixture *x, const char *user, bool online)
{
    change_with(x, user, online, SPAN_NONE, NULL);
}

static void by_hand(struct fixture *x, const char *user, bool online)
{
    const struct change c = {.user = span_of(user), .online = online};

    feed_put(&x->feed, &c, SPAN_NONE, NULL);
}

static void viewer_setup(struct viewer *v, struct fixture *x, int encoding, bool scoped, const char *group)
{
    const struct span claim = span_of(group);

    memset(v, 0, sizeof(*v));
    v->encoding = (uint8_t)encoding;
    v->interest = interest_create(&x->groups, scoped, &claim, group != NULL);
}

static void viewer_gone(struct viewer *v, struct fixture *x)
{
    feed_forget(&x->feed, v);
    viewer_finish(v);
    interest_destroy(&x->groups, v->interest);
}

static void begin(struct viewer *v, struct fixture *x)
{
    viewer_begin(v, &x->feed, &x->roster, SPAN("me"), 0, 0);
}

static void take_piece(const struct feed_piece *piece, struct bytes *out)
{
    for (size_t i = 0; i < piece->count; i++)
        bytes_append_span(out, piece->parts[i]);
    assert_true(piece->fragment || (piece->count == 1 && piece->first_byte == 0));
}

static enum feed_result read_one(struct viewer *v, struct fixture *x, struct bytes *out)
{
    struct feed_piece piece;
    enum feed_result result = viewer_next(v, &x->feed, &piece);

    if (result == FEED_BYTES)
        take_piece(&piece, out);
    return result;
}

static enum feed_result read_all(struct viewer *v, struct fixture *x, struct bytes *out)
{
    enum feed_result result;

    while ((result = read_one(v, x, out)) == FEED_BYTES)
        continue;
    return result;
}

static void expect(const char *name, struct viewer *v, struct fixture *x, const char *expected)
{
    bytes_auto got = BYTES_INIT;

    if (read_all(v, x, &got) != FEED_NOTHING)
        fail_msg("%s: left behind", name);
    if (strcmp(bytes_text(&got), expected) != 0)
        fail_msg("%s: told '%s', not '%s'", name, bytes_text(&got), expected);
}

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

static void no_difference(void *arg, struct group *group, struct span user)
{
}

static void set_members(struct fixture *x, const char *name, const char *users)
{
    struct group *group = map_get(&x->groups.by_name, span_of(name));
    struct span members[16], rest = span_of(users);
    size_t count = 0;

    while (rest.len)
        members[count++] = span_split(&rest, ' ');
    group_replace(group, members, count, no_difference, NULL);
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

/* A ring that comes round many times, with frames of any size, and entries that come round too. */
static void test_rings_come_round(void **state)
{
    static const size_t capacities[] = {64, 1024, 16384};

    for (size_t n = 0; n < 3; n++) {
        struct fixture x;
        struct viewer v[2];
        struct rng rng;
        char device[128];
        setup(&x, capacities[n], 0);
        rng_init(&rng, 7);
        for (int i = 0; i < 2; i++) {
            bytes_auto got = BYTES_INIT;
            viewer_setup(&v[i], &x, i, false, NULL);
            begin(&v[i], &x);
            read_all(&v[i], &x, &got);
        }
        for (int i = 0; i < 20000; i++) {
            /* Short ones for long, then long ones: the oldest that is left need not be the oldest in the
             * lane. */
            size_t len = 1 + rng_below(&rng, i / 4000 % 2 ? 128 : 2);
            memset(device, 'a' + i % 26, len);
            change_with(&x, "u", i % 2 == 0, (struct span){device, len}, NULL);
            if (i % 50 != 0 && rng_below(&rng, 20) != 0)
                continue;
            for (int e = 0; e < 2; e++) {
                bytes_auto got = BYTES_INIT;
                bytes_auto last = BYTES_INIT;
                assert_int_equal(read_all(&v[e], &x, &got), FEED_NOTHING);
                bytes_printf(&last, "u%c%d,%.*s\n", i % 2 ? '-' : '+', i + 1, (int)len, device);
                assert_true(got.len >= last.len);
                assert_memory_equal(got.data + got.len - last.len, last.data, last.len);
            }
        }
        viewer_gone(&v[0], &x);
        viewer_gone(&v[1], &x);
        teardown(&x);
    }
}

/* Whoever is not told that he is behind gets each change as it was put. */
static void read_checked(struct viewer *v, struct fixture *x, uint64_t *next_rev, size_t *ret_behind)
{
    bytes_auto got = BYTES_INIT;
    enum feed_result result = read_all(v, x, &got);
    struct span rest = bytes_span(&got);

    if (result == FEED_BEHIND) {
        begin(v, x);
        bytes_reset(&got);
        read_all(v, x, &got);
        *next_rev = x->roster.rev + 1;
        ++*ret_behind;
        return;
    }
    while (rest.len) {
        bytes_auto expected = BYTES_INIT;
        struct span line = span_split(&rest, '\n');
        char fill = (char)('a' + *next_rev % 26);
        bytes_printf(&expected, "U u%c%llu,%c", *next_rev % 2 ? '+' : '-', (unsigned long long)*next_rev,
                     fill);
        if (line.len < expected.len || memcmp(line.data, expected.data, expected.len) != 0 ||
            line.data[line.len - 1] != fill)
            fail_msg("'%.*s' instead of '%s…'", (int)line.len, line.data, bytes_text(&expected));
        ++*next_rev;
    }
    assert_int_equal(*next_rev, x->roster.rev + 1);
}

static void test_left_behind(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture x;
        struct viewer v;
        struct rng rng;
        uint64_t next_rev = 1;
        size_t behind = 0;
        char device[1000];
        /* Few entries: the ring of entries comes round while the lane does not, and the other way round. */
        setup(&x, seed % 2 ? 64 : 1024, 0);
        rng_init(&rng, seed);
        viewer_setup(&v, &x, 0, false, NULL);
        bytes_auto got = BYTES_INIT;
        begin(&v, &x);
        read_all(&v, &x, &got);
        for (int round = 0; round < 200; round++) {
            size_t longest = round / 20 % 2 ? 1000 : 4;
            for (uint64_t i = rng_below(&rng, 200); i > 0; i--) {
                uint64_t rev = x.roster.rev + 1;
                size_t len = 1 + rng_below(&rng, longest);
                memset(device, (int)('a' + rev % 26), len);
                struct change c = {.user = SPAN("u"), .online = rev % 2, .rev = rev, .device = {device, len}};
                x.roster.rev = rev;
                feed_put(&x.feed, &c, SPAN_NONE, NULL);
            }
            read_checked(&v, &x, &next_rev, &behind);
        }
        assert_true(behind > 0 && behind < 200);
        viewer_gone(&v, &x);
        teardown(&x);
    }
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

static void fill(struct fixture *x, int count)
{
    char user[32];

    for (int i = 0; i < count; i++) {
        snprintf(user, sizeof(user), "user-number-%d", i);
        change(x, user, true);
    }
}

static void test_snapshots_are_shared(void **state)
{
    struct fixture x;
    struct viewer v[4];

    setup(&x, 65536, 4 << 20);
    fill(&x, 100);
    for (int i = 0; i < 4; i++)
        viewer_setup(&v[i], &x, i == 2, i == 3, NULL);
    for (int i = 0; i < 4; i++)
        begin(&v[i], &x);
    assert_ptr_equal(v[0].snapshot, v[1].snapshot);
    assert_ptr_not_equal(v[0].snapshot, v[2].snapshot);
    assert_ptr_not_equal(v[0].snapshot, v[3].snapshot);
    /* A change makes it old, a large one a little later. */
    change(&x, "a", true);
    begin(&v[1], &x);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    fill(&x, 20001);
    viewer_begin(&v[0], &x.feed, &x.roster, SPAN("me"), 0, 1000);
    change(&x, "b", true);
    viewer_begin(&v[1], &x.feed, &x.roster, SPAN("me"), 0, 1249);
    assert_ptr_equal(v[0].snapshot, v[1].snapshot);
    bytes_auto got = BYTES_INIT;
    read_all(&v[1], &x, &got);
    bytes_text(&got);
    assert_non_null(strstr(got.data, "U b+"));
    viewer_begin(&v[1], &x.feed, &x.roster, SPAN("me"), 0, 1250);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    feed_restart(&x.feed, x.roster.rev);
    viewer_begin(&v[2], &x.feed, &x.roster, SPAN("me"), 0, 1250);
    viewer_begin(&v[0], &x.feed, &x.roster, SPAN("me"), 0, 1250);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    for (int i = 0; i < 4; i++)
        viewer_gone(&v[i], &x);
    teardown(&x);
}

/* A costly one is shared for a moment, but not beyond what the rings still hold. */
static void test_old_snapshots_and_revisions(void **state)
{
    struct fixture x;
    struct viewer v[2];
    char device[128];

    setup(&x, 64, 0);
    fill(&x, 20001);
    for (int i = 0; i < 2; i++)
        viewer_setup(&v[i], &x, 0, false, NULL);
    viewer_begin(&v[0], &x.feed, &x.roster, SPAN("me"), 0, 1000);
    for (int i = 0; i < 65; i++)
        change(&x, "a", i % 2 == 0);
    viewer_begin(&v[1], &x.feed, &x.roster, SPAN("me"), 0, 1001);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    for (int i = 0; i < 2; i++)
        viewer_gone(&v[i], &x);
    teardown(&x);

    /* The entries are there still, but their frames are written over. */
    setup(&x, 1024, 0);
    viewer_setup(&v[0], &x, 0, false, NULL);
    begin(&v[0], &x);
    memset(device, 'd', sizeof(device));
    for (int i = 0; i < 1000; i++)
        change_with(&x, "a", i % 2 == 0, (struct span){device, sizeof(device)}, NULL);
    assert_int_equal(viewer_resume(&v[0], &x.feed, &x.roster, SPAN("e"), 1), -1);
    assert_int_equal(viewer_resume(&v[0], &x.feed, &x.roster, SPAN("e"), 900), 0);
    viewer_gone(&v[0], &x);
    teardown(&x);
}

/* Sent in fragments, while others come and go and the shared one is replaced: ASan looks on. */
static void test_large_snapshots(void **state)
{
    struct fixture x;
    struct viewer v[2], own;
    struct feed_piece piece;
    size_t fragments = 0;

    setup(&x, 65536, 4 << 20);
    fill(&x, 30000);
    for (int i = 0; i < 2; i++) {
        viewer_setup(&v[i], &x, 0, false, NULL);
        begin(&v[i], &x);
    }
    viewer_setup(&own, &x, 0, true, "g");
    assert_false(viewer_in_message(&v[0]));
    bytes_auto got = BYTES_INIT;
    for (bool more = true; more; fragments++) {
        assert_int_equal(viewer_next(&v[0], &x.feed, &piece), FEED_BYTES);
        assert_true(piece.fragment);
        assert_int_equal(piece.first_byte & 0x7f, fragments ? 0 : 2);
        more = !(piece.first_byte & 0x80);
        assert_int_equal(viewer_in_message(&v[0]), more);
        take_piece(&piece, &got);
        assert_true(piece.parts[piece.count - 1].len <= FEED_PIECE_MAX);
        change(&x, "a", fragments % 2 == 0);
        viewer_begin(&v[1], &x.feed, &x.roster, SPAN("me"), 0, (int64_t)fragments * 1000);
        begin(&own, &x);
    }
    assert_true(fragments > 2);
    bytes_text(&got);
    assert_non_null(strstr(got.data, " user-number-29999"));
    assert_int_equal(strncmp(got.data, "S me 30000 of e:30000 =", 23), 0);
    /* The last holder's bytes live until the next call. */
    set_members(&x, "g", "user-number-1");
    begin(&own, &x);
    assert_int_equal(viewer_next(&own, &x.feed, &piece), FEED_BYTES);
    assert_int_equal(piece.first_byte, 0x82);
    viewer_finish(&own);
    bytes_reset(&got);
    take_piece(&piece, &got);
    bytes_text(&got);
    assert_non_null(strstr(got.data, "=user-number-1 #1\n"));

    /* Some who are not through when the feed ends. */
    begin(&v[0], &x);
    begin(&own, &x);
    viewer_next(&v[0], &x.feed, &piece);
    feed_finish(&x.feed);
    viewer_finish(&v[0]);
    viewer_finish(&v[1]);
    viewer_finish(&own);
    feed_init(&x.feed, &codec, 64, 0);
    for (int i = 0; i < 2; i++)
        interest_destroy(&x.groups, v[i].interest);
    interest_destroy(&x.groups, own.interest);
    teardown(&x);
}

/* Texts that only others bound: no frame may outgrow the ring. */
static void test_hostile_texts(void **state)
{
    struct fixture x;
    struct viewer v;
    char *huge = mem_alloc(1 << 20);
    bytes_auto got = BYTES_INIT;

    memset(huge, '"', 1 << 20);
    setup(&x, 64, 1);
    viewer_setup(&v, &x, 0, false, NULL);
    begin(&v, &x);
    read_all(&v, &x, &got);
    for (size_t len = FEED_TEXT_MAX - 1; len < 1 << 20; len = len * 3 / 2) {
        struct change c = {.user = SPAN("a"), .online = true, .reason = {huge, len}, .node = {huge, len}};
        feed_put(&x.feed, &c, SPAN_NONE, NULL);
        bytes_reset(&got);
        assert_int_equal(read_all(&v, &x, &got), FEED_NOTHING);
        assert_int_equal(got.len, len <= FEED_TEXT_MAX ? strlen("U a+0()\n") + len : strlen("U a+0\n"));
    }
    viewer_gone(&v, &x);
    teardown(&x);
    free(huge);
}

static int64_t nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void test_a_crowd_of_viewers(void **state)
{
    enum { VIEWERS = 500, ROUNDS = 200, EACH = 10 };
    static struct viewer v[VIEWERS];
    struct fixture x;
    struct feed_piece piece;
    size_t bytes = 0;

    setup(&x, 16384, 4 << 20);
    for (int i = 0; i < VIEWERS; i++) {
        viewer_setup(&v[i], &x, i % 2, false, NULL);
        begin(&v[i], &x);
        viewer_next(&v[i], &x.feed, &piece);
    }
    int64_t from = nanoseconds();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH; i++)
            change_with(&x, "user", (round + i) % 2 == 0, SPAN("device"), NULL);
        for (int i = 0; i < VIEWERS; i++)
            while (viewer_next(&v[i], &x.feed, &piece) == FEED_BYTES)
                bytes += piece.parts[0].len;
    }
    int64_t took = nanoseconds() - from;
    print_message("%lld ns for %d changes to %d viewers\n", (long long)(took / ROUNDS), EACH, VIEWERS);
    assert_true(bytes > 0 && took / ROUNDS < 20000000);
    for (int i = 0; i < VIEWERS; i++)
        viewer_gone(&v[i], &x);
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
        cmocka_unit_test(test_rings_come_round),
        cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_lanes_opened_late),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_rules),
        cmocka_unit_test(test_for_one_alone),
        cmocka_unit_test(test_snapshots_are_shared),
        cmocka_unit_test(test_old_snapshots_and_revisions),
        cmocka_unit_test(test_large_snapshots),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_a_crowd_of_viewers),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
