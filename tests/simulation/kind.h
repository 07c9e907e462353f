/* SPDX-License-Identifier: MIT */
/* The kinds of run: what a seed is about, apart from what happens in every one. */
#ifndef SIMULATION_KIND_H
#define SIMULATION_KIND_H

#include "base/bytes.h"

enum run_kind {
    RUN_PLAIN,    /* phones, viewers and faults */
    RUN_STRANGER, /* and another writer in the same Redis (stranger.h) */
    RUN_TTLS,     /* and expiryds with a shorter TTL than the servers */
    RUN_SESSIONS, /* no faults, but work costs time (cost.h), and one account connects and closes in a loop
                    */
    RUN_VIEWS,    /* the same, and viewers of hundreds of groups that ask again and again */
    RUN_ROUTER, /* the same as plain, behind servers that pass phones on to a router, which has faults of its
                    own (router.h) */
    RUN_CROWD,  /* phones that all stay, a loss of Redis's data, and servers that take long to assert */
    RUN_KINDS
};

const char *kind_name(enum run_kind kind);
/* -1: there is none of that name. */
int kind_by_name(struct span name, enum run_kind *ret);
/* By the seed's own dice, that what else it decides does not depend on. */
enum run_kind kind_of_seed(uint64_t seed);
/* Whether faults are planned. */
bool kind_has_faults(enum run_kind kind);

#endif
