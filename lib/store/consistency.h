/* SPDX-License-Identifier: MIT */
/* Whether the index, the keys and the sessions of one user agree: what repair.lua puts right, told without writing.
 *
 * The keys of a user are read by several commands, so a change between them looks inconsistent once; who asks looks a
 * second time before believing it. */
#ifndef STORE_CONSISTENCY_H
#define STORE_CONSISTENCY_H

#include "store/reads.h"

enum inconsistency {
    CONSISTENT,
    INCONSISTENT_FOREIGN,     /* keys of another type */
    INCONSISTENT_UNADOPTED,   /* a presence key no session explains: another writer's */
    INCONSISTENT_KEY,         /* online, but the presence key is gone or has another TTL */
    INCONSISTENT_META,        /* online, and meta says otherwise */
    INCONSISTENT_UNEXPLAINED, /* in the index without any session */
    INCONSISTENT_UNLISTED,    /* an active session, but not in the index */
    INCONSISTENT_STALE,       /* meta says online, but neither session nor index do */
    INCONSISTENT_LATE,        /* the index is later than the last deadline */
    INCONSISTENT_OVERDUE,     /* the last deadline passed more than 5 s ago */
    INCONSISTENCIES,
};

/* What is read of a user: CONSISTENCY_ANSWERS commands. */
#define CONSISTENCY_ANSWERS 4
void consistency_ask(const struct store *s, struct span user, struct bytes *out);
/* now_ms: Redis's time, read just before. *ret_online: the user stands in the index, and the keys are ours. */
enum inconsistency consistency_check(struct redisReply *const replies[CONSISTENCY_ANSWERS], int64_t now_ms,
                                     bool *ret_online);

#endif
