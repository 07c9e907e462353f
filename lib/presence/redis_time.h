/* SPDX-License-Identifier: MIT */
/* What time it is at Redis, reckoned from this process's monotonic clock: no wall clock of two machines need
 * agree.
 *
 * Redis read its clock somewhere between sending the question and getting the answer, so each sample bounds
 * the difference of the two clocks; the estimate is the middle of what all samples since the last
 * contradiction allow. A slow answer only bounds it less. All zero is a valid start. */
#ifndef PRESENCE_REDIS_TIME_H
#define PRESENCE_REDIS_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define REDIS_TIME_JUMP_MS 500

struct redis_time {
    bool known;              /* false until the first sample */
    int64_t low_ms, high_ms; /* Redis's clock minus the monotonic one */
};

/* Takes in one answer: redis_ms is the time it carried. True when the clocks moved against each other by more
 * than REDIS_TIME_JUMP_MS since the samples before. Samples with got before sent are ignored. */
bool redis_time_sample(struct redis_time *t, int64_t sent_mono_ms, int64_t got_mono_ms, int64_t redis_ms);
/* Redis's time at that moment; 0 while nothing is known. */
int64_t redis_time_at(const struct redis_time *t, int64_t mono_ms);
/* The latest time that it can be there: what a beat of that moment counts from, so that no deadline is early.
 */
int64_t redis_time_latest(const struct redis_time *t, int64_t mono_ms);

#endif
