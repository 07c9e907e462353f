/* SPDX-License-Identifier: MIT */
#include "fanout_fixture.h"
#include "fanout_writers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fanout_fixture_setup(struct fanout_fixture *x, size_t entries, size_t stream_bytes)
{
    fanout_writers_check();
    memset(x, 0, sizeof(*x));
    roster_init(&x->roster);
    groups_init(&x->groups);
    fanout_init(&x->fanout, entries, stream_bytes);
    snprintf(x->roster.epoch, sizeof(x->roster.epoch), "e");
}

void fanout_fixture_teardown(struct fanout_fixture *x)
{
    fanout_finish(&x->fanout);
    groups_finish(&x->groups);
    roster_finish(&x->roster);
}

void fanout_fixture_change_with(struct fanout_fixture *x, const char *user, bool online, struct span device,
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
        fanout_put(&x->fanout, &c, bytes_span(&claims), 0);
}

void fanout_fixture_change(struct fanout_fixture *x, const char *user, bool online)
{
    fanout_fixture_change_with(x, user, online, SPAN_NONE, NULL);
}

void fanout_fixture_by_hand(struct fanout_fixture *x, const char *user, bool online)
{
    const struct change c = {.user = span_of(user), .online = online};
    fanout_put(&x->fanout, &c, SPAN_NONE, 0);
}

void fanout_fixture_viewer_setup(struct subscriber *v, struct fanout_fixture *x, int encoding, bool scoped,
                                 const char *group)
{
    const struct span claim = span_of(group);
    memset(v, 0, sizeof(*v));
    v->encoding = (uint8_t)encoding;
    v->interest = interest_create(&x->groups, scoped, &claim, group != NULL);
}

void fanout_fixture_viewer_gone(struct subscriber *v, struct fanout_fixture *x)
{
    subscriber_finish(v);
    interest_destroy(&x->groups, v->interest);
}

void fanout_fixture_begin_at(struct subscriber *v, struct fanout_fixture *x, enum resume why, int64_t mono_ms)
{
    if (!snapshot_ready(v, &x->fanout, &x->roster, x->fanout.head, mono_ms)) {
        subscriber_scan(v, &x->fanout, &x->roster);
        while (!snapshot_scan_advance(&x->fanout, &x->roster, 100, 0, mono_ms))
            continue;
    }
    subscriber_begin(v, &x->fanout, &x->roster, SPAN("me"), why, 0, mono_ms);
}

void fanout_fixture_begin(struct subscriber *v, struct fanout_fixture *x)
{
    fanout_fixture_begin_at(v, x, RESUME_NOT_ASKED, 0);
}

void fanout_fixture_take_piece(const struct fanout_chunk *piece, struct bytes *out)
{
    for (size_t i = 0; i < piece->count; i++)
        bytes_append_span(out, piece->parts[i]);
    assert_true(piece->fragment || (piece->count == 1 && piece->first_byte == 0));
}

enum fanout_result fanout_fixture_read_one(struct subscriber *v, struct fanout_fixture *x, struct bytes *out)
{
    struct fanout_chunk piece;
    enum fanout_result result = subscriber_next(v, &x->fanout, &piece);
    if (result == FANOUT_BYTES)
        fanout_fixture_take_piece(&piece, out);
    return result;
}

enum fanout_result fanout_fixture_read_all(struct subscriber *v, struct fanout_fixture *x, struct bytes *out)
{
    enum fanout_result result;
    while ((result = fanout_fixture_read_one(v, x, out)) == FANOUT_BYTES)
        continue;
    return result;
}

void fanout_fixture_expect(const char *name, struct subscriber *v, struct fanout_fixture *x,
                           const char *expected)
{
    bytes_auto got = BYTES_INIT;

    if (fanout_fixture_read_all(v, x, &got) != FANOUT_NOTHING)
        fail_msg("%s: left behind", name);
    if (strcmp(bytes_text(&got), expected) != 0)
        fail_msg("%s: told '%s', not '%s'", name, bytes_text(&got), expected);
}

static void no_difference(void *arg, struct group *group, const struct span *users, size_t count)
{
}

void fanout_fixture_set_members(struct fanout_fixture *x, const char *name, const char *users)
{
    struct group *group = map_get(&x->groups.by_name, span_of(name));
    struct span members[16], rest = span_of(users);
    size_t count = 0;
    while (rest.len)
        members[count++] = span_split(&rest, ' ');
    group_replace(group, members, count, no_difference, NULL);
}
