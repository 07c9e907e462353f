/* SPDX-License-Identifier: MIT */
#include "presence/redis_time.h"

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool redis_time_sample(struct redis_time *t, int64_t sent_mono_ms, int64_t got_mono_ms, int64_t redis_ms)
{
    if (got_mono_ms < sent_mono_ms)
        return false;
    /* All three are cut to whole milliseconds. */
    int64_t low = redis_ms - got_mono_ms - 1, high = redis_ms - sent_mono_ms + 1;
    int64_t apart = t->known ? max_of(low - t->high_ms, t->low_ms - high) : 0;
    if (t->known && apart <= 0) {
        t->low_ms = max_of(t->low_ms, low);
        t->high_ms = min_of(t->high_ms, high);
        return false;
    }
    *t = (struct redis_time){.known = true, .low_ms = low, .high_ms = high};
    return apart > REDIS_TIME_JUMP_MS;
}

int64_t redis_time_at(const struct redis_time *t, int64_t mono_ms)
{
    if (!t->known)
        return 0;
    return mono_ms + t->low_ms + (t->high_ms - t->low_ms) / 2;
}

int64_t redis_time_latest(const struct redis_time *t, int64_t mono_ms)
{
    return t->known ? mono_ms + t->high_ms : 0;
}
