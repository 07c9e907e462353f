/* SPDX-License-Identifier: MIT */
#include "redis/resp.h"

#include <string.h>

#define U64_DIGITS 20

/* Writes `value` so that it ends before `end`; returns where it begins. */
static char *digits_before(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return end;
}

/* `kind`, the number and CRLF at `out`; returns the place behind. */
static char *put_header(char *out, char kind, size_t number)
{
    char digits[U64_DIGITS];
    char *begin = digits_before(digits + sizeof(digits), number);
    size_t len = (size_t)(digits + sizeof(digits) - begin);
    *out++ = kind;
    memcpy(out, begin, len);
    out += len;
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

void resp_begin(struct bytes *out, size_t count)
{
    char *begin = bytes_reserve(out, U64_DIGITS + 3);
    out->len += (size_t)(put_header(begin, '*', count) - begin);
}

void resp_arg(struct bytes *out, struct span arg)
{
    char *begin = bytes_reserve(out, arg.len + U64_DIGITS + 5);
    char *at = put_header(begin, '$', arg.len);
    if (arg.len)
        memcpy(at, arg.data, arg.len);
    at += arg.len;
    *at++ = '\r';
    *at++ = '\n';
    out->len += (size_t)(at - begin);
}

void resp_text(struct bytes *out, const char *arg)
{
    resp_arg(out, span_of(arg));
}

void resp_integer(struct bytes *out, int64_t arg)
{
    char text[U64_DIGITS + 1];
    char *end = text + sizeof(text);
    char *begin = digits_before(end, arg < 0 ? 0 - (uint64_t)arg : (uint64_t)arg);
    if (arg < 0)
        *--begin = '-';
    resp_arg(out, (struct span){begin, (size_t)(end - begin)});
}

static size_t count_texts(va_list args)
{
    size_t count = 0;
    while (va_arg(args, const char *))
        count++;
    return count;
}

void resp_command(struct bytes *out, ...)
{
    va_list args, counted;
    va_start(args, out);
    va_copy(counted, args);
    resp_begin(out, count_texts(counted));
    va_end(counted);
    for (const char *arg; (arg = va_arg(args, const char *));)
        resp_text(out, arg);
    va_end(args);
}
