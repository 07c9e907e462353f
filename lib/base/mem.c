/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_OUT_OF_MEMORY 70

static void out_of_memory(void)
{
    static const char text[] = "out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    _exit(EXIT_OUT_OF_MEMORY);
}

void *mem_alloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr)
        out_of_memory();
    return ptr;
}

void *mem_zalloc(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr)
        out_of_memory();
    return ptr;
}

void *mem_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size ? size : 1);
    if (!moved)
        out_of_memory();
    return moved;
}

void *mem_array(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        out_of_memory();
    return mem_alloc(count * size);
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *data, size_t len)
{
    char *copy;
    if (len == SIZE_MAX)
        out_of_memory();
    copy = mem_alloc(len + 1);
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

void mem_free_at(void *ptr_to_ptr)
{
    free(*(void **)ptr_to_ptr);
}
