#include "feed_fixture.h"

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

static void tidy_at(struct fixture *x, int64_t mono_ms, bool left)
{
    feed_tidy(&x->feed, &x->roster, mono_ms);
    assert_int_equal(x->feed.shared[0] != NULL, left);
}

static void test_what_nobody_waits_for_is_freed(void **state)
{
    struct fixture x;
    struct viewer v;
    bytes_auto got = BYTES_INIT;

    setup(&x, 65536, 4 << 20);
    fill(&x, 20001);
    viewer_setup(&v, &x, 0, false, NULL);
    viewer_begin(&v, &x.feed, &x.roster, SPAN("me"), 0, 1000);
    tidy_at(&x, 90000, true); /* it is being sent */
    read_all(&v, &x, &got);
    viewer_begin(&v, &x.feed, &x.roster, SPAN("me"), 0, 90000);
    read_all(&v, &x, &got);
    tidy_at(&x, 94999, true);
    tidy_at(&x, 95000, false);
    viewer_begin(&v, &x.feed, &x.roster, SPAN("me"), 0, 96000);
    change(&x, "a", true);
    read_all(&v, &x, &got);
    tidy_at(&x, 96249, true);
    tidy_at(&x, 96250, false);
    /* Handed out to its end, and nobody asked for more. */
    viewer_begin(&v, &x.feed, &x.roster, SPAN("me"), 0, 97000);
    while (v.snapshot)
        read_one(&v, &x, &got);
    tidy_at(&x, 102000, false);
    viewer_gone(&v, &x);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_are_shared),
        cmocka_unit_test(test_old_snapshots_and_revisions),
        cmocka_unit_test(test_what_nobody_waits_for_is_freed),
        cmocka_unit_test(test_large_snapshots),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
