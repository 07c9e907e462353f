/* SPDX-License-Identifier: MIT */
/* Snapshots: immutable encodings of the roster, or a part of it, at one revision, shared by reference count.
 *
 * What few users decide (those of named groups, or named themselves) is encoded at once; what needs the whole
 * roster is made by a scan in several turns. A change during the scan is applied to what the scan has found,
 * so that at its end the snapshot is as if made at once then. The snapshot of everyone is shared with all who
 * ask for it; what follows it is in the fan-out's ring. Pure. */
#ifndef FANOUT_SNAPSHOT_H
#define FANOUT_SNAPSHOT_H

#include "presence/interest.h"
#include "presence/roster.h"
#include "wire/message.h"

struct fanout;
struct subscriber;

struct snapshot {
    size_t holders;
    uint64_t seq; /* entries of the fan-out from this on are not in it */
    uint64_t rev;
    int64_t built_ms, shared_ms; /* monotonic: when it was made, when last shared */
    struct bytes start, tail;    /* up to the users; the users and the end */
    size_t tail_from;            /* what of the tail is to be sent */
};

struct snapshot_scan {
    bool running;
    const struct subscriber *subscriber; /* whose interest it is for; NULL: for all who see everyone */
    enum encoding encoding;
    struct bytes tail;
    size_t *ends; /* of each user in the tail; roster_user.found is a place here, from 1 */
    size_t count, capacity;
    struct snapshot *snapshot; /* once it is complete, for the subscriber */
};

/* The snapshots of one fan-out. */
struct snapshots {
    struct snapshot *shared[ENCODINGS]; /* the last one of the whole roster */
    struct snapshot *retired;           /* sent to its end; what was handed out points into it */
    struct snapshot_scan scan;
    size_t direct_most; /* candidates that are examined in one turn */
    uint64_t direct;    /* snapshots made without a scan */
    uint64_t visited;   /* users examined for all snapshots */
};

void snapshots_init(struct snapshots *s);
void snapshots_finish(struct snapshots *s);
/* Nobody new gets the shared ones any more. */
void snapshots_unshare(struct snapshots *s);
/* Frees shared snapshots that nobody is being sent and that are either stale or idle for 5 s: at a million
 * users one is 70 MB. To be called every second or so. */
void snapshots_tidy(struct fanout *f, const struct roster *r, int64_t mono_ms);

/* Whether snapshot_for may be called: what the subscriber sees is found among few users, or there is a
 * snapshot for it. asked: fanout.head when the subscriber asked for it; mono_ms limits how often a large one
 * is made anew. Else a scan is needed. */
bool snapshot_ready(const struct subscriber *v, const struct fanout *f, const struct roster *r,
                    uint64_t asked, int64_t mono_ms);
/* The one the subscriber gets, which the caller holds: that of its own scan, the shared one, or one made now.
 * now_ms: Redis time for the message. */
struct snapshot *snapshot_for(const struct subscriber *v, struct fanout *f, const struct roster *r,
                              int64_t now_ms, int64_t mono_ms);
/* NULL is fine. */
void snapshot_release(struct snapshot *s);

/* See subscriber_scan. */
void snapshot_scan_begin(struct fanout *f, struct roster *r, const struct subscriber *v);
/* Examines up to `most` more users. Returns whether it is complete: snapshot_ready says yes then. */
bool snapshot_scan_advance(struct fanout *f, struct roster *r, size_t most, int64_t now_ms, int64_t mono_ms);
/* The groups of this user, who is online, have changed: whether a running scan includes the user is decided
 * again. */
void snapshot_scan_recheck(struct fanout *f, struct roster *r, struct roster_user *u);
/* Also after its end, when nobody begins with it. */
void snapshot_scan_cancel(struct fanout *f, struct roster *r);

#endif
