/* SPDX-License-Identifier: MIT */
#include "presence/bucket.h"

/* How long it still fills. A time beyond the longest is of before the count of ms began anew. */
static uint32_t filling_ms(const struct bucket *b, struct allowance a, int64_t now_ms)
{
    uint32_t left_ms = b->full_ms - (uint32_t)now_ms;
    return b->full_ms && left_ms <= a.burst * a.every_ms ? left_ms : 0;
}

uint32_t bucket_left(const struct bucket *b, struct allowance a, int64_t now_ms)
{
    return (a.burst * a.every_ms - filling_ms(b, a, now_ms)) / a.every_ms;
}

bool bucket_take(struct bucket *b, struct allowance a, int64_t now_ms)
{
    if (bucket_left(b, a, now_ms) == 0)
        return false;
    b->full_ms = (uint32_t)now_ms + filling_ms(b, a, now_ms) + a.every_ms;
    b->full_ms -= b->full_ms == 0; /* 0 means otherwise */
    return true;
}
