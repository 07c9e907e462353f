/* SPDX-License-Identifier: MIT */
/* Memory that is there or the process ends.
 *
 * Every allocation a peer can cause is bounded by a check before it, so running out means that the machine is
 * out of memory: the process says so on stderr and exits with 70 (the manual pages). No caller checks for
 * NULL. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *ptr, size_t size);
/* For arrays; ends the process when count * size overflows. */
void *mem_array(size_t count, size_t size);
char *mem_strdup(const char *text);
/* A NUL-terminated copy of len bytes. */
char *mem_strndup(const char *data, size_t len);

/* Cleanup attribute: `mem_auto char *p = …` frees p on leaving the scope. */
void mem_free_at(void *ptr_to_ptr);
#define mem_auto __attribute__((cleanup(mem_free_at)))

#endif
