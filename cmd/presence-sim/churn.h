/* SPDX-License-Identifier: MIT */
/* A phone that comes and goes by itself. What it decides follows from its seed alone, so that a run can be
 * repeated; when it decides does not depend on the network. */
#ifndef SIM_CHURN_H
#define SIM_CHURN_H

#include "base/rng.h"
#include "phone.h"

struct churn_rules {
    int64_t stay_ms, away_ms; /* means */
    int64_t silent_percent;   /* of goings: a dead network, nobody is told */
    int64_t roam_percent;     /* only the network changes, and the server */
};

struct churn {
    struct phone *phone;
    struct churn_rules rules;
    struct wheel_timer timer;
    struct rng rng;
    bool away;
};

void churn_init(struct churn *c, struct phone *phone, const struct churn_rules *rules, uint64_t seed);
/* The phone is there; from now on it comes and goes. */
void churn_start(struct churn *c);
/* It stays as it is: there, or away. */
void churn_stop(struct churn *c);

#endif
