/* SPDX-License-Identifier: MIT */
#include "fanout/snapshot.h"

#include "base/mem.h"
#include "fanout/subscriber.h"

#include <stdlib.h>
#include <string.h>

#define DIRECT_MOST  16384 /* users examined in one turn: 2 to 4 ms */
#define COSTLY_USERS 20000 /* a snapshot of more */
#define COSTLY_MS    250   /* is shared so long though changes have come */
#define IDLE_MS      5000

/* Bytes that stand before a user who is not the first. */
static const size_t separator[ENCODINGS] = {[ENCODING_MSGPACK] = 0, [ENCODING_JSON] = 1};

static void scan_finish(struct snapshot_scan *scan)
{
    bytes_finish(&scan->tail);
    free(scan->ends);
    snapshot_release(scan->snapshot);
    *scan = (struct snapshot_scan){0};
}

void snapshots_init(struct snapshots *s)
{
    *s = (struct snapshots){.direct_most = DIRECT_MOST};
}

void snapshots_unshare(struct snapshots *s)
{
    for (int i = 0; i < ENCODINGS; i++) {
        snapshot_release(s->shared[i]);
        s->shared[i] = NULL;
    }
}

void snapshots_finish(struct snapshots *s)
{
    snapshots_unshare(s);
    snapshot_release(s->retired);
    scan_finish(&s->scan);
}

void snapshot_release(struct snapshot *s)
{
    if (!s || --s->holders > 0)
        return;
    bytes_finish(&s->start);
    bytes_finish(&s->tail);
    free(s);
}

static struct snapshot *snapshot_create(const struct fanout *f, const struct roster *r)
{
    struct snapshot *s = mem_zalloc(sizeof(*s));
    s->holders = 1;
    s->seq = f->head;
    s->rev = r->rev;
    return s;
}

static void add_user(enum encoding encoding, const struct roster_user *u, bool first, struct bytes *tail)
{
    message_write_snapshot_user(encoding, roster_user_id(u), true, u->last_seen_ms, roster_user_device(u),
                                first, tail);
}

static void add_ends(struct snapshot *s, enum encoding encoding, size_t count, int64_t now_ms,
                     const struct roster *r)
{
    message_write_snapshot_tail_begin(encoding, count, now_ms, s->rev, span_of(r->epoch), &s->start);
    message_write_snapshot_tail_end(encoding, count, &s->tail);
}

/* How many users are to be examined: those of its groups, by set and by claim, and those asked for by id. */
static size_t candidates(const struct roster *r, const struct interest *in)
{
    size_t group_count, count = in->users.count;
    struct group *const *groups = interest_groups(in, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        const struct map *claimants = roster_claimants(r, group_name(groups[i]));
        count += groups[i]->members.count + (claimants ? claimants->count : 0);
    }
    return count;
}

struct direct {
    uint64_t number; /* of this snapshot, in roster_user.seen */
    struct bytes *tail;
    enum encoding encoding;
    size_t count;
};

/* Each user once. */
static void direct_add(struct direct *d, struct roster_user *u)
{
    if (!u || u->seen == d->number)
        return;
    u->seen = d->number;
    add_user(d->encoding, u, d->count++ == 0, d->tail);
}

/* What was chosen of groups is of the scope, so that its users are allowed. */
static void direct_add_group(struct direct *d, const struct roster *r, const struct group *group)
{
    const struct map *claimants = roster_claimants(r, group_name(group));
    const struct person *p;
    struct roster_user *u;
    size_t at = 0;
    while ((p = map_next(&group->members, &at)))
        direct_add(d, roster_get(r, person_id(p)));
    at = 0;
    while (claimants && (u = map_next(claimants, &at)))
        direct_add(d, u);
}

static struct snapshot *snapshot_direct(struct fanout *f, const struct roster *r, enum encoding encoding,
                                        const struct interest *in, int64_t now_ms)
{
    struct snapshot *s = snapshot_create(f, r);
    struct direct d = {++f->snapshots.direct, &s->tail, encoding, 0};
    size_t group_count, at = 0;
    struct group *const *groups = interest_groups(in, &group_count);
    struct span user;
    f->snapshots.visited += candidates(r, in);
    for (size_t i = 0; i < group_count; i++)
        direct_add_group(&d, r, groups[i]);
    while (interest_next_user(in, &at, &user)) {
        struct roster_user *u = roster_get(r, user);
        if (u && interest_allows(in, user, roster_user_groups(u)))
            direct_add(&d, u);
    }
    add_ends(s, encoding, d.count, now_ms, r);
    return s;
}

/* The whole roster's snapshot serves whoever asked before it was begun, and, when it is costly to make,
 * others a little longer: changes since then follow it anyway. */
static bool sharable(const struct fanout *f, const struct roster *r, enum encoding encoding, uint64_t asked,
                     int64_t mono_ms)
{
    const struct snapshot *s = f->snapshots.shared[encoding];
    bool servable = s && s->seq >= fanout_oldest(f, encoding);
    return servable && (s->seq >= asked || (r->online > COSTLY_USERS && mono_ms - s->built_ms < COSTLY_MS));
}

static bool scanned(const struct subscriber *v, const struct fanout *f)
{
    return f->snapshots.scan.snapshot && f->snapshots.scan.subscriber == v;
}

