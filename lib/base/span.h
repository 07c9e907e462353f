/* SPDX-License-Identifier: MIT */
/* A span: a borrowed view of bytes, which never owns them. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *data;
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE     ((struct span){NULL, 0})

/* A span over a C string; NULL gives SPAN_NONE. */
struct span span_of(const char *text);
bool span_equal(struct span a, struct span b);
/* ASCII case is ignored; for header names and the like. */
bool span_equal_nocase(struct span a, struct span b);
/* Without spaces and tabs at both ends. */
struct span span_trim(struct span text);
/* Cuts *rest at the first `separator`: returns what is before it, and leaves what is behind in *rest.
 * Without one returns all and empties *rest, so `while (rest.len)` walks through a list. */
struct span span_split(struct span *rest, char separator);
/* A whole decimal number without sign, space or leading '+': 0, or -1 when it is none or over max. */
int span_to_u64(struct span text, uint64_t max, uint64_t *ret);
/* As memcmp orders them; of two of which one begins with the other, the shorter comes first. */
int span_compare(struct span a, struct span b);
/* Copies into a NUL-terminated array of `size` bytes: 0, or -1 when it does not fit or holds a NUL (out is
 * untouched). */
int span_copy(struct span text, char *out, size_t size);

#endif
