/* Recovery: when Redis has lost its memory (another epoch), what it says is no truth until every server that
 * lived has asserted its sessions (contract section 4, "Redis lost and back"). Tells when that is so, or when
 * the wait is over. Pure. */
#ifndef PRESENCE_RECOVERY_H
#define PRESENCE_RECOVERY_H

#include "base/bytes.h"

#define RECOVERY_NODES_MAX 256
#define RECOVERY_LIMIT_MS  10000 /* then it is taken as it is */
#define RECOVERY_ALIVE_MS  5000  /* a server heard within this time before the last contact is waited for */

struct recovery_node {
    char name[64];
    int64_t heard_ms; /* monotonic */
    bool done;        /* has asserted in the present epoch */
};

struct recovery {
    char epoch[64]; /* "" until one is known */
    bool waiting;
    int64_t since_ms;
    int64_t contact_ms; /* the daemons were last heard of */
    int64_t before_ms;  /* the same, before the epoch changed: Redis may have been away for long */
    struct recovery_node nodes[RECOVERY_NODES_MAX];
    size_t count;
};

void recovery_init(struct recovery *r);
/* The store shows this epoch ("" for none). Returns true when it is another than the one known: the wait
 * begins. The first epoch of all begins none. Redis out of reach is no epoch: don't call. */
bool recovery_epoch(struct recovery *r, struct span epoch, int64_t now_ms);
/* A presence-ws in presence:nodes, heard age_ms ago by Redis's clock, and the epoch in which it has asserted.
 */
void recovery_node(struct recovery *r, struct span name, int64_t age_ms, struct span asserted,
                   int64_t now_ms);
/* Whether what the store says is the truth again. */
bool recovery_settled(struct recovery *r, int64_t now_ms);

#endif
