/* SPDX-License-Identifier: MIT */
/* Bytes: a borrowed view (span) and a buffer that grows (bytes).
 *
 * A span never owns. A buffer owns its memory until bytes_finish. Growing never fails (see mem.h); who
 * appends what a peer sent bounds it first. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
/* Copies into a NUL-terminated array of `size` bytes: 0, or -1 when it does not fit or holds a NUL (out is
 * untouched). */
int span_copy(struct span text, char *out, size_t size);

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

/* The length of the character at the front and the character itself; 0: none, or not well-formed. */
size_t utf8_next(struct span text, uint32_t *ret);
/* Below 0x20, 0x7f, U+0080-U+009F. */
bool utf8_is_control(uint32_t c);
/* Well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_valid(struct span text);
/* utf8_valid and no control characters: nothing below 0x20, no 0x7f, no U+0080–U+009F. */
bool utf8_valid_plain(struct span text);

/* Behind a byte order mark at the front (U+FEFF, which some writers of JSON and of text files put there). */
struct span utf8_without_mark(struct span text);

/* base64url without padding (RFC 4648, 5). Both append. Decode: 0, or -1 for a wrong
 * character, length or non-zero spare bits; out is as before then. */
int base64url_decode(struct span text, struct bytes *out);
void base64url_encode(struct span data, struct bytes *out);
/* Standard base64 with padding, for Sec-WebSocket-Accept. */
void base64_encode(struct span data, struct bytes *out);
/* Base64 as people and tools write it: either alphabet (not both), with padding or without, blanks and line
 * ends anywhere. Appends: 0, or -1 as base64url_decode. */
int base64_decode(struct span text, struct bytes *out);

#endif
