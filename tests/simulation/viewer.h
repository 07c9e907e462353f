/* SPDX-License-Identifier: MIT */
/* A dashboard, under a view checker. */
#ifndef SIMULATION_VIEWER_H
#define SIMULATION_VIEWER_H

#include "pipe.h"
#include "presence-sim/view_checker.h"

struct viewer_config {
    const char *name;
    const char *groups;     /* claim, copied; NULL: sees everyone */
    const char *ask_groups; /* ?groups=; NULL: all of the claim */
    int encoding;
    bool batch, resumes;
    bool slow;       /* stops reading now and then */
    int64_t asks_us; /* it asks for its view again after so long (message 33); 0: never */
    uint64_t seed;
};

struct viewer;

struct viewer *viewer_create(const struct viewer_config *config, struct oracle *truth,
                             struct sim_process *host);
void viewer_destroy(struct viewer *v);
void viewer_begin_life(struct viewer *v);
/* No more whims. */
void viewer_stand_still(struct viewer *v);
const char *viewer_name(const struct viewer *v);
/* The groups it sees, separated by ','; NULL: everyone. */
const char *viewer_groups(const struct viewer *v);
bool viewer_has_view(const struct viewer *v);
bool viewer_shows(const struct viewer *v, struct span user);
size_t viewer_online(const struct viewer *v);
/* size_t at = 0; while (viewer_next_online(v, &at, &user)) … */
bool viewer_next_online(const struct viewer *v, size_t *at, struct span *ret_user);

#endif
