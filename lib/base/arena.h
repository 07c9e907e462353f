/* SPDX-License-Identifier: MIT */
/* Memory of many small pieces that go together: a piece costs an addition, and all are freed at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed is empty. */
struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t left;                /* bytes of the newest */
};

/* Aligned for any object, not cleared; ends the process when there is none (mem.h). */
void *arena_alloc(struct arena *a, size_t size);
/* Frees every piece, but keeps the memory of the newest block, of at most so many bytes, for others. */
void arena_reset(struct arena *a, size_t most);
/* Frees every piece; the arena is empty then. */
void arena_finish(struct arena *a);

#endif
