/* SPDX-License-Identifier: MIT */
#include "latency.h"

#include <stddef.h>

/* Up to LATENCY_STEPS each value has its own bucket; from there each doubling has LATENCY_STEPS of them. */
static size_t bucket_of(uint64_t us)
{
    unsigned shift = 0;
    while (us >> shift >= 2 * LATENCY_STEPS)
        shift++;
    size_t bucket = shift * LATENCY_STEPS + (size_t)(us >> shift);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The highest value of a bucket. */
static int64_t top_of(size_t bucket)
{
    if (bucket < 2 * LATENCY_STEPS)
        return (int64_t)bucket;
    unsigned shift = (unsigned)(bucket / LATENCY_STEPS) - 1;
    return (int64_t)(((bucket - shift * LATENCY_STEPS + 1) << shift) - 1);
}

void latency_add(struct latency *l, int64_t us)
{
    if (us < 0)
        us = 0;
    l->count++;
    l->sum_us += us;
    if (us > l->max_us)
        l->max_us = us;
    l->buckets[bucket_of((uint64_t)us)]++;
}

int64_t latency_quantile(const struct latency *l, double quantile)
{
    double wanted = quantile * (double)l->count;
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS && l->count; i++) {
        seen += l->buckets[i];
        if ((double)seen >= wanted && l->buckets[i])
            return top_of(i) < l->max_us ? top_of(i) : l->max_us;
    }
    return l->max_us;
}
