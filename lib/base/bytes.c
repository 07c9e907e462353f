/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MIN_CAP 64

struct span span_of(const char *text)
{
    return text ? (struct span){text, strlen(text)} : SPAN_NONE;
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool span_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span text)
{
    while (text.len && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

struct span span_split(struct span *rest, char separator)
{
    struct span head = *rest;
    const char *at = head.len ? memchr(head.data, separator, head.len) : NULL;
    if (!at) {
        rest->data = head.len ? head.data + head.len : head.data;
        rest->len = 0;
        return head;
    }
    head.len = (size_t)(at - head.data);
    rest->data = at + 1;
    rest->len -= head.len + 1;
    return head;
}

int span_to_u64(struct span text, uint64_t max, uint64_t *ret)
{
    bool may_overflow = text.len > 19; /* the digits of UINT64_MAX, less one */
    uint64_t value = 0;
    if (!text.len)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.data[i] - '0';

        if (digit > 9 || (may_overflow && value > (UINT64_MAX - digit) / 10))
            return -1;
        value = value * 10 + digit;
    }
    if (value > max)
        return -1;
    *ret = value;
    return 0;
}

int span_copy(struct span text, char *out, size_t size)
{
    if (text.len >= size || (text.len && memchr(text.data, '\0', text.len)))
        return -1;
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return 0;
}

void bytes_finish(struct bytes *b)
{
    free(b->data);
    *b = BYTES_INIT;
}

void bytes_reset(struct bytes *b)
{
    b->len = 0;
}

static size_t grown_cap(const struct bytes *b, size_t needed)
{
    size_t doubled = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
    if (doubled < BYTES_MIN_CAP)
        doubled = BYTES_MIN_CAP;
    return needed > doubled ? needed : doubled;
}

char *bytes_reserve(struct bytes *b, size_t extra)
{
    if (extra > b->cap - b->len || !b->data) {
        /* SIZE_MAX is what no allocation gets, so an overflow ends like running out. */
        size_t needed = extra > SIZE_MAX - b->len ? SIZE_MAX : b->len + extra;

        b->cap = grown_cap(b, needed);
        b->data = mem_realloc(b->data, b->cap);
    }
    return b->data + b->len;
}

void bytes_append(struct bytes *b, const void *data, size_t len)
{
    if (!len)
        return;
    memcpy(bytes_reserve(b, len), data, len);
    b->len += len;
}

void bytes_append_span(struct bytes *b, struct span text)
{
    bytes_append(b, text.data, text.len);
}

void bytes_append_char(struct bytes *b, char c)
{
    *bytes_reserve(b, 1) = c;
    b->len++;
}

void bytes_append_u64(struct bytes *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    bytes_append(b, digits + at, sizeof(digits) - at);
}

void bytes_append_i64(struct bytes *b, int64_t value)
{
    if (value < 0)
        bytes_append_char(b, '-');
    bytes_append_u64(b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void bytes_printf(struct bytes *b, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len > 0) {
        vsnprintf(bytes_reserve(b, (size_t)len + 1), (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

const char *bytes_text(struct bytes *b)
{
    *bytes_reserve(b, 1) = '\0';
    return b->data;
}

struct span bytes_span(const struct bytes *b)
{
    return (struct span){b->data, b->len};
}

void bytes_consume(struct bytes *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}
