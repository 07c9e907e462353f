/* SPDX-License-Identifier: MIT */
/* A subscriber to the fan-out: a cursor and a filter.
 *
 * What lies between the cursor of a subscriber to everyone and the head leaves in one write, straight from the
 * ring; a filtered one gets its own selection of the same frames. Batches (message 34) are made of the same
 * entries when they are sent. Pure. */
#ifndef FANOUT_SUBSCRIBER_H
#define FANOUT_SUBSCRIBER_H

#include "base/list.h"
#include "fanout/fanout.h"

struct subscriber {
    struct list link;          /* the caller's list */
    struct interest *interest; /* owned by the caller */
    uint64_t cursor;           /* next entry to send */
    struct snapshot *snapshot; /* being sent; NULL: none */
    size_t snapshot_at;
    struct bytes snapshot_head; /* its beginning, until it is sent */
    bool resuming;              /* is owed a `resumed`, once all before `resumed_at` is sent */
    uint64_t resumed_at, resumed_rev;
    uint8_t encoding;
    bool batch;
    bool everyone;   /* interest_is_everyone, kept */
    uint64_t ticket; /* of entries for it alone; 0: there are none */
};

/* Whether a subscriber can continue after a revision that it knows. Each but RESUME_DONE is answered by a
 * snapshot that says why (subscriber_resume_reason). */
enum resume {
    RESUME_DONE = 0,
    RESUME_NOT_ASKED,
    RESUME_MALFORMED,        /* no epoch and revision */
    RESUME_FILTERED,         /* bound to groups: no revision tells who was a member when */
    RESUME_INTEREST_CHANGED, /* on one connection: it asks for more than it was sent, or too early */
    RESUME_OTHER_EPOCH,      /* its revision is of another epoch; Redis has lost its memory since */
    RESUME_AHEAD,            /* there is no such revision yet */
    RESUME_TOO_OLD,          /* not all changes since then are kept here */
};
/* A stable word for clients; SPAN_NONE for the first two. */
struct span subscriber_resume_reason(enum resume resume);

/* Begins a scan for this subscriber and, when it sees everyone, for all like it. One at a time. Its interest
 * does not change until the end, or the scan is cancelled. */
void subscriber_scan(struct subscriber *v, struct fanout *f, struct roster *r);
/* Begins with a snapshot (snapshot_ready was true): `id` stands in its toId. why: as subscriber_resume said,
 * or RESUME_NOT_ASKED. now_ms: Redis time for the message. */
void subscriber_begin(struct subscriber *v, struct fanout *f, const struct roster *r, struct span id,
                      enum resume why, int64_t now_ms, int64_t mono_ms);
/* Begins after a revision it knows, and gets a `resumed` behind what it missed (subscriber_confirm); or that
 * can't be served, and subscriber_begin must be called. */
enum resume subscriber_resume(struct subscriber *v, struct fanout *f, const struct roster *r,
                              struct span epoch, uint64_t rev);
/* Sends a `resumed` behind all that is on its way to it. Its interest may have become narrower, unless a
 * snapshot is being sent. */
void subscriber_confirm(struct subscriber *v, const struct fanout *f, const struct roster *r);
/* Adds a change to the fan-out for this subscriber alone. */
void subscriber_put(struct subscriber *v, struct fanout *f, const struct change *change, struct span claims);
void subscriber_finish(struct subscriber *v);

/* Whole frames as they stand, in one part; or one fragment of a snapshot, to be framed: several parts in a
 * row. */
struct fanout_chunk {
    bool fragment;
    uint8_t first_byte; /* of a fragment: FIN and opcode; 0 in the middle */
    struct span parts[2];
    size_t count;
};

enum fanout_result { FANOUT_NOTHING, FANOUT_BYTES, FANOUT_BEHIND };
/* The next bytes for a subscriber, as if they were sent: the cursor moves. Valid until the next call to the
 * fan-out. BEHIND: the ring has overwritten what comes next. */
enum fanout_result subscriber_next(struct subscriber *v, struct fanout *f, struct fanout_chunk *ret);
/* Between two fragments of a snapshot: nothing else that is data may be sent. */
bool subscriber_in_message(const struct subscriber *v);
/* Whether something about this user is still to be sent. */
bool subscriber_pending_about(const struct subscriber *v, const struct fanout *f, struct span user);

#endif
