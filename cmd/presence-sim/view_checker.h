/* SPDX-License-Identifier: MIT */
/* A view checker keeps what one dashboard was told, and judges it (PROTOCOL.md and KEYS.md): per user online and
 * offline alternate and revisions grow, nothing is told twice, nobody certainly online is ever shown offline,
 * nobody certainly offline is shown online. What phones did comes from an oracle, which several view checkers
 * share. Pure: no I/O, no clock. */
#ifndef SIM_VIEW_CHECKER_H
#define SIM_VIEW_CHECKER_H

#include "oracle.h"
#include "presence/change.h"

enum fault {
    FAULT_DUPLICATE,     /* told what the view already showed */
    FAULT_REVISION,      /* a revision that does not grow */
    FAULT_FALSE_OFFLINE, /* an offline while a phone's sign of life was younger than TTL */
    FAULT_GHOST,         /* an online without a phone */
    FAULT_LATE,          /* shown online too long after the last phone was gone */
    FAULT_NO_SNAPSHOT,   /* a change before the first snapshot */
};
#define FAULTS 6

/* "duplicate", "revision" … */
const char *view_checker_fault_name(enum fault fault);
/* 0, else -1. */
int view_checker_fault_parse(struct span text, enum fault *ret);

/* One user as the dashboard shows it. */
struct view_entry {
    char *user;
    bool online;
    bool unversioned;     /* the last word is of a PUBLISH without revision */
    uint64_t rev;         /* of the last change told, or of the snapshot */
    uint64_t changes;     /* told since the view checker began, snapshots not counted */
    int64_t timestamp_ms; /* of the last change told */
    uint64_t snapshot;    /* the number of the last snapshot that named the user */
    bool late_reported;
};

struct view_checker;

struct view_checker_hooks {
    /* at_ms: the server's time of what was told. */
    void (*fault)(void *arg, enum fault fault, struct span user, uint64_t rev, int64_t at_ms);
    /* What the dashboard shows of the user changed, by a change or by a snapshot. */
    void (*shown)(void *arg, const struct view_entry *view_entry);
    /* Whether the dashboard's interest covers the user; NULL: everyone. */
    bool (*covers)(void *arg, struct span user);
};

struct view_checker {
    struct oracle *truth;
    const struct view_checker_hooks *hooks;
    void *arg;
    int64_t late_ms; /* granted to detection and delivery; 0: LATE and GHOST are not judged in snapshots and
                        sweeps */
    struct map view_entries;
    size_t online;     /* users shown online */
    uint64_t base_rev; /* of the last snapshot, or of the last word that it is whole */
    uint64_t snapshots, changes;
    int64_t snapshot_ms;
};

/* The truth must outlive it. */
void view_checker_init(struct view_checker *w, struct oracle *truth, const struct view_checker_hooks *hooks,
                       void *arg, int64_t late_ms);
void view_checker_finish(struct view_checker *w);

/* The next snapshot is of another epoch, whose revisions may begin lower. */
void view_checker_epoch(struct view_checker *w);
/* A snapshot replaces the view: begin, each user, end. */
void view_checker_snapshot_begin(struct view_checker *w, uint64_t rev, int64_t timestamp_ms);
void view_checker_snapshot_user(struct view_checker *w, struct span user, bool online);
void view_checker_snapshot_end(struct view_checker *w);
/* The dashboard is told that it knows all changes up to this revision: what it is told later is newer. */
void view_checker_resumed(struct view_checker *w, uint64_t rev);
/* Of an update or a batch; timestamps as truth's. */
void view_checker_change(struct view_checker *w, const struct change *change);
/* Looks for users shown online too long at now_ms; each is reported once. */
void view_checker_sweep(struct view_checker *w, int64_t now_ms);

const struct view_entry *view_checker_sight(const struct view_checker *w, struct span user);
bool view_checker_shows_online(const struct view_checker *w, struct span user);
/* How many users differ from the truth at now_ms, or are undecided there. 0: they agree. *ret_user: one of
 * them. */
size_t view_checker_disagreements(const struct view_checker *w, int64_t now_ms, struct span *ret_user);

#endif
