/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/fanout_fixture.h"

static void fill(struct fanout_fixture *x, int count)
{
    char user[32];
    for (int i = 0; i < count; i++) {
        snprintf(user, sizeof(user), "user-number-%d", i);
        fanout_fixture_change(x, user, true);
    }
}

static void test_snapshots_are_shared(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[4];
    fanout_fixture_setup(&x, 65536, 4 << 20);
    fill(&x, 100);
    for (int i = 0; i < 4; i++)
        fanout_fixture_viewer_setup(&v[i], &x, i == 2, i == 3, NULL);
    for (int i = 0; i < 4; i++)
        fanout_fixture_begin(&v[i], &x);
    assert_ptr_equal(v[0].snapshot, v[1].snapshot);
    assert_ptr_not_equal(v[0].snapshot, v[2].snapshot);
    assert_ptr_not_equal(v[0].snapshot, v[3].snapshot);
    /* A change makes it old, a large one a little later. */
    fanout_fixture_change(&x, "a", true);
    fanout_fixture_begin(&v[1], &x);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    fill(&x, 20001);
    fanout_fixture_begin_at(&v[0], &x, RESUME_NOT_ASKED, 1000);
    fanout_fixture_change(&x, "b", true);
    fanout_fixture_begin_at(&v[1], &x, RESUME_NOT_ASKED, 1249);
    assert_ptr_equal(v[0].snapshot, v[1].snapshot);
    bytes_auto got = BYTES_INIT;
    fanout_fixture_read_all(&v[1], &x, &got);
    bytes_text(&got);
    assert_non_null(strstr(got.data, "U b+"));
    fanout_fixture_begin_at(&v[1], &x, RESUME_NOT_ASKED, 1250);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    fanout_restart(&x.fanout, x.roster.rev);
    fanout_fixture_begin_at(&v[2], &x, RESUME_NOT_ASKED, 1250);
    fanout_fixture_begin_at(&v[0], &x, RESUME_NOT_ASKED, 1250);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    for (int i = 0; i < 4; i++)
        fanout_fixture_viewer_gone(&v[i], &x);
    fanout_fixture_teardown(&x);
}

/* A costly one is shared for a moment, but not beyond what the rings still hold. */
static void test_old_snapshots_and_revisions(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[2];
    char device[128];
    fanout_fixture_setup(&x, 64, 0);
    fill(&x, 20001);
    for (int i = 0; i < 2; i++)
        fanout_fixture_viewer_setup(&v[i], &x, 0, false, NULL);
    fanout_fixture_begin_at(&v[0], &x, RESUME_NOT_ASKED, 1000);
    for (int i = 0; i < 65; i++)
        fanout_fixture_change(&x, "a", i % 2 == 0);
    fanout_fixture_begin_at(&v[1], &x, RESUME_NOT_ASKED, 1001);
    assert_ptr_not_equal(v[0].snapshot, v[1].snapshot);
    for (int i = 0; i < 2; i++)
        fanout_fixture_viewer_gone(&v[i], &x);
    fanout_fixture_teardown(&x);

    /* The entries are there still, but their frames are written over. */
    fanout_fixture_setup(&x, 1024, 0);
    fanout_fixture_viewer_setup(&v[0], &x, 0, false, NULL);
    fanout_fixture_begin(&v[0], &x);
    memset(device, 'd', sizeof(device));
    for (int i = 0; i < 1000; i++)
        fanout_fixture_change_with(&x, "a", i % 2 == 0, (struct span){device, sizeof(device)}, NULL);
    assert_int_equal(subscriber_resume(&v[0], &x.fanout, &x.roster, SPAN("e"), 1), RESUME_TOO_OLD);
    assert_int_equal(subscriber_resume(&v[0], &x.fanout, &x.roster, SPAN("e"), 900), RESUME_DONE);
    fanout_fixture_viewer_gone(&v[0], &x);
    fanout_fixture_teardown(&x);
}

static void tidy_at(struct fanout_fixture *x, int64_t mono_ms, bool left)
{
    snapshots_tidy(&x->fanout, &x->roster, mono_ms);
    assert_int_equal(x->fanout.snapshots.shared[0] != NULL, left);
}

