/* Regrouping: what it means for a viewer when a user's groups change while the user's state does not.
 *
 * Entries of the feed carry the user's claims, but are judged by the sets of the time at which they are sent.
 * So a set's difference can be told only when nothing about the user is still to be told; else the viewer
 * needs a new view. Pure. */
#ifndef PRESENCE_REGROUP_H
#define PRESENCE_REGROUP_H

#include "presence/feed.h"

struct regrouping {
    struct group *group;     /* whose set has changed, as it is now; NULL: the user's claims have */
    struct span user;        /* online or not */
    struct span before, now; /* claims, as in interest.h */
};

enum regroup_result {
    REGROUP_NOTHING,
    REGROUP_TOLD, /* the difference was put into the feed */
    REGROUP_ANEW, /* viewer_begin must be called before more is sent */
};

/* now_ms: Redis time, for the message. */
enum regroup_result viewer_regroup(struct viewer *v, struct feed *f, const struct roster *r,
                                   const struct regrouping *g, int64_t now_ms);

#endif
