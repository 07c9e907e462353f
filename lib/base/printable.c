/* SPDX-License-Identifier: MIT */
#include "base/printable.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <wchar.h>

/* Direction marks, separators, invisible characters (UAX 9; U+2028, U+2029; U+200B-U+200F). */
static bool is_deceptive(uint32_t c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) ||
           c == 0x061c || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

void printable_append(struct bytes *out, struct span text)
{
    while (text.len) {
        uint32_t c = (unsigned char)text.data[0];
        size_t len = utf8_next(text, &c);

        if (!len || utf8_is_control(c))
            bytes_printf(out, "\\x%02x", (unsigned)c);
        else if (is_deceptive(c))
            bytes_printf(out, "\\u{%x}", (unsigned)c);
        else
            bytes_append(out, text.data, len);
        len += !len;
        text.data += len;
        text.len -= len;
    }
}

size_t printable_width(struct span text)
{
    size_t width = 0;
    while (text.len) {
        uint32_t c = 0;
        size_t len = utf8_next(text, &c);
        int columns = len ? wcwidth((wchar_t)c) : 1;

        width += columns < 0 ? 1 : (size_t)columns;
        len += !len;
        text.data += len;
        text.len -= len;
    }
    return width;
}

struct unit {
    int64_t ms;
    const char *name;
};

void printable_duration(struct bytes *out, int64_t ms)
{
    static const struct unit units[] = {
        {86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    int64_t left = ms == INT64_MIN ? INT64_MAX : llabs(ms);
    size_t i = 0;

    while (i < 4 && left < units[i].ms)
        i++;
    bytes_printf(out, "%lld %s", (long long)(left / units[i].ms), units[i].name);
    left %= units[i].ms;
    if (i < 3 && left >= units[i + 1].ms)
        bytes_printf(out, " %lld %s", (long long)(left / units[i + 1].ms), units[i + 1].name);
}
