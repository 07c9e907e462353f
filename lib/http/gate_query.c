/* SPDX-License-Identifier: MIT */
#include "http/gate_query.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int gate_percent_decode(struct span text, bool form, struct bytes *scratch, struct span *ret)
{
    size_t start = scratch->len;
    char *out = bytes_reserve(scratch, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        *out++ = c;
    }
    scratch->len = (size_t)(out - scratch->data);
    *ret = (struct span){scratch->data + start, scratch->len - start};
    return 0;
}

int gate_query_get(struct span query, const char *name, struct bytes *scratch, struct span *ret)
{
    struct span wanted = span_of(name);
    while (query.len > 0) {
        struct span value = span_split(&query, '&');
        struct span key = span_split(&value, '=');
        if (span_equal(key, wanted))
            return gate_percent_decode(value, true, scratch, ret);
    }
    return 1;
}

bool gate_bearer(struct span header, struct span *ret)
{
    struct span rest = span_trim(header);
    if (!span_equal_nocase(span_split(&rest, ' '), SPAN("Bearer")))
        return false;
    *ret = span_trim(rest);
    return true;
}
