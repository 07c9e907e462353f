/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

size_t utf8_next_wide(struct span text, uint32_t *ret);
/* The length of the character at the front and the character itself; 0: none, or not well-formed. */
static inline size_t utf8_next(struct span text, uint32_t *ret)
{
    if (!text.len || (unsigned char)text.data[0] >= 0x80)
        return utf8_next_wide(text, ret);
    *ret = (unsigned char)text.data[0]; /* nearly all text is ASCII */
    return 1;
}
/* Below 0x20, 0x7f, U+0080-U+009F. */
bool utf8_is_control(uint32_t c);
/* Well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_valid(struct span text);
/* utf8_valid and no control characters: nothing below 0x20, no 0x7f, no U+0080–U+009F. */
bool utf8_valid_plain(struct span text);

/* Behind a byte order mark at the front (U+FEFF, which some writers of JSON and of text files put there). */
struct span utf8_without_mark(struct span text);

#endif
