/* SPDX-License-Identifier: MIT */
/* A run: what one seed makes happen, from the first phone to the last check.
 *
 * The seed decides the settings, the actors and a list of faults with their times. Any entry can be left out
 * (the mask), so that a run that fails can be made smaller: faults by their number, then phones, then
 * viewers. */
#ifndef SIMULATION_PLAY_H
#define SIMULATION_PLAY_H

#include "kind.h"

#define RUN_ENTRIES_MAX 1024

struct run_options {
    uint64_t seed;
    enum run_kind kind;
    int64_t minutes; /* of active time, before everybody stands still */
    size_t crowd;    /* phones of RUN_CROWD */
    bool trace;
    bool left_out[RUN_ENTRIES_MAX];
};

struct run_result {
    bool failed;
    char verdict[400];
    size_t entries, faults; /* how many entries there are, and how many of them are faults */
    int64_t simulated_ms;
    uint64_t events, transitions, told, epochs;
    struct bytes trace; /* with trace */
};

/* The caller calls run_result_finish. */
void run_seed(const struct run_options *options, struct run_result *ret);
void run_result_finish(struct run_result *r);

#endif
