/* SPDX-License-Identifier: MIT */
/* A view checker of the store: checks after any step what must hold after every one (KEYS.md),
 * from outside.
 *
 * - the index holds exactly the users whose last published event says online, each by a time not later than
 * the last deadline
 * - the user's key lives exactly until that deadline; meta says the same
 * - events of a user alternate; revisions are consecutive within an epoch and never come twice
 * - what was published is what the log holds, byte for byte, and stands on `updates` and on the channel of
 * its status */
#ifndef TEST_SUPPORT_STORE_VIEW_CHECKER_H
#define TEST_SUPPORT_STORE_VIEW_CHECKER_H

#include "store_redis.h"

#define VIEW_CHECKER_USERS 64

struct store_view_checker_user {
    char name[USER_ID_MAX + 1];
    bool online;
    char reason[64], device[DEVICE_ID_MAX + 1];
    int64_t last_seen_ms;
};

struct store_view_checker {
    struct store_redis *t;
    struct store_view_checker_user users[VIEW_CHECKER_USERS];
    size_t count;
    char epoch[EPOCH_SIZE];
    uint64_t rev, highest;
    bool may_repeat;   /* somebody tampered: events need not alternate, keys not match */
    char events[4096]; /* of the last look: " +alice connected" … */
};

/* The user of that name, made when it is new. */
struct store_view_checker_user *store_view_checker_user(struct store_view_checker *w, const char *name);

/* Looks at all that happened since the last look. */
void store_view_checker_look(struct store_view_checker *w);

#endif
