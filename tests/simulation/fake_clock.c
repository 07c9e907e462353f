/* SPDX-License-Identifier: MIT */
/* base/clock.h and base/random.h: the simulation's time, and random numbers of its seed. */
#include "base/clock.h"
#include "base/random.h"
#include "base/rng.h"
#include "cost.h"

int64_t clock_wall_ms(void)
{
    return simulation_wall_ms(simulation.current);
}

int64_t clock_mono_us(void)
{
    return simulation.now_us + cost_spent_us() + 1000000; /* 0 means "never" to many */
}

/* Whatever is done between two readings takes a millisecond: rounds of sending are followed by a pause. */
int64_t clock_cpu_us(void)
{
    static int64_t readings;
    return ++readings * 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

void random_bytes(void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] = (unsigned char)simulation_below(256);
}

uint64_t random_u64(void)
{
    return rng_next(&simulation.rng);
}

void random_hex(char *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = "0123456789abcdef"[simulation_below(16)];
    out[len] = '\0';
}
