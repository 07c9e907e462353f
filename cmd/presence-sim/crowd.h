/* SPDX-License-Identifier: MIT */
/* A crowd of phones, one a user, that connect at a given pace and then come and go by themselves. */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H

#include "churn.h"

struct crowd {
    struct sim *sim;
    struct phone **phones;
    struct churn *churns; /* one a phone */
    size_t count;
    size_t started;
    struct wheel_timer start; /* paces the first connects */
    int64_t began_ms;
};

/* options: users, prefix, groups, beat, churn, away, silent, roam, connect_rate. */
void crowd_init(struct crowd *c, struct sim *sim);
void crowd_start(struct crowd *c);
/* From now on everybody stays as he is: who is there beats on, who is away stays away. */
void crowd_hold_still(struct crowd *c);
size_t crowd_open(const struct crowd *c);
void crowd_finish(struct crowd *c);

#endif
