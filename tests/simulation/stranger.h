/* SPDX-License-Identifier: MIT */
/* Another writer in the same Redis: keys of other types under presence's names, expiries at the end of time,
 * counters of another scheme, messages with revisions to come, devices of raw bytes, values that are none. */
#ifndef SIMULATION_STRANGER_H
#define SIMULATION_STRANGER_H

#include "base/bytes.h"

/* Acts now and then from now on, by random numbers of its own. */
void stranger_begin(uint64_t seed);
void stranger_end(void);
/* Checks that what it has put under a key of another type stands there byte for byte. */
void stranger_check(void);
/* Redis has lost data by itself: what is left of them counts from now on. */
void stranger_data_changed(void);
/* Whether the user has such a key, and so can't be brought online, or not be kept there. */
bool stranger_bars(struct span user);
/* Whether the user is one of its own, not of the run's phones. */
bool stranger_made_up(struct span user);

#endif
