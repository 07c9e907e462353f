/* SPDX-License-Identifier: MIT */
/* Bytes: a buffer that grows. It owns its memory until bytes_finish. Growing never fails (see mem.h); who
 * appends what a peer sent bounds it first. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/span.h"

#include <stdarg.h>
#include <string.h>

struct bytes {
    char *data; /* NULL while nothing was ever appended */
    size_t len;
    size_t cap;
};

#define BYTES_INIT ((struct bytes){NULL, 0, 0})
#define bytes_auto __attribute__((cleanup(bytes_finish))) struct bytes

void bytes_finish(struct bytes *b);
/* Empties, keeps the memory. */
void bytes_reset(struct bytes *b);
/* Room for `extra` more bytes at data + len; returns that place. */
char *bytes_reserve(struct bytes *b, size_t extra);
void bytes_append(struct bytes *b, const void *data, size_t len);
void bytes_append_span(struct bytes *b, struct span text);
static inline void bytes_append_text(struct bytes *b, const char *text)
{
    bytes_append(b, text, strlen(text)); /* here, so that the length of a literal is known to the compiler */
}
void bytes_append_char(struct bytes *b, char c);
void bytes_append_u64(struct bytes *b, uint64_t value);
void bytes_append_i64(struct bytes *b, int64_t value);
void bytes_printf(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes: ", \ and bytes below 0x20 are escaped, the rest is taken as UTF-8 (RFC 8259,
 * 7). Each byte that is no UTF-8 becomes U+FFFD, so that the output is always valid JSON. */
void bytes_append_json(struct bytes *b, struct span text);
/* NUL-terminates without counting the NUL; returns data. */
const char *bytes_text(struct bytes *b);
struct span bytes_span(const struct bytes *b);
/* Takes `len` bytes off the front. */
void bytes_consume(struct bytes *b, size_t len);

#endif
