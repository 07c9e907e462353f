/* SPDX-License-Identifier: MIT */
/* Memory for many objects of few sizes, as a server has them for each connection: without a header for each, and
 * pages are touched only as objects are used, so that a buffer that nobody writes to takes none. Of 2,010 bytes a
 * phone of presence-ws this saves 250 (tests/bench/README.md).
 *
 * Objects stand in blocks of 64 KiB, one size each, in a region of addresses that is reserved once; a block
 * without objects goes back to the system. What is larger than POOL_OBJECT_MAX, or finds no room, is malloc's,
 * as is everything under AddressSanitizer. Aligned to 8 bytes. Running out of memory ends the process (base/mem.h).
 * One thread only. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_OBJECT_MAX 1536 /* bytes */

/* Objects of one owner: all zero at the start. Two owners never share a block, so that what one never touches
 * stays untouched beside the other's. */
struct pool {
    uint32_t with_room[POOL_OBJECT_MAX / 8 + 1]; /* by size, in eights: the first block with room; 0: none */
};

void *pool_alloc(struct pool *pool, size_t size);
void *pool_zalloc(struct pool *pool, size_t size);
/* ptr may be NULL; 0 frees, and gives NULL. */
void *pool_realloc(struct pool *pool, void *ptr, size_t size);
/* Of any pool; NULL is fine. */
void pool_free(void *ptr);
/* Bytes of the blocks that have objects, of all pools. */
size_t pool_size(void);

#endif
