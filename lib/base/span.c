/* SPDX-License-Identifier: MIT */
#include "base/span.h"

#include <string.h>

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

int span_compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}
