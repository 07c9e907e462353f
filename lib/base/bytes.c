/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MIN_CAP 64

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

static void append_json_escape(struct bytes *b, unsigned char c)
{
    static const char letters[] = "btn.fr"; /* of 0x08 to 0x0d; 0x0b has none */
    if (c == '"' || c == '\\')
        bytes_printf(b, "\\%c", c);
    else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
        bytes_printf(b, "\\%c", letters[c - 0x08]);
    else
        bytes_printf(b, "\\u%04x", c);
}

/* The length of what stands at the front and goes out as it is. */
static size_t json_run(struct span text)
{
    size_t run = 0;
    while (run < text.len) {
        uint32_t c;
        size_t len = utf8_next((struct span){text.data + run, text.len - run}, &c);

        if (!len || c < 0x20 || c == '"' || c == '\\')
            break;
        run += len;
    }
    return run;
}

void bytes_append_json(struct bytes *b, struct span text)
{
    bytes_append_char(b, '"');
    while (text.len) {
        size_t run = json_run(text);

        bytes_append(b, text.data, run);
        if (run < text.len) {
            unsigned char c = (unsigned char)text.data[run++];

            if (c < 0x80)
                append_json_escape(b, c);
            else
                bytes_append_text(b, "\xef\xbf\xbd");
        }
        text.data += run;
        text.len -= run;
    }
    bytes_append_char(b, '"');
}
