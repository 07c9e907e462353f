/* SPDX-License-Identifier: MIT */
/* One client's subscription: what it may see, what it chose to see, and where it is. For subscribers.c, which
 * makes its views and sends; here is what the client asks for, by its request or by a message 33. */
#ifndef PRESENCE_WS_SUBSCRIPTION_H
#define PRESENCE_WS_SUBSCRIPTION_H

#include "fanout/subscriber.h"
#include "http/gate.h"
#include "presence/turns.h"

struct client;

struct subscription {
    struct subscriber subscriber; /* its link stands in subscribers.all */
    struct client *client;
    struct turn turn;         /* in subscribers.views: a view is to be made for it */
    struct turn scan_turn;    /* in subscribers.scans: by a scan */
    struct list waiting_link; /* in subscribers.waiting: for the roster or a group */
    uint64_t asked;           /* fanout.head when it asked for that view */
    uint32_t round;           /* the last round of sending that met it */
    int64_t batch_ms;         /* it gets its next batch then, or later */
    char *id;                 /* the subscriber's own user id */
    size_t id_len;
    char *device;      /* NULL: it gave none */
    bool active;       /* has a view that is kept up to date */
    bool again;        /* a new view is due when it can be sent */
    bool full;         /* the socket takes nothing */
    bool held;         /* another's message is being sent in fragments */
    int64_t full_ms;   /* since when */
    int64_t strike_ms; /* when it last fell behind; 0: never */
    bool viewed;       /* was sent a view, which `again`, and waiting for another, make obsolete */
    char *since_epoch; /* resume from here; NULL: a snapshot */
    uint64_t since_rev;
    uint8_t since_fault; /* enum resume: known already why that can't be; RESUME_DONE: it is not */
    int64_t behind_ms;   /* since when that revision is ahead of us; 0: it is not */
};

struct subscription *subscription_create(struct groups *groups, struct client *client,
                                         const struct gate_request *request);
void subscription_destroy(struct subscription *w, struct groups *groups);
static inline struct span subscription_user(const struct subscription *w)
{
    return (struct span){w->id, w->id_len};
}
/* Where its next view resumes; an empty epoch: a snapshot. fault: why that can't be, or RESUME_DONE. */
void subscription_set_since(struct subscription *w, struct span epoch, uint64_t rev, enum resume fault);
/* ?groups=, ?users= and ?since=epoch:rev of the request. What is not allowed is counted. */
void subscription_choose_by_query(struct subscription *w, const struct roster *r, struct groups *groups,
                                  const struct gate_request *request);
/* A message 33, but for its since. */
void subscription_choose(struct subscription *w, const struct roster *r, struct groups *groups,
                         const struct subscribe *subscribe);
/* Whether it asks for what is on its way to it already: sent again, it would get changes twice. To be asked
 * before subscription_choose. */
bool subscription_follows(const struct subscription *w, const struct roster *r,
                          const struct subscribe *subscribe);
/* Who was sent a view on this connection can't go back to an earlier revision: part of what came since is on
 * its way. RESUME_DONE: nothing is known against it. */
enum resume subscription_resume_fault(const struct subscription *w, const struct roster *r,
                                      const struct subscribe *subscribe);

#endif
