/* SPDX-License-Identifier: MIT */
#include "presence/rate.h"

bool rate_message(struct rate *r, int64_t now_ms)
{
    static const struct allowance allowance = {.burst = RATE_BURST, .every_ms = 1000 / RATE_MESSAGES};
    return bucket_take(&r->messages, allowance, now_ms);
}

bool rate_frame(struct rate *r, int64_t now_ms)
{
    static const struct allowance allowance = {.burst = RATE_FRAMES_BURST, .every_ms = 1000 / RATE_FRAMES};
    return bucket_take(&r->frames, allowance, now_ms);
}

static void turn(struct rate *r, int64_t now_ms)
{
    uint32_t second = (uint32_t)(now_ms / 1000), passed = second - r->second;
    r->bytes = passed < 32 ? r->bytes >> passed : 0;
    r->second = second;
}

bool rate_bytes(struct rate *r, size_t bytes, int64_t limit, int64_t now_ms)
{
    turn(r, now_ms);
    uint64_t sum = (uint64_t)r->bytes + (bytes > RATE_PIECE ? bytes : RATE_PIECE);
    r->bytes = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
    return limit == 0 || (int64_t)r->bytes - limit <= limit;
}
