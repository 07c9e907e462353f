/* SPDX-License-Identifier: MIT */
/* What keeps Redis out of reach, and what to do about it: the same words in the daemons' logs and in
 * presence-ctl. Pure. */
#ifndef REDIS_REDIS_FAULT_H
#define REDIS_REDIS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum redis_fault {
    REDIS_FAULT_NONE,
    REDIS_FAULT_AWAY,      /* nothing answers at host and port, or it still loads its data */
    REDIS_FAULT_REFUSED,   /* user, password or database */
    REDIS_FAULT_SENTINELS, /* none of the sentinels names a master */
    REDIS_FAULT_MASTER,    /* they name one that does not answer, or is no master */
    /* It answers, but can't be used (redis_fit.h): */
    REDIS_FAULT_CLUSTER,    /* a node of a Redis Cluster */
    REDIS_FAULT_REPLICA,    /* a read-only replica */
    REDIS_FAULT_NO_SCRIPTS, /* no EVAL, or none with flags */
    REDIS_FAULT_IS_SENTINEL,
    REDIS_FAULT_FOREIGN, /* keys of another program stand in the place of presence's own */
    REDIS_FAULT_LACKS,   /* commands that are not known or not permitted */
    REDIS_FAULT_REFUSES, /* for the moment, perhaps: full, busy with another script */
};

/* A sentence for a person; NULL for REDIS_FAULT_NONE. */
const char *redis_fault_mend(enum redis_fault fault);

/* A fault that lasts is told again after so long, for who reads only the end of a log. */
#define REDIS_FAULT_REPEAT_MS (10 * 60 * 1000)

/* The fault that was told last. Zeroed: none. */
struct redis_fault_memory {
    char why[400];
    int64_t told_ms;
};

/* Whether it is to be told: another than the last, or told long ago. Remembers it then. now_ms: monotonic. */
bool redis_fault_is_news(struct redis_fault_memory *m, const char *why, int64_t now_ms);
/* It is over: the next one is news. */
void redis_fault_forget(struct redis_fault_memory *m);

#endif
