/* SPDX-License-Identifier: MIT */
/* Outage: whether what this server tells viewers is kept current, as clients are told of it (PRESENCE_HELLO).
 *
 * It is lost from the beginning, since nothing is known before the store was reached once. An outage that is
 * shorter than OUTAGE_SAID_MS is never told; its end is told at once. Pure: times are arguments. */
#ifndef PRESENCE_OUTAGE_H
#define PRESENCE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define OUTAGE_SAID_MS 1000

struct outage {
    bool lost;             /* as clients are told */
    int64_t since_wall_ms; /* when that began */
    bool broken;           /* as it is: not current at the last look */
    int64_t broken_ms;     /* monotonic, and by the wall clock: since when */
    int64_t broken_wall_ms;
};

void outage_init(struct outage *o, int64_t wall_ms);
/* `current`: what viewers know is the store's present state, and changes reach them. To be called every 50 ms
 * or so. Returns whether clients are to be told that `lost` has changed. */
bool outage_look(struct outage *o, bool current, int64_t mono_ms, int64_t wall_ms);

#endif
