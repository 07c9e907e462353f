/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/fanout_fixture.h"

/* A ring that comes round many times, with frames of any size, and entries that come round too. */
static void test_rings_come_round(void **state)
{
    static const size_t capacities[] = {64, 1024, 16384};
    for (size_t n = 0; n < 3; n++) {
        struct fanout_fixture x;
        struct subscriber v[2];
        struct rng rng;
        char device[128];
        fanout_fixture_setup(&x, capacities[n], 0);
        rng_init(&rng, 7);
        for (int i = 0; i < 2; i++) {
            bytes_auto got = BYTES_INIT;
            fanout_fixture_viewer_setup(&v[i], &x, i, false, NULL);
            fanout_fixture_begin(&v[i], &x);
            fanout_fixture_read_all(&v[i], &x, &got);
        }
        for (int i = 0; i < 20000; i++) {
            /* Short ones for long, then long ones: the oldest that is left need not be the oldest in the
             * stream. */
            size_t len = 1 + rng_below(&rng, i / 4000 % 2 ? 128 : 2);
            memset(device, 'a' + i % 26, len);
            fanout_fixture_change_with(&x, "u", i % 2 == 0, (struct span){device, len}, NULL);
            if (i % 50 != 0 && rng_below(&rng, 20) != 0)
                continue;
            for (int e = 0; e < 2; e++) {
                bytes_auto got = BYTES_INIT;
                bytes_auto last = BYTES_INIT;
                assert_int_equal(fanout_fixture_read_all(&v[e], &x, &got), FANOUT_NOTHING);
                bytes_printf(&last, "u%c%d,%.*s\n", i % 2 ? '-' : '+', i + 1, (int)len, device);
                assert_true(got.len >= last.len);
                assert_memory_equal(got.data + got.len - last.len, last.data, last.len);
            }
        }
        fanout_fixture_viewer_gone(&v[0], &x);
        fanout_fixture_viewer_gone(&v[1], &x);
        fanout_fixture_teardown(&x);
    }
}

/* Whoever is not told that he is behind gets each change as it was put. */
static void read_checked(struct subscriber *v, struct fanout_fixture *x, uint64_t *next_rev,
                         size_t *ret_behind)
{
    bytes_auto got = BYTES_INIT;
    enum fanout_result result = fanout_fixture_read_all(v, x, &got);
    struct span rest = bytes_span(&got);

    if (result == FANOUT_BEHIND) {
        fanout_fixture_begin(v, x);
        bytes_reset(&got);
        fanout_fixture_read_all(v, x, &got);
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
        struct fanout_fixture x;
        struct subscriber v;
        struct rng rng;
        uint64_t next_rev = 1;
        size_t behind = 0;
        char device[1000];
        /* Few entries: the ring of entries comes round while the stream does not, and the other way round. */
        fanout_fixture_setup(&x, seed % 2 ? 64 : 1024, 0);
        rng_init(&rng, seed);
        fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
        bytes_auto got = BYTES_INIT;
        fanout_fixture_begin(&v, &x);
        fanout_fixture_read_all(&v, &x, &got);
        for (int round = 0; round < 200; round++) {
            size_t longest = round / 20 % 2 ? 1000 : 4;
            for (uint64_t i = rng_below(&rng, 200); i > 0; i--) {
                uint64_t rev = x.roster.rev + 1;
                size_t len = 1 + rng_below(&rng, longest);
                memset(device, (int)('a' + rev % 26), len);
                struct change c = {.user = SPAN("u"), .online = rev % 2, .rev = rev, .device = {device, len}};
                x.roster.rev = rev;
                fanout_put(&x.fanout, &c, SPAN_NONE, 0);
            }
            read_checked(&v, &x, &next_rev, &behind);
        }
        assert_true(behind > 0 && behind < 200);
        fanout_fixture_viewer_gone(&v, &x);
        fanout_fixture_teardown(&x);
    }
}

/* Texts that only others bound: no frame may outgrow the ring. */
static void test_hostile_texts(void **state)
{
    struct fanout_fixture x;
    struct subscriber v;
    char *huge = mem_alloc(1 << 20);
    bytes_auto got = BYTES_INIT;

    memset(huge, '"', 1 << 20);
    fanout_fixture_setup(&x, 64, 1);
    fanout_fixture_viewer_setup(&v, &x, 0, false, NULL);
    fanout_fixture_begin(&v, &x);
    fanout_fixture_read_all(&v, &x, &got);
    for (size_t len = FANOUT_TEXT_MAX - 1; len < 1 << 20; len = len * 3 / 2) {
        struct change c = {.user = SPAN("a"), .online = true, .reason = {huge, len}, .node = {huge, len}};
        fanout_put(&x.fanout, &c, SPAN_NONE, 0);
        bytes_reset(&got);
        assert_int_equal(fanout_fixture_read_all(&v, &x, &got), FANOUT_NOTHING);
        assert_int_equal(got.len, len <= FANOUT_TEXT_MAX ? strlen("U a+0()\n") + len : strlen("U a+0\n"));
    }
    fanout_fixture_viewer_gone(&v, &x);
    fanout_fixture_teardown(&x);
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
    static struct subscriber v[VIEWERS];
    struct fanout_fixture x;
    struct fanout_chunk piece;
    size_t bytes = 0;

    fanout_fixture_setup(&x, 16384, 4 << 20);
    for (int i = 0; i < VIEWERS; i++) {
        fanout_fixture_viewer_setup(&v[i], &x, i % 2, false, NULL);
        fanout_fixture_begin(&v[i], &x);
        subscriber_next(&v[i], &x.fanout, &piece);
    }
    int64_t from = nanoseconds();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH; i++)
            fanout_fixture_change_with(&x, "user", (round + i) % 2 == 0, SPAN("device"), NULL);
        for (int i = 0; i < VIEWERS; i++)
            while (subscriber_next(&v[i], &x.fanout, &piece) == FANOUT_BYTES)
                bytes += piece.parts[0].len;
    }
    int64_t took = nanoseconds() - from;
    print_message("%lld ns for %d changes to %d viewers\n", (long long)(took / ROUNDS), EACH, VIEWERS);
    assert_true(bytes > 0 && took / ROUNDS < 20000000);
    for (int i = 0; i < VIEWERS; i++)
        fanout_fixture_viewer_gone(&v[i], &x);
    fanout_fixture_teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rings_come_round),
        cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_a_crowd_of_viewers),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
