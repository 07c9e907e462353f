/* SPDX-License-Identifier: MIT */
/* Recovery: when Redis has lost its memory (another epoch), what it says is no truth until every server that
 * lived has asserted its sessions (KEYS.md). Tells when that is so, or when
 * the wait is over. Pure. */
#ifndef PRESENCE_RECOVERY_H
#define PRESENCE_RECOVERY_H

#include "base/map.h"
#include "presence/identity.h"

#define RECOVERY_NODES_MAX 4096  /* servers at a time; further ones are not waited for */
#define RECOVERY_LIMIT_MS  10000 /* without progress a server is waited for no longer */
#define RECOVERY_ALIVE_MS  5000  /* a server heard within this time before the last contact is waited for */

struct recovery_node {
    char name[NODE_ID_SIZE];
    int64_t heard_ms;    /* monotonic */
    bool done;           /* has asserted in the present epoch */
    int64_t left;        /* what it had still to assert; -1: not told */
    int64_t progress_ms; /* monotonic: when that last became less, or the server was first heard */
};

struct recovery {
    char epoch[EPOCH_SIZE]; /* "" until one is known */
    bool waiting;
    int64_t since_ms;
    int64_t contact_ms; /* the daemons were last heard of */
    int64_t before_ms;  /* the same, before the epoch changed: Redis may have been away for long */
    struct map by_name;
    struct recovery_node **nodes;
    size_t count, capacity;
    size_t reuse_at; /* where the next place of a node that died is looked for */
    int64_t full_ms; /* there was none then */
};

void recovery_init(struct recovery *r);
void recovery_finish(struct recovery *r);
/* The store shows this epoch ("" for none). Returns true when it is another than the one known: the wait
 * begins. The first epoch of all begins none. Redis out of reach is no epoch: don't call. */
bool recovery_epoch(struct recovery *r, struct span epoch, int64_t now_ms);
/* The wait begins without another epoch: all servers that lived must speak again. */
void recovery_begin(struct recovery *r, int64_t now_ms);
/* A presence-ws in presence:nodes, heard age_ms ago by Redis's clock, the epoch in which it has asserted, and
 * how many sessions it has still to assert (-1: it did not say). Memory grows by what is listed only; beyond
 * RECOVERY_NODES_MAX a new server takes the place of one that died, if there is any. */
void recovery_node(struct recovery *r, struct span name, int64_t age_ms, struct span asserted, int64_t left,
                   int64_t now_ms);
/* Whether what the store says is the truth again: no server that lived has still to assert, except those
 * without any progress for RECOVERY_LIMIT_MS. */
bool recovery_settled(struct recovery *r, int64_t now_ms);

#endif
