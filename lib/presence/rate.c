#include "presence/rate.h"

static void turn(struct rate *r, int64_t now_ms)
{
    uint32_t second = (uint32_t)(now_ms / 1000);
    if (second == r->second)
        return;
    uint32_t passed = second - r->second;
    r->over = r->messages > RATE_MESSAGES && passed == 1 ? (uint8_t)(r->over + 1) : 0;
    r->bytes = passed < 32 ? r->bytes >> passed : 0;
    r->messages = 0;
    r->second = second;
}

bool rate_message(struct rate *r, int64_t now_ms)
{
    turn(r, now_ms);
    if (r->messages < UINT16_MAX)
        r->messages++;
    return r->over + (r->messages > RATE_MESSAGES) < RATE_SECONDS;
}

bool rate_bytes(struct rate *r, size_t bytes, int64_t limit, int64_t now_ms)
{
    turn(r, now_ms);
    uint64_t sum = (uint64_t)r->bytes + bytes;
    r->bytes = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
    return limit == 0 || (int64_t)r->bytes - limit <= limit;
}
