/* SPDX-License-Identifier: MIT */
/* Regrouping: what it means for subscribers when a user's groups change while the user's state does not.
 *
 * Entries of the fan-out carry the user's claims, but are filtered by the sets of the time at which they are
 * sent. So a set's difference can be sent only when nothing about the user is still to be sent; else the
 * subscriber needs a new view. Who is concerned is found by the groups that interests name: interest.owner is
 * handed to the hooks. Pure. */
#ifndef FANOUT_REGROUP_H
#define FANOUT_REGROUP_H

#include "fanout/subscriber.h"

struct regrouping {
    struct group *group;     /* whose set has changed, as it is now; NULL: the user's claims have */
    struct span user;        /* online or not */
    struct span before, now; /* claims, as in interest.h */
};

struct regroup_hooks {
    /* The interest of this owner may see the user otherwise now: regroup_subscriber tells, unless the owner
     * waits for a new view anyway. */
    void (*one)(void *arg, void *owner, const struct regrouping *g);
    /* There are so many differences that a new view is simpler. */
    void (*many)(void *arg, void *owner);
};

#define REGROUP_MOST 1000 /* differences of one reading of a set that are sent one by one */
/* Differences, each for each subscriber that names the group, that are sent one by one; a part of the ring,
 * which all subscribers share. */
#define REGROUP_PAIRS_MOST 4096

/* Whether so many differences, each for so many subscribers, are too many to be sent one by one. */
bool regroup_is_large(const struct fanout *f, size_t differences, size_t subscribers);
/* These users joined or left a group's set (group_replace). */
void regroup_set(struct fanout *f, struct roster *r, struct group *group, const struct span *users,
                 size_t count, const struct regroup_hooks *hooks, void *arg);
/* A user's claims have changed. */
void regroup_claims(struct fanout *f, struct roster *r, struct groups *groups, struct span user,
                    struct span before, struct span now, const struct regroup_hooks *hooks, void *arg);

enum regroup_result {
    REGROUP_NOTHING,
    REGROUP_SENT, /* the difference was put into the fan-out */
    REGROUP_ANEW, /* a new view must begin before more is sent */
};
/* now_ms: Redis time, for the message. */
enum regroup_result regroup_subscriber(struct subscriber *v, struct fanout *f, const struct roster *r,
                                       const struct regrouping *g, int64_t now_ms);

#endif
