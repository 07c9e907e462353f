/* The roster: one process's copy of who is online, kept by changes in the order of their revisions.
 *
 * Pure. It is loaded page by page while changes go on arriving: a page never undoes a later change, because
 * each user carries the revision of its last transition, and who changed after the load began is not judged
 * by it. A load over a roster that already holds users (after a doubt) yields only the real differences.
 * Memory: one allocation of about 40 bytes plus the texts per user
 * who is online, and a map slot. */
#ifndef PRESENCE_ROSTER_H
#define PRESENCE_ROSTER_H

#include "base/map.h"
#include "presence/change.h"
#include "presence/identity.h"

struct roster_user {
    uint64_t rev;         /* of the last transition */
    int64_t last_seen_ms; /* as of that transition */
    bool online;          /* false only during a load: went offline meanwhile */
    bool regrouped;       /* during this load: a page does not know its groups */
    uint8_t mark;         /* the load that last met it */
    uint8_t user_len, device_len;
    uint16_t groups_len; /* claimed groups, each followed by '\n' */
    char text[];
};

struct roster {
    struct map users;
    uint64_t rev;   /* all changes up to it are in */
    char epoch[64]; /* of that revision; empty while in doubt: before the first load, or during a new one */
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
struct span roster_user_id(const struct roster_user *u);
struct span roster_user_device(const struct roster_user *u);
/* Items separated by '\n', with one at the end. */
struct span roster_user_groups(const struct roster_user *u);

#endif