static void test_what_nobody_waits_for_is_freed(void **state)
{
    struct fanout_fixture x;
    struct subscriber v;
    bytes_auto got = BYTES_INIT;

    fanout_fixture_setup(&x, 65536, 4 << 20);
    fill(&x, 20001);
    fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
    fanout_fixture_begin_at(&v, &x, RESUME_NOT_ASKED, 1000);
    tidy_at(&x, 90000, true); /* it is being sent */
    fanout_fixture_read_all(&v, &x, &got);
    fanout_fixture_begin_at(&v, &x, RESUME_NOT_ASKED, 90000);
    fanout_fixture_read_all(&v, &x, &got);
    tidy_at(&x, 94999, true);
    tidy_at(&x, 95000, false);
    fanout_fixture_begin_at(&v, &x, RESUME_NOT_ASKED, 96000);
    fanout_fixture_change(&x, "a", true);
    fanout_fixture_read_all(&v, &x, &got);
    tidy_at(&x, 96249, true);
    tidy_at(&x, 96250, false);
    /* Handed out to its end, and nobody asked for more. */
    fanout_fixture_begin_at(&v, &x, RESUME_NOT_ASKED, 97000);
    while (v.snapshot)
        fanout_fixture_read_one(&v, &x, &got);
    tidy_at(&x, 102000, false);
    fanout_fixture_viewer_gone(&v, &x);
    fanout_fixture_teardown(&x);
}

/* Sent in fragments, while others come and go and the shared one is replaced: ASan looks on. */
static void test_large_snapshots(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[2], own;
    struct fanout_chunk piece;
    size_t fragments = 0;
    fanout_fixture_setup(&x, 65536, 4 << 20);
    fill(&x, 30000);
    for (int i = 0; i < 2; i++) {
        fanout_fixture_viewer_setup(&v[i], &x, 0, false, NULL);
        fanout_fixture_begin(&v[i], &x);
    }
    fanout_fixture_viewer_setup(&own, &x, 0, true, "g");
    assert_false(subscriber_in_message(&v[0]));
    bytes_auto got = BYTES_INIT;
    for (bool more = true; more; fragments++) {
        assert_int_equal(subscriber_next(&v[0], &x.fanout, &piece), FANOUT_BYTES);
        assert_true(piece.fragment);
        assert_int_equal(piece.first_byte & 0x7f, fragments ? 0 : 2);
        more = !(piece.first_byte & 0x80);
        assert_int_equal(subscriber_in_message(&v[0]), more);
        fanout_fixture_take_piece(&piece, &got);
        assert_true(piece.parts[piece.count - 1].len <= FANOUT_CHUNK_MAX);
        fanout_fixture_change(&x, "a", fragments % 2 == 0);
        fanout_fixture_begin_at(&v[1], &x, RESUME_NOT_ASKED, (int64_t)fragments * 1000);
        fanout_fixture_begin(&own, &x);
    }
    assert_true(fragments > 2);
    bytes_text(&got);
    assert_non_null(strstr(got.data, " user-number-0 "));
    assert_int_equal(strncmp(got.data, "S me 30000 of e:30000 =", 23), 0);
    /* The last holder's bytes live until the next call. */
    fanout_fixture_set_members(&x, "g", "user-number-1");
    fanout_fixture_begin(&own, &x);
    assert_int_equal(subscriber_next(&own, &x.fanout, &piece), FANOUT_BYTES);
    assert_int_equal(piece.first_byte, 0x82);
    subscriber_finish(&own);
    bytes_reset(&got);
    fanout_fixture_take_piece(&piece, &got);
    bytes_text(&got);
    assert_non_null(strstr(got.data, "=user-number-1 #1\n"));

    /* Some who are not through when the fan-out ends. */
    fanout_fixture_begin(&v[0], &x);
    fanout_fixture_begin(&own, &x);
    subscriber_next(&v[0], &x.fanout, &piece);
    fanout_finish(&x.fanout);
    subscriber_finish(&v[0]);
    subscriber_finish(&v[1]);
    subscriber_finish(&own);
    fanout_init(&x.fanout, 64, 0);
    for (int i = 0; i < 2; i++)
        interest_destroy(&x.groups, v[i].interest);
    interest_destroy(&x.groups, own.interest);
    fanout_fixture_teardown(&x);
}

