/* SPDX-License-Identifier: MIT */
/* The roster: one process's copy of who is online, kept by changes in the order of their revisions.
 *
 * Pure. It is loaded page by page while changes go on arriving: a page never undoes a later change, because
 * each user carries the revision of its last transition, and who changed after the load began is not judged
 * by it. A load over a roster that already holds users (after a doubt) yields only the real differences.
 * Memory: one allocation of about 56 bytes plus the texts per user
 * who is online, a map slot, a slot of the row, and a map slot for each claim. */
#ifndef PRESENCE_ROSTER_H
#define PRESENCE_ROSTER_H

#include "base/map.h"
#include "presence/change.h"
#include "presence/identity.h"

struct roster_user {
    uint64_t rev;         /* of the last transition */
    int64_t last_seen_ms; /* as of that transition */
    uint64_t seen;        /* the caller's: the last view that met it */
    uint32_t at;          /* place in the row, while online */
    uint32_t found;       /* the caller's: what the running scan made of him, once it has met him */
    bool online;          /* false only during a load: went offline meanwhile */
    bool regrouped;       /* during this load: a page does not know its groups */
    uint8_t mark;         /* the load that last met it */
    uint8_t user_len, device_len;
    uint16_t groups_len; /* claimed groups, each followed by '\n' */
    char text[];
};

struct roster {
    struct map users;
    struct map claims;        /* by name: who is online and claims the group */
    struct roster_user **row; /* who is online, in any order */
    size_t row_capacity;
    size_t scan_left; /* of the row, from its front: whom the running scan has not met */
    bool scanning;
    uint32_t *scan_gone; /* `found` of those who went offline after the scan had met them, unless it is 0 */
    size_t scan_gone_count, scan_gone_capacity;
    uint64_t rev; /* all changes up to it are in */
    char epoch
        [EPOCH_SIZE]; /* of that revision; empty while in doubt: before the first load, or during a new one */
    size_t online;
    bool loaded;  /* once, at least */
    bool loading; /* since it was asked for */
    uint8_t mark;
};

void roster_init(struct roster *r);
void roster_finish(struct roster *r);

/* Makes a change; returns whether the user's state became another, so that viewers are to be told. A change
 * not newer than what is known of the user changes nothing. Does not touch r->rev. */
bool roster_apply(struct roster *r, const struct change *change);
/* The claimed groups of a user who is online became others. Returns the user, NULL when not online. */
struct roster_user *roster_regroup(struct roster *r, struct span user, const struct span *groups,
                                   size_t count);

/* Another epoch: revisions known of users say nothing against those to come. */
void roster_forget_revisions(struct roster *r);

/* A load is asked for; one under way is given up. */
void roster_load_begin(struct roster *r);
/* A user of a page, who is online. Returns whether this is news: an online user the roster did not have. */
bool roster_load_user(struct roster *r, const struct change *change);
/* Ends the load, whose first page was of revision `rev`: forgets those no page had, unless they changed after
 * it, calling `gone` for each before it is freed. */
void roster_load_end(struct roster *r, uint64_t rev, void (*gone)(void *arg, const struct roster_user *user),
                     void *arg);

/* Who is online under that id, else NULL. */
struct roster_user *roster_get(const struct roster *r, struct span user);
/* Like map_next, over who is online. */
struct roster_user *roster_next(const struct roster *r, size_t *at);
/* A map of the users who are online and claim the group (struct roster_user); NULL: nobody. */
const struct map *roster_claimants(const struct roster *r, struct span group);

/* A scan meets everybody who is online, in as many turns as it takes and while the roster changes: also who
 * comes meanwhile, so that at its end it has met those who are online then, and some who went. One at a time.
 */
void roster_scan_begin(struct roster *r);
/* The next one, whose `found` the caller sets; NULL: all were met. */
struct roster_user *roster_scan_next(struct roster *r);
void roster_scan_end(struct roster *r);
/* Whether the running scan has met this user. */
bool roster_scan_met(const struct roster *r, const struct roster_user *u);
/* `found` of a user who is not to be found any more, as if he had gone. */
void roster_scan_forget(struct roster *r, struct roster_user *u);

struct span roster_user_id(const struct roster_user *u);
struct span roster_user_device(const struct roster_user *u);
/* Items separated by '\n', with one at the end. */
struct span roster_user_groups(const struct roster_user *u);

#endif
