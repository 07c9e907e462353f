/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <string.h>

/* The length of a character by its first byte, and the range of its second (RFC 3629, 4). */
static size_t utf8_shape(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t utf8_next_wide(struct span text, uint32_t *ret)
{
    unsigned char low, high;
    const unsigned char *at = (const unsigned char *)text.data;
    size_t len = text.len ? utf8_shape(at[0], &low, &high) : 0;
    uint32_t value;
    if (!len || len > text.len)
        return 0;
    if (len > 1 && (at[1] < low || at[1] > high))
        return 0;
    value = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3f);
    }
    *ret = value;
    return len;
}

static bool utf8_all(struct span text, bool plain)
{
    while (text.len) {
        uint32_t c;
        size_t len = utf8_next(text, &c);

        if (!len || (plain && utf8_is_control(c)))
            return false;
        text.data += len;
        text.len -= len;
    }
    return true;
}

bool utf8_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

bool utf8_valid(struct span text)
{
    return utf8_all(text, false);
}

struct span utf8_without_mark(struct span text)
{
    const struct span mark = SPAN("\xef\xbb\xbf");

    if (text.len < mark.len || memcmp(text.data, mark.data, mark.len) != 0)
        return text;
    return (struct span){text.data + mark.len, text.len - mark.len};
}

bool utf8_valid_plain(struct span text)
{
    return utf8_all(text, true);
}
