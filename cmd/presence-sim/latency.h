/* SPDX-License-Identifier: MIT */
/* Durations counted into buckets that grow with them: any quantile to within 2 %, in fixed memory. */
#ifndef SIM_LATENCY_H
#define SIM_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS   64 /* to each doubling */
#define LATENCY_BUCKETS (LATENCY_STEPS * 28)

struct latency {
    uint64_t count;
    int64_t max_us;
    int64_t sum_us;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* Zeroed is empty. Less than 0 counts as 0; over two hours is kept as the maximum only. */
void latency_add(struct latency *l, int64_t us);
/* quantile in 0–1; 0 when nothing was counted. Never above max_us. */
int64_t latency_quantile(const struct latency *l, double quantile);

#endif
