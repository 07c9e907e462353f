#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_MIN 16384

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

void arena_finish(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        free(block);
    }
    a->left = 0;
}
