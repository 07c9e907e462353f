/* SPDX-License-Identifier: MIT */
#include "view_checker.h"

#include "base/mem.h"

#include <stdlib.h>

static const char *const fault_names[FAULTS] = {"duplicate", "revision", "false-offline",
                                                "ghost",     "late",     "no-snapshot"};

const char *view_checker_fault_name(enum fault fault)
{
    return fault_names[fault];
}

int view_checker_fault_parse(struct span text, enum fault *ret)
{
    for (int i = 0; i < FAULTS; i++)
        if (span_equal(text, span_of(fault_names[i]))) {
            *ret = (enum fault)i;
            return 0;
        }
    return -1;
}

static struct span view_entry_key(const void *object)
{
    return span_of(((const struct view_entry *)object)->user);
}

void view_checker_init(struct view_checker *w, struct oracle *truth, const struct view_checker_hooks *hooks,
                       void *arg, int64_t late_ms)
{
    *w = (struct view_checker){.truth = truth, .hooks = hooks, .arg = arg, .late_ms = late_ms};
    map_init(&w->view_entries, view_entry_key);
}

void view_checker_finish(struct view_checker *w)
{
    struct view_entry *view_entry;
    size_t at = 0;
    while ((view_entry = map_next(&w->view_entries, &at))) {
        free(view_entry->user);
        free(view_entry);
    }
    map_finish(&w->view_entries);
}

static struct view_entry *view_entry_of(struct view_checker *w, struct span user)
{
    struct view_entry *view_entry = map_get(&w->view_entries, user);
    if (view_entry)
        return view_entry;
    view_entry = mem_zalloc(sizeof(*view_entry));
    view_entry->user = mem_strndup(user.data, user.len);
    map_put(&w->view_entries, view_entry);
    return view_entry;
}

static void report(struct view_checker *w, enum fault fault, const struct view_entry *view_entry,
                   uint64_t rev, int64_t at_ms)
{
    w->hooks->fault(w->arg, fault, span_of(view_entry->user), rev, at_ms);
}

static void show(struct view_checker *w, struct view_entry *view_entry, bool online)
{
    if (view_entry->online == online)
        return;
    view_entry->online = online;
    view_entry->late_reported = false;
    w->online += online ? 1 : (size_t)-1;
    if (w->hooks->shown)
        w->hooks->shown(w->arg, view_entry);
}

void view_checker_epoch(struct view_checker *w)
{
    struct view_entry *view_entry;
    for (size_t at = 0; (view_entry = map_next(&w->view_entries, &at));)
        view_entry->rev = 0;
    w->base_rev = 0;
}

void view_checker_snapshot_begin(struct view_checker *w, uint64_t rev, int64_t timestamp_ms)
{
    w->snapshots++;
    w->base_rev = rev;
    w->snapshot_ms = timestamp_ms;
}

static void judge_shown(struct view_checker *w, struct view_entry *view_entry, int64_t at_ms)
{
    if (!w->late_ms || view_entry->late_reported ||
        oracle_possible(w->truth, span_of(view_entry->user), at_ms, w->late_ms))
        return;
    view_entry->late_reported = true;
    report(w, FAULT_LATE, view_entry, view_entry->rev, at_ms);
}

void view_checker_snapshot_user(struct view_checker *w, struct span user, bool online)
{
    struct view_entry *view_entry = view_entry_of(w, user);
    if (!online)
        return;
    view_entry->snapshot = w->snapshots;
    view_entry->rev = w->base_rev;
    view_entry->unversioned = false;
    show(w, view_entry, true);
    oracle_confirm(w->truth, user, w->base_rev);
    judge_shown(w, view_entry, w->snapshot_ms);
}

/* A user who was confirmed online before the snapshot's revision, and lives, must be in it. */
static void judge_missing(struct view_checker *w, const struct view_entry *view_entry)
{
    struct span user = span_of(view_entry->user);
    uint64_t confirmed = oracle_confirmed_rev(w->truth, user);
    if (confirmed && confirmed <= w->base_rev && oracle_certain(w->truth, user, w->snapshot_ms))
        report(w, FAULT_FALSE_OFFLINE, view_entry, w->base_rev, w->snapshot_ms);
}

