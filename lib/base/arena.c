/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_MIN 32768 /* the replies to a bulk question of 100 users take 25 kB */

struct arena_block {
    struct arena_block *next;
    size_t size;
    alignas(max_align_t) char bytes[];
};

static void add_block(struct arena *a, size_t least)
{
    size_t size = a->blocks ? 2 * a->blocks->size : BLOCK_MIN;
    if (size < least)
        size = least;
    struct arena_block *block = mem_alloc(sizeof(*block) + size);
    block->next = a->blocks;
    block->size = size;
    a->blocks = block;
    a->left = size;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (a->left < size)
        add_block(a, size);
    char *piece = a->blocks->bytes + (a->blocks->size - a->left);
    a->left -= size;
    return piece;
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_reset(struct arena *a, size_t most)
{
    if (!a->blocks || a->blocks->size > most) {
        arena_finish(a);
        return;
    }
    free_blocks(a->blocks->next);
    a->blocks->next = NULL;
    a->left = a->blocks->size;
}

void arena_finish(struct arena *a)
{
    free_blocks(a->blocks);
    *a = (struct arena){0};
}