bool snapshot_ready(const struct subscriber *v, const struct fanout *f, const struct roster *r,
                    uint64_t asked, int64_t mono_ms)
{
    if (interest_is_everyone(v->interest))
        return sharable(f, r, v->encoding, asked, mono_ms);
    return scanned(v, f) || candidates(r, v->interest) <= f->snapshots.direct_most;
}

struct snapshot *snapshot_for(const struct subscriber *v, struct fanout *f, const struct roster *r,
                              int64_t now_ms, int64_t mono_ms)
{
    struct snapshot *s = f->snapshots.shared[v->encoding];
    if (interest_is_everyone(v->interest)) {
        s->shared_ms = mono_ms;
        s->holders++;
        return s;
    }
    if (!scanned(v, f))
        return snapshot_direct(f, r, v->encoding, v->interest, now_ms);
    s = f->snapshots.scan.snapshot;
    s->holders++;
    scan_finish(&f->snapshots.scan);
    return s;
}

void snapshot_scan_begin(struct fanout *f, struct roster *r, const struct subscriber *v)
{
    bool everyone = interest_is_everyone(v->interest);
    f->snapshots.scan =
        (struct snapshot_scan){.running = true, .subscriber = everyone ? NULL : v, .encoding = v->encoding};
    roster_scan_begin(r);
}

/* Each is written as if it was not the first, since that one may go. */
static void scan_add(struct snapshot_scan *scan, struct roster_user *u)
{
    if (scan->count == scan->capacity) {
        scan->capacity = scan->capacity ? scan->capacity * 2 : 1024;
        scan->ends = mem_realloc(scan->ends, scan->capacity * sizeof(*scan->ends));
    }
    add_user(scan->encoding, u, false, &scan->tail);
    scan->ends[scan->count++] = scan->tail.len;
    u->found = (uint32_t)scan->count;
}

static bool scan_sees(const struct snapshot_scan *scan, const struct roster_user *u)
{
    return !scan->subscriber ||
           interest_sees(scan->subscriber->interest, roster_user_id(u), roster_user_groups(u));
}

void snapshot_scan_recheck(struct fanout *f, struct roster *r, struct roster_user *u)
{
    struct snapshot_scan *scan = &f->snapshots.scan;
    if (!scan->running || !roster_scan_met(r, u))
        return;
    bool sees = scan_sees(scan, u);
    if (sees && u->found == 0)
        scan_add(scan, u);
    else if (!sees)
        roster_scan_forget(r, u);
}

static int by_place(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Takes those out of the tail who were found and are not to be seen any more. */
static void scan_cut(struct snapshot_scan *scan, struct roster *r)
{
    size_t to = 0, from = 0;
    if (r->scan_gone_count == 0)
        return;
    qsort(r->scan_gone, r->scan_gone_count, sizeof(*r->scan_gone), by_place);
    for (size_t i = 0; i < r->scan_gone_count; i++) {
        uint32_t place = r->scan_gone[i];
        size_t begin = place > 1 ? scan->ends[place - 2] : 0;
        memmove(scan->tail.data + to, scan->tail.data + from, begin - from);
        to += begin - from;
        from = scan->ends[place - 1];
    }
    memmove(scan->tail.data + to, scan->tail.data + from, scan->tail.len - from);
    scan->tail.len -= from - to;
    scan->count -= r->scan_gone_count;
}

/* What was found, as it is now. */
static struct snapshot *scan_take(struct fanout *f, struct roster *r, int64_t now_ms, int64_t mono_ms)
{
    struct snapshot_scan *scan = &f->snapshots.scan;
    struct snapshot *s = snapshot_create(f, r);
    scan_cut(scan, r);
    s->tail = scan->tail;
    scan->tail = BYTES_INIT;
    s->tail_from = scan->count > 0 ? separator[scan->encoding] : 0;
    s->built_ms = s->shared_ms = mono_ms;
    add_ends(s, scan->encoding, scan->count, now_ms, r);
    return s;
}

bool snapshot_scan_advance(struct fanout *f, struct roster *r, size_t most, int64_t now_ms, int64_t mono_ms)
{
    struct snapshot_scan *scan = &f->snapshots.scan;
    struct roster_user *u = NULL;
    for (; most > 0 && (u = roster_scan_next(r)); most--) {
        f->snapshots.visited++;
        u->found = 0;
        if (scan_sees(scan, u))
            scan_add(scan, u);
    }
    if (most == 0)
        return false;
    struct snapshot *s = scan_take(f, r, now_ms, mono_ms);
    roster_scan_end(r);
    if (scan->subscriber) {
        scan->running = false;
        scan->snapshot = s;
        return true;
    }
    snapshot_release(f->snapshots.shared[scan->encoding]);
    f->snapshots.shared[scan->encoding] = s;
    scan_finish(scan);
    return true;
}

void snapshot_scan_cancel(struct fanout *f, struct roster *r)
{
    roster_scan_end(r);
    scan_finish(&f->snapshots.scan);
}

void snapshots_tidy(struct fanout *f, const struct roster *r, int64_t mono_ms)
{
    struct snapshots *all = &f->snapshots;
    snapshot_release(all->retired);
    all->retired = NULL;
    for (int i = 0; i < ENCODINGS; i++) {
        struct snapshot *s = all->shared[i];
        bool unused = s && s->holders == 1;
        if (!unused || (sharable(f, r, i, f->head, mono_ms) && mono_ms - s->shared_ms < IDLE_MS))
            continue;
        snapshot_release(s);
        all->shared[i] = NULL;
    }
}
