/* SPDX-License-Identifier: MIT */
/* The kernel's random numbers, for identifiers and hash keys. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* From getrandom(2); ends the process with 70 if the kernel has none. */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/* len lower-case hex characters and a NUL: out has len + 1 bytes. */
void random_hex(char *out, size_t len);

#endif
