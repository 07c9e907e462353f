/* SPDX-License-Identifier: MIT */
/* Random numbers: a seeded generator that repeats itself, and the kernel's for identifiers and hash keys. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

/* The same seed gives the same numbers, on any machine (xoshiro256**, seeded by splitmix64). */
void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/* Uniform in [0, 1). */
double rng_unit(struct rng *r);

/* From getrandom(2); ends the process with 70 if the kernel has none. */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/* len lower-case hex characters and a NUL: out has len + 1 bytes. */
void random_hex(char *out, size_t len);

#endif