/* What is looked at for a view is what the viewer may see, not who is online. */
static void test_a_view_costs_what_it_shows(void **state)
{
    static const struct {
        const char *name, *group, *members, *shown;
        size_t looked_at;
    } cases[] = {
        {"a set", "small", "user-number-7 nobody user-number-8", " 2 of e:30002 =user-number-7 user-number-8",
         3},
        {"a claim", "claimed", "", " 2 of e:30002 =claims-it claims-too", 2},
        {"both", "claimed", "claims-it user-number-7", " 3 of ", 4},
        {"an empty group", "none", "", " 0 of ", 0},
    };
    struct fanout_fixture x;

    fanout_fixture_setup(&x, 65536, 4 << 20);
    fill(&x, 30000);
    fanout_fixture_change_with(&x, "claims-it", true, SPAN_NONE, "claimed");
    fanout_fixture_change_with(&x, "claims-too", true, SPAN_NONE, "claimed");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bytes_auto got = BYTES_INIT;
        struct subscriber v;
        fanout_fixture_viewer_setup(&v, &x, 0, true, cases[i].group);
        fanout_fixture_set_members(&x, cases[i].group, cases[i].members);
        uint64_t before = x.fanout.snapshots.visited;
        assert_true(snapshot_ready(&v, &x.fanout, &x.roster, x.fanout.head, 0));
        fanout_fixture_begin(&v, &x);
        fanout_fixture_read_all(&v, &x, &got);
        if (x.fanout.snapshots.visited - before != cases[i].looked_at ||
            !strstr(bytes_text(&got), cases[i].shown))
            fail_msg("%s: %d looked at, told '%s'", cases[i].name, (int)(x.fanout.snapshots.visited - before),
                     got.data);
        fanout_fixture_viewer_gone(&v, &x);
    }
    fanout_fixture_teardown(&x);
}

/* One scan serves all who see everyone and asked before its end, whatever came between. */
static void test_one_scan_for_all(void **state)
{
    struct fanout_fixture x;
    struct subscriber v[3];
    fanout_fixture_setup(&x, 1024, 0);
    fill(&x, 50);
    for (int i = 0; i < 3; i++)
        fanout_fixture_viewer_setup(&v[i], &x, 0, false, NULL);
    assert_false(snapshot_ready(&v[0], &x.fanout, &x.roster, x.fanout.head, 0));
    subscriber_scan(&v[0], &x.fanout, &x.roster);
    assert_false(snapshot_scan_advance(&x.fanout, &x.roster, 20, 0, 0));
    fanout_fixture_change(&x, "later", true);
    fanout_fixture_change(&x, "user-number-49", false);
    uint64_t asked = x.fanout.head;
    assert_true(snapshot_scan_advance(&x.fanout, &x.roster, 100, 0, 0));
    assert_int_equal(x.fanout.snapshots.visited, 51);
    fanout_fixture_change(&x, "behind", true);
    for (int i = 0; i < 3; i++) {
        bytes_auto got = BYTES_INIT;
        assert_int_equal(snapshot_ready(&v[i], &x.fanout, &x.roster, asked + (i == 2), 0), i < 2);
        if (i == 2)
            break;
        subscriber_begin(&v[i], &x.fanout, &x.roster, SPAN("me"), RESUME_NOT_ASKED, 0, 0);
        fanout_fixture_read_all(&v[i], &x, &got);
        assert_non_null(strstr(bytes_text(&got), "S me 50 of e:52 ="));
        assert_non_null(strstr(got.data, "later"));
        assert_null(strstr(got.data, "user-number-49"));
        assert_non_null(strstr(got.data, "U behind+53\n"));
    }
    /* One that is given up leaves nothing behind. */
    subscriber_scan(&v[2], &x.fanout, &x.roster);
    snapshot_scan_advance(&x.fanout, &x.roster, 20, 0, 0);
    snapshot_scan_cancel(&x.fanout, &x.roster);
    assert_false(x.fanout.snapshots.scan.running || x.roster.scanning);
    subscriber_scan(&v[2], &x.fanout, &x.roster);
    for (int i = 0; i < 3; i++)
        fanout_fixture_viewer_gone(&v[i], &x);
    fanout_fixture_teardown(&x); /* in the middle of one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_are_shared),
        cmocka_unit_test(test_old_snapshots_and_revisions),
        cmocka_unit_test(test_what_nobody_waits_for_is_freed),
        cmocka_unit_test(test_large_snapshots),
        cmocka_unit_test(test_a_view_costs_what_it_shows),
        cmocka_unit_test(test_one_scan_for_all),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
