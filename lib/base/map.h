/* SPDX-License-Identifier: MIT */
/* A hash map from byte strings to the caller's objects.
 *
 * The map stores pointers only: the key stands inside the object, and `key_of` finds it. SipHash-1-3 under a
 * random key per process, since ids come from outside (hash flooding). 8 bytes a slot, at most 3/4 full;
 * grows and shrinks. The map owns no object. Don't put or remove while iterating. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"

struct map {
    void **slots;
    size_t count;
    size_t capacity; /* 0 or a power of two */
    struct span (*key_of)(const void *object);
};

void map_init(struct map *m, struct span (*key_of)(const void *object));
/* The hash key from a seed instead, so that a run repeats itself; only while no map holds anything. */
void map_set_hash_key(uint64_t seed);
/* Frees the slots, not the objects. */
void map_finish(struct map *m);
void *map_get(const struct map *m, struct span key);
/* Puts the object under its key. Returns the object that had been there under that key, else NULL. */
void *map_put(struct map *m, void *object);
/* Returns the removed object, else NULL. */
void *map_remove(struct map *m, struct span key);
/* size_t at = 0; while ((object = map_next(&m, &at))) … ; order is arbitrary. */
void *map_next(const struct map *m, size_t *at);

#endif
