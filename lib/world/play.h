/* A play: what one seed makes happen, from the first phone to the last judgement.
 *
 * The seed decides the settings, the cast and a list of faults with their times. Any entry can be left out
 * (the mask), so that a play that fails can be made smaller: faults by their number, then phones, then
 * viewers. */
#ifndef WORLD_PLAY_H
#define WORLD_PLAY_H

#include "base/bytes.h"

#define PLAY_ENTRIES_MAX 1024

struct play_options {
    uint64_t seed;
    int64_t minutes; /* of active time, before everybody stands still */
    bool trace;
    bool left_out[PLAY_ENTRIES_MAX];
};

struct play_result {
    bool failed;
    char verdict[400];
    size_t entries, faults; /* how many entries there are, and how many of them are faults */
    int64_t simulated_ms;
    uint64_t events, transitions, told, epochs;
    struct bytes story; /* with trace */
};

/* The caller calls play_result_finish. */
void play(const struct play_options *options, struct play_result *ret);
void play_result_finish(struct play_result *r);

#endif
