/* SPDX-License-Identifier: MIT */
/* In what order the sets of watched groups are read.
 *
 * A group that was never read waits in the queue of each account (the viewers' user id) that asks for it;
 * accounts take turns, each within an allowance of its own, so that one that asks for ever new groups delays
 * nobody else. The groups that were read are read again, the one whose last reading is longest ago first:
 * each second reading is such a one while any is due. A reading that failed is repeated like one that is due.
 * At most GROUP_READS are under way, and end in the order in which they were taken. Nobody is refused, and
 * nothing costs more with more groups. Pure; the time is monotonic ms. */
#ifndef PRESENCE_GROUP_QUEUE_H
#define PRESENCE_GROUP_QUEUE_H

#include "base/list.h"
#include "base/map.h"

#define GROUP_READS      16
#define GROUP_BURST      512 /* new groups of an account that are read at once, */
#define GROUP_EVERY_MS   10  /* and one more each so long */
#define GROUP_REFRESH_MS 5000

struct group;

/* Part of a group: where it stands. */
struct group_place {
    struct list link; /* among those to be read again */
    struct list asks; /* accounts that wait for its first reading */
    int64_t due_ms;
};

struct group_queue {
    struct map accounts;                  /* that wait, or whose allowance is not whole */
    struct map asks;                      /* by account and group */
    struct list turns;                    /* accounts that may have a group read */
    struct list resting;                  /* that have used up their allowance; each for the same time */
    struct list idle;                     /* that wait for nothing, until their allowance is whole */
    struct list failed;                   /* groups */
    struct list known;                    /* groups, the one read longest ago first */
    struct group *under_way[GROUP_READS]; /* a ring; NULL: nobody holds it any more */
    size_t first, count;                  /* of the ring */
    bool new_was_last;
    int64_t now_ms; /* as last told */
    /* Counters: groups asked for beyond the allowance of the account, which wait longer; readings. */
    uint64_t deferred, first_reads, repeated_reads;
};

void group_queue_init(struct group_queue *q);
/* Without the groups. */
void group_queue_finish(struct group_queue *q);
void group_place_init(struct group_place *place);
/* An account waits for the first reading of a group. Nothing happens when it was read, is being read, or is
 * asked for by this account already. */
void group_queue_ask(struct group_queue *q, struct span account, struct group *group, int64_t now_ms);
/* Nobody holds the group any more. */
void group_queue_forget(struct group_queue *q, struct group *group);
/* The group that is to be read now, and is under way from now on. NULL: none is due, or enough are under way.
 */
struct group *group_queue_take(struct group_queue *q, int64_t now_ms);
/* How many asks wait. */
size_t group_queue_waiting(const struct group_queue *q);
/* The last that was taken could not be asked for: it is to be repeated. */
void group_queue_untake(struct group_queue *q);
/* The first that is under way has been read, or is to be repeated. NULL: nobody holds it any more. Only while
 * q->count > 0. */
struct group *group_queue_end(struct group_queue *q, bool done, int64_t now_ms);
/* All that are under way are to be repeated. */
void group_queue_lost(struct group_queue *q);

#endif
