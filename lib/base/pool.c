/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_SIZE  65536
#define REGION_SIZE (UINT64_C(8) << 30) /* of addresses: 4 million connections */
#define BLOCKS      (REGION_SIZE / BLOCK_SIZE)
#define ALIGNMENT   8

#ifdef __SANITIZE_ADDRESS__
#define POOLED false
#else
#define POOLED true
#endif

/* Blocks are numbered from 1; 0 is none. */
struct block {
    struct pool *pool;
    void *freed;         /* objects that were given back, each with the next one in its first bytes */
    uint32_t next, prev; /* of its pool and class, with room; or the next one without objects */
    uint16_t class;      /* its objects' size, in eights */
    uint16_t used;       /* objects that are in use */
    uint16_t begun;      /* those behind were never used */
};

static struct {
    char *start; /* NULL: not reserved yet, or not to be had */
    struct block *blocks;
    uint32_t count; /* blocks ever used */
    uint32_t empty; /* the first one without objects */
    size_t in_use;  /* blocks with objects */
    bool tried;
} region;

static size_t class_of(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT + (size == 0);
}

static uint16_t capacity(const struct block *b)
{
    return (uint16_t)(BLOCK_SIZE / ((size_t)b->class * ALIGNMENT));
}

/* Addresses only: blocks become memory as they are taken. Huge pages would touch what nobody uses. */
static void reserve(void)
{
    region.tried = true;
    void *start = mmap(NULL, REGION_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return;
    madvise(start, REGION_SIZE, MADV_NOHUGEPAGE);
    region.blocks = mem_array(BLOCKS + 1, sizeof(struct block));
    region.start = start;
}

static char *start_of(uint32_t number)
{
    return region.start + (size_t)(number - 1) * BLOCK_SIZE;
}

static uint32_t number_of(const void *object)
{
    return (uint32_t)((size_t)((const char *)object - region.start) / BLOCK_SIZE) + 1;
}

static void link_block(uint32_t number)
{
    struct block *b = &region.blocks[number];
    uint32_t *first = &b->pool->with_room[b->class];
    b->prev = 0;
    b->next = *first;
    if (*first)
        region.blocks[*first].prev = number;
    *first = number;
}

static void unlink_block(const struct block *b)
{
    if (b->prev)
        region.blocks[b->prev].next = b->next;
    else
        b->pool->with_room[b->class] = b->next;
    if (b->next)
        region.blocks[b->next].prev = b->prev;
}

/* 0 without. */
static uint32_t take_block(struct pool *pool, size_t class)
{
    uint32_t number = region.empty;
    if (number)
        region.empty = region.blocks[number].next;
    else if (region.count < BLOCKS &&
             mprotect(start_of(region.count + 1), BLOCK_SIZE, PROT_READ | PROT_WRITE) == 0)
        number = ++region.count;
    else
        return 0;
    region.blocks[number] = (struct block){.pool = pool, .class = (uint16_t) class};
    region.in_use++;
    link_block(number);
    return number;
}

static void give_block_back(uint32_t number)
{
    struct block *b = &region.blocks[number];
    unlink_block(b);
    madvise(start_of(number), BLOCK_SIZE, MADV_DONTNEED);
    b->next = region.empty;
    region.empty = number;
    region.in_use--;
}

static bool is_pooled(const void *ptr)
{
    uintptr_t at = (uintptr_t)ptr, start = (uintptr_t)region.start;
    return region.start && at >= start && at - start < REGION_SIZE;
}

static void *take_object(uint32_t number)
{
    struct block *b = &region.blocks[number];
    void *object = b->freed;
    if (object)
        memcpy(&b->freed, object, sizeof(b->freed));
    else
        object = start_of(number) + (size_t)b->begun++ * b->class * ALIGNMENT;
    if (++b->used == capacity(b))
        unlink_block(b);
    return object;
}

void *pool_alloc(struct pool *pool, size_t size)
{
    uint32_t number = 0;
    if (POOLED && !region.tried)
        reserve();
    if (region.start && size <= POOL_OBJECT_MAX) {
        size_t class = class_of(size);
        number = pool->with_room[class] ? pool->with_room[class] : take_block(pool, class);
    }
    return number ? take_object(number) : mem_alloc(size);
}

void *pool_zalloc(struct pool *pool, size_t size)
{
    void *ptr = pool_alloc(pool, size);
    memset(ptr, 0, size);
    return ptr;
}

void pool_free(void *ptr)
{
    if (!is_pooled(ptr)) {
        free(ptr);
        return;
    }
    uint32_t number = number_of(ptr);
    struct block *b = &region.blocks[number];
    memcpy(ptr, &b->freed, sizeof(b->freed));
    b->freed = ptr;
    if (b->used-- == capacity(b))
        link_block(number);
    /* The last one with room stays: one object that comes and goes must not cost system calls. */
    if (b->used == 0 && (b->next || b->prev))
        give_block_back(number);
}

void *pool_realloc(struct pool *pool, void *ptr, size_t size)
{
    if (size == 0) {
        pool_free(ptr);
        return NULL;
    }
    if (!ptr)
        return pool_alloc(pool, size);
    if (!is_pooled(ptr))
        return mem_realloc(ptr, size);
    size_t had = (size_t)region.blocks[number_of(ptr)].class * ALIGNMENT;
    if (class_of(size) * ALIGNMENT == had)
        return ptr;
    void *moved = pool_alloc(pool, size);
    memcpy(moved, ptr, size < had ? size : had);
    pool_free(ptr);
    return moved;
}

size_t pool_size(void)
{
    return region.in_use * BLOCK_SIZE;
}
