/* SPDX-License-Identifier: MIT */
/* Walks through all who are online, for tokens that are bound to groups: whom does each of them see? Members of
 * a group stand in its set, but who only claims it in a token stands in presence:meta:<user> alone, without an
 * index; so that everybody has to be looked at. One walk at a time: all who wait when it begins are answered by
 * it, at most WALK_VIEWS_MAX different tokens, and the next begins when as much time has passed as it took, so
 * that whoever asks without end has Redis walk half of the time at most. A walk goes in slices, between which
 * Redis and this process serve others: an HGET for each user who is online, and each set of the groups once. */
#ifndef PRESENCE_API_WALK_H
#define PRESENCE_API_WALK_H

#include "questions.h"
#include "scope.h"
#include "seen.h"

#define WALK_VIEWS_MAX   64
#define WALK_MEMBERS_MAX 1000000 /* members of the sets of one token's groups that are read */
#define WALK_MS          5000    /* in all */
#define WAITING_MAX      256     /* who wait */

/* Who waits for a walk; the asker's, zeroed before its first use. */
struct waiting {
    struct list link;
    struct bytes key; /* who asks: the same for tokens that see the same */
    const struct scope *scope;
    size_t view;
    void (*over)(void *arg, struct seen *seen, const char *failure);
    void *arg;
};

/* Not while it waits. */
void walk_waiting_finish(struct waiting *w);

struct walker;
/* All outlive it. */
struct walker *walker_create(struct loop *loop, struct questions *questions, const struct store *store,
                             const char *group_key);
/* Whoever waits is told "draining". After the questions have ended. NULL is fine. */
void walker_destroy(struct walker *w);
/* Whom the token saw when a walk was made for it within the last 10 s, for seen_release; NULL: there was none. */
struct seen *walker_recall(struct walker *w, const struct scope *scope);
/* Waits for a walk that has not begun yet. 0: `over` will be called once, with whom the token sees, for
 * seen_release, or with why that can't be said; -1: too many wait. */
int walker_wait(struct walker *w, struct waiting *waiting, const struct scope *scope,
                void (*over)(void *arg, struct seen *seen, const char *failure), void *arg);

#endif
