#include "presence/witness.h"

#include "base/mem.h"

#include <stdlib.h>

static const char *const fault_names[FAULTS] = {"duplicate", "revision", "false-offline",
                                                "ghost",     "late",     "no-snapshot"};

const char *fault_name(enum fault fault)
{
    return fault_names[fault];
}

int fault_parse(struct span text, enum fault *ret)
{
    for (int i = 0; i < FAULTS; i++)
        if (span_equal(text, span_of(fault_names[i]))) {
            *ret = (enum fault)i;
            return 0;
        }
    return -1;
}

static struct span sight_key(const void *object)
{
    return span_of(((const struct sight *)object)->user);
}

void witness_init(struct witness *w, struct truth *truth, const struct witness_hooks *hooks, void *arg,
                  int64_t late_ms)
{
    *w = (struct witness){.truth = truth, .hooks = hooks, .arg = arg, .late_ms = late_ms};
    map_init(&w->sights, sight_key);
}

void witness_finish(struct witness *w)
{
    struct sight *sight;
    size_t at = 0;

    while ((sight = map_next(&w->sights, &at))) {
        free(sight->user);
        free(sight);
    }
    map_finish(&w->sights);
}

static struct sight *sight_of(struct witness *w, struct span user)
{
    struct sight *sight = map_get(&w->sights, user);

    if (sight)
        return sight;
    sight = mem_zalloc(sizeof(*sight));
    sight->user = mem_strndup(user.data, user.len);
    map_put(&w->sights, sight);
    return sight;
}

static void report(struct witness *w, enum fault fault, const struct sight *sight, uint64_t rev,
                   int64_t at_ms)
{
    w->hooks->fault(w->arg, fault, span_of(sight->user), rev, at_ms);
}

static void show(struct witness *w, struct sight *sight, bool online)
{
    if (sight->online == online)
        return;
    sight->online = online;
    sight->late_reported = false;
    w->online += online ? 1 : (size_t)-1;
    if (w->hooks->shown)
        w->hooks->shown(w->arg, sight);
}

void witness_epoch(struct witness *w)
{
    struct sight *sight;
    for (size_t at = 0; (sight = map_next(&w->sights, &at));)
        sight->rev = 0;
    w->base_rev = 0;
}

void witness_snapshot_begin(struct witness *w, uint64_t rev, int64_t timestamp_ms)
{
    w->snapshots++;
    w->base_rev = rev;
    w->snapshot_ms = timestamp_ms;
}

static void judge_shown(struct witness *w, struct sight *sight, int64_t at_ms)
{
    if (!w->late_ms || sight->late_reported ||
        truth_possible(w->truth, span_of(sight->user), at_ms, w->late_ms))
        return;
    sight->late_reported = true;
    report(w, FAULT_LATE, sight, sight->rev, at_ms);
}

void witness_snapshot_user(struct witness *w, struct span user, bool online)
{
    struct sight *sight = sight_of(w, user);

    if (!online)
        return;
    sight->snapshot = w->snapshots;
    sight->rev = w->base_rev;
    sight->by_hand = false;
    show(w, sight, true);
    truth_confirm(w->truth, user, w->base_rev);
    judge_shown(w, sight, w->snapshot_ms);
}

/* A user who was confirmed online before the snapshot's revision, and lives, must be in it. */
static void judge_missing(struct witness *w, const struct sight *sight)
{
    struct span user = span_of(sight->user);
    uint64_t confirmed = truth_confirmed_rev(w->truth, user);

    if (confirmed && confirmed <= w->base_rev && truth_certain(w->truth, user, w->snapshot_ms))
        report(w, FAULT_FALSE_OFFLINE, sight, w->base_rev, w->snapshot_ms);
}

void witness_snapshot_end(struct witness *w)
{
    struct sight *sight;
    size_t at = 0;

    while ((sight = map_next(&w->sights, &at))) {
        if (sight->snapshot == w->snapshots)
            continue;
        if (!w->hooks->covers || w->hooks->covers(w->arg, span_of(sight->user)))
            judge_missing(w, sight);
        sight->by_hand = false;
        show(w, sight, false);
    }
}

static void judge_order(struct witness *w, const struct sight *sight, const struct change *c)
{
    if (!w->snapshots)
        report(w, FAULT_NO_SNAPSHOT, sight, c->rev, c->timestamp_ms);
    if (sight->online == c->online && !sight->by_hand)
        report(w, FAULT_DUPLICATE, sight, c->rev, c->timestamp_ms);
    if (c->rev <= sight->rev || c->rev <= w->base_rev)
        report(w, FAULT_REVISION, sight, c->rev, c->timestamp_ms);
}

static void judge_online(struct witness *w, const struct sight *sight, const struct change *c)
{
    bool forced = span_equal(c->reason, SPAN("forced"));

    if (!forced && !truth_possible(w->truth, c->user, c->timestamp_ms, w->truth->rules.delivery_ms))
        report(w, FAULT_GHOST, sight, c->rev, c->timestamp_ms);
    truth_confirm(w->truth, c->user, c->rev);
}

static void judge_offline(struct witness *w, struct sight *sight, const struct change *c)
{
    if (span_equal(c->reason, SPAN("forced"))) {
        truth_forced(w->truth, c->user, c->timestamp_ms);
        return;
    }
    if (truth_certain(w->truth, c->user, c->timestamp_ms))
        report(w, FAULT_FALSE_OFFLINE, sight, c->rev, c->timestamp_ms);
    judge_shown(w, sight, c->timestamp_ms);
}

void witness_change(struct witness *w, const struct change *c)
{
    struct sight *sight = sight_of(w, c->user);

    w->changes++;
    sight->changes++;
    sight->timestamp_ms = c->timestamp_ms;
    if (c->rev) {
        judge_order(w, sight, c);
        if (c->online)
            judge_online(w, sight, c);
        else
            judge_offline(w, sight, c);
        sight->rev = c->rev;
    }
    sight->by_hand = !c->rev;
    show(w, sight, c->online);
    /* A session of owner `ctl` stands behind it, of which phones know nothing. */
    if (c->online && span_equal(c->reason, SPAN("forced")))
        sight->late_reported = true;
}

void witness_sweep(struct witness *w, int64_t now_ms)
{
    struct sight *sight;
    size_t at = 0;

    while ((sight = map_next(&w->sights, &at)))
        if (sight->online && !sight->by_hand)
            judge_shown(w, sight, now_ms);
}

const struct sight *witness_sight(const struct witness *w, struct span user)
{
    return map_get(&w->sights, user);
}

bool witness_shows_online(const struct witness *w, struct span user)
{
    const struct sight *sight = witness_sight(w, user);

    return sight && sight->online;
}

size_t witness_disagreements(const struct witness *w, int64_t now_ms, struct span *ret_user)
{
    struct span user;
    size_t at = 0, count = 0;

    while (truth_next(w->truth, &at, &user)) {
        if (w->hooks->covers && !w->hooks->covers(w->arg, user))
            continue;
        enum truth_state state = truth_state(w->truth, user, now_ms);
        if (state != TRUTH_UNDECIDED && witness_shows_online(w, user) == (state == TRUTH_ONLINE))
            continue;
        if (!count++)
            *ret_user = user;
    }
    return count;
}