void view_checker_snapshot_end(struct view_checker *w)
{
    struct view_entry *view_entry;
    size_t at = 0;
    while ((view_entry = map_next(&w->view_entries, &at))) {
        if (view_entry->snapshot == w->snapshots)
            continue;
        if (!w->hooks->covers || w->hooks->covers(w->arg, span_of(view_entry->user)))
            judge_missing(w, view_entry);
        view_entry->unversioned = false;
        show(w, view_entry, false);
    }
}

void view_checker_resumed(struct view_checker *w, uint64_t rev)
{
    if (rev > w->base_rev)
        w->base_rev = rev;
}

static void judge_order(struct view_checker *w, const struct view_entry *view_entry, const struct change *c)
{
    if (!w->snapshots)
        report(w, FAULT_NO_SNAPSHOT, view_entry, c->rev, c->timestamp_ms);
    if (view_entry->online == c->online && !view_entry->unversioned)
        report(w, FAULT_DUPLICATE, view_entry, c->rev, c->timestamp_ms);
    if (c->rev <= view_entry->rev || c->rev <= w->base_rev)
        report(w, FAULT_REVISION, view_entry, c->rev, c->timestamp_ms);
}

static void judge_online(struct view_checker *w, const struct view_entry *view_entry, const struct change *c)
{
    bool forced = span_equal(c->reason, SPAN("forced"));
    if (!forced && !oracle_possible(w->truth, c->user, c->timestamp_ms, w->truth->rules.delivery_ms))
        report(w, FAULT_GHOST, view_entry, c->rev, c->timestamp_ms);
    oracle_confirm(w->truth, c->user, c->rev);
}

static void judge_offline(struct view_checker *w, struct view_entry *view_entry, const struct change *c)
{
    if (span_equal(c->reason, SPAN("forced"))) {
        oracle_forced(w->truth, c->user, c->timestamp_ms);
        return;
    }
    if (oracle_certain(w->truth, c->user, c->timestamp_ms))
        report(w, FAULT_FALSE_OFFLINE, view_entry, c->rev, c->timestamp_ms);
    judge_shown(w, view_entry, c->timestamp_ms);
}

void view_checker_change(struct view_checker *w, const struct change *c)
{
    struct view_entry *view_entry = view_entry_of(w, c->user);
    w->changes++;
    view_entry->changes++;
    view_entry->timestamp_ms = c->timestamp_ms;
    if (c->rev) {
        judge_order(w, view_entry, c);
        if (c->online)
            judge_online(w, view_entry, c);
        else
            judge_offline(w, view_entry, c);
        view_entry->rev = c->rev;
    }
    view_entry->unversioned = !c->rev;
    show(w, view_entry, c->online);
    /* A session of owner `ctl` stands behind it, of which phones know nothing. */
    if (c->online && span_equal(c->reason, SPAN("forced")))
        view_entry->late_reported = true;
}

void view_checker_sweep(struct view_checker *w, int64_t now_ms)
{
    struct view_entry *view_entry;
    size_t at = 0;
    while ((view_entry = map_next(&w->view_entries, &at)))
        if (view_entry->online && !view_entry->unversioned)
            judge_shown(w, view_entry, now_ms);
}

const struct view_entry *view_checker_sight(const struct view_checker *w, struct span user)
{
    return map_get(&w->view_entries, user);
}

bool view_checker_shows_online(const struct view_checker *w, struct span user)
{
    const struct view_entry *view_entry = view_checker_sight(w, user);
    return view_entry && view_entry->online;
}

size_t view_checker_disagreements(const struct view_checker *w, int64_t now_ms, struct span *ret_user)
{
    struct span user;
    size_t at = 0, count = 0;
    while (oracle_next(w->truth, &at, &user)) {
        if (w->hooks->covers && !w->hooks->covers(w->arg, user))
            continue;
        enum oracle_state state = oracle_state(w->truth, user, now_ms);
        if (state != ORACLE_UNDECIDED && view_checker_shows_online(w, user) == (state == ORACLE_ONLINE))
            continue;
        if (!count++)
            *ret_user = user;
    }
    return count;
}
