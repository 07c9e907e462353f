/* SPDX-License-Identifier: MIT */
/* Quotas: how many connections a user and an address may hold, and how often they may make one.
 *
 * A place is taken when a connection is admitted, and given back when nothing of it is left, whatever became
 * of it meanwhile: what is counted is counted under one name, which the place remembers. Both cost O(1).
 * Connects flow through a bucket that holds as many as a minute may have. Who holds no place is forgotten
 * once the bucket is full again, a minute after the last connect at the latest. Pure: time is an argument
 * (monotonic ms). */
#ifndef PRESENCE_QUOTA_H
#define PRESENCE_QUOTA_H

#include "base/list.h"
#include "base/map.h"

/* Of each: 0: any number. */
struct quota_limits {
    int64_t most, most_per_user, most_per_address;   /* places at a time */
    int64_t connects_per_user, connects_per_address; /* a minute, and at once */
};

enum quota_answer {
    QUOTA_TAKEN,
    QUOTA_USER_FULL,
    QUOTA_USER_HASTY,
    QUOTA_ADDRESS_FULL,
    QUOTA_ADDRESS_HASTY,
    QUOTA_FULL,
};

struct quota_share;

/* All zero: none is held. */
struct quota_place {
    struct quota_share *user, *address;
};

/* Users and addresses that hold no place and are not forgotten; more: the first of them are. */
#define QUOTA_IDLE_MAX 100000

struct quota {
    struct map users, addresses;
    struct list idle; /* shares without a place, as they became so */
    size_t idle_count;
    size_t count; /* places held */
};

void quota_init(struct quota *q);
/* After the last place was given back. */
void quota_finish(struct quota *q);
/* An empty name is not counted; at least one is there. Of the answers that refuse the first counts, and
 * *ret_place stays as it is. *ret_wait_ms: after a hasty answer, the time until the next connect may come. */
enum quota_answer quota_take(struct quota *q, const struct quota_limits *limits, struct span user,
                             struct span address, int64_t now_ms, struct quota_place *ret_place,
                             int64_t *ret_wait_ms);
/* Leaves the place empty: giving back twice does no harm. */
void quota_give_back(struct quota *q, struct quota_place *place, int64_t now_ms);
/* Forgets some of those who may be; to be called now and then. */
void quota_tidy(struct quota *q, int64_t now_ms);

#endif
