/* A witness keeps what one dashboard was told, and judges it (contract sections 3 and 4): per user online and
 * offline alternate and revisions grow, nothing is told twice, nobody certainly online is ever shown offline,
 * nobody certainly offline is shown online. What phones did comes from a truth, which several witnesses
 * share. Pure: no I/O, no clock. */
#ifndef PRESENCE_WITNESS_H
#define PRESENCE_WITNESS_H

#include "presence/change.h"
#include "presence/truth.h"

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
const char *fault_name(enum fault fault);
/* 0, else -1. */
int fault_parse(struct span text, enum fault *ret);

/* One user as the dashboard shows it. */
struct sight {
    char *user;
    bool online;
    bool by_hand;         /* the last word came from a PUBLISH without revision */
    uint64_t rev;         /* of the last change told, or of the snapshot */
    uint64_t changes;     /* told since the witness began, snapshots not counted */
    int64_t timestamp_ms; /* of the last change told */
    uint64_t snapshot;    /* the number of the last snapshot that named the user */
    bool late_reported;
};

struct witness;

struct witness_hooks {
    /* at_ms: the server's time of what was told. */
    void (*fault)(void *arg, enum fault fault, struct span user, uint64_t rev, int64_t at_ms);
    /* What the dashboard shows of the user changed, by a change or by a snapshot. */
    void (*shown)(void *arg, const struct sight *sight);
    /* Whether the dashboard's interest covers the user; NULL: everyone. */
    bool (*covers)(void *arg, struct span user);
};

struct witness {
    struct truth *truth;
    const struct witness_hooks *hooks;
    void *arg;
    int64_t late_ms; /* granted to detection and delivery; 0: LATE and GHOST are not judged in snapshots and
                        sweeps */
    struct map sights;
    size_t online;     /* users shown online */
    uint64_t base_rev; /* of the last snapshot */
    uint64_t snapshots, changes;
    int64_t snapshot_ms;
};

/* The truth must outlive it. */
void witness_init(struct witness *w, struct truth *truth, const struct witness_hooks *hooks, void *arg,
                  int64_t late_ms);
void witness_finish(struct witness *w);

/* The next snapshot is of another epoch, whose revisions may begin lower. */
void witness_epoch(struct witness *w);
/* A snapshot replaces the view: begin, each user, end. */
void witness_snapshot_begin(struct witness *w, uint64_t rev, int64_t timestamp_ms);
void witness_snapshot_user(struct witness *w, struct span user, bool online);
void witness_snapshot_end(struct witness *w);
/* Of an update or a batch; timestamps as truth's. */
void witness_change(struct witness *w, const struct change *change);
/* Looks for users shown online too long at now_ms; each is reported once. */
void witness_sweep(struct witness *w, int64_t now_ms);

const struct sight *witness_sight(const struct witness *w, struct span user);
bool witness_shows_online(const struct witness *w, struct span user);
/* How many users differ from the truth at now_ms, or are undecided there. 0: they agree. *ret_user: one of
 * them. */
size_t witness_disagreements(const struct witness *w, int64_t now_ms, struct span *ret_user);

#endif
