/* SPDX-License-Identifier: MIT */
/* A token bucket: `burst` at once, then one each `every_ms`. What a client may do is bounded by the time
 * since it last did it, however long the loop stood still meanwhile. Pure; 4 bytes; zeroed is full. */
#ifndef PRESENCE_BUCKET_H
#define PRESENCE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct allowance {
    uint32_t burst, every_ms; /* their product is less than 2^31 */
};

struct bucket {
    uint32_t full_ms; /* when it is full again, monotonic, modulo 2^32; 0: nothing was ever taken */
};

/* Takes one. Returns false, and takes nothing, when there is none. */
bool bucket_take(struct bucket *b, struct allowance a, int64_t now_ms);
uint32_t bucket_left(const struct bucket *b, struct allowance a, int64_t now_ms);

#endif
