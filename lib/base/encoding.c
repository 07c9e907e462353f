/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <string.h>

static const char digits_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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

size_t utf8_next(struct span text, uint32_t *ret)
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

/* Nearly all text is ASCII. */
static size_t next(struct span text, uint32_t *ret)
{
    if (!text.len || (unsigned char)text.data[0] >= 0x80)
        return utf8_next(text, ret);
    *ret = (unsigned char)text.data[0];
    return 1;
}

static bool utf8_all(struct span text, bool plain)
{
    while (text.len) {
        uint32_t c;
        size_t len = next(text, &c);

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
        size_t len = next((struct span){text.data + run, text.len - run}, &c);

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

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64url_decode(struct span text, struct bytes *out)
{
    size_t start = out->len;
    uint32_t group = 0;
    unsigned bits = 0;
    if (text.len % 4 == 1)
        return -1;
    bytes_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        int value = base64url_value(text.data[i]);

        if (value < 0) {
            out->len = start;
            return -1;
        }
        group = group << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes_append_char(out, (char)(group >> bits));
            group &= (1u << bits) - 1;
        }
    }
    if (group) {
        out->len = start;
        return -1;
    }
    return 0;
}

/* Without blanks and padding, in the alphabet of base64url: 0, or -1 when both alphabets occur, or padding
 * within or of a wrong length. */
static int base64_tidy(struct span text, struct bytes *out)
{
    size_t padding = 0;
    bool url = false, standard = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c != '=' && padding)
            return -1;
        url |= c == '-' || c == '_';
        standard |= c == '+' || c == '/';
        if (c == '=')
            padding++;
        else
            bytes_append_char(out, c == '+' ? '-' : c == '/' ? '_' : c);
    }
    return (url && standard) || (padding && (padding > 2 || (out->len + padding) % 4)) ? -1 : 0;
}

int base64_decode(struct span text, struct bytes *out)
{
    bytes_auto tidy = BYTES_INIT;
    int result = base64_tidy(text, &tidy) < 0 ? -1 : base64url_decode(bytes_span(&tidy), out);

    if (tidy.data)
        explicit_bzero(tidy.data, tidy.len); /* it may be a secret */
    return result;
}

/* 1 to 3 bytes become 2 to 4 digits. */
static size_t base64_group(const char *data, size_t len, const char *digits, char *out)
{
    const unsigned char *in = (const unsigned char *)data;
    uint32_t group = (uint32_t)in[0] << 16;
    if (len > 1)
        group |= (uint32_t)in[1] << 8;
    if (len > 2)
        group |= in[2];
    for (size_t i = 0; i <= len; i++)
        out[i] = digits[group >> (18 - 6 * i) & 63];
    return len + 1;
}

static void append_base64(struct span data, const char *digits, bool pad, struct bytes *out)
{
    while (data.len) {
        size_t take = data.len < 3 ? data.len : 3;
        char group[4] = {'=', '=', '=', '='};
        size_t len = base64_group(data.data, take, digits, group);

        bytes_append(out, group, pad ? sizeof(group) : len);
        data.data += take;
        data.len -= take;
    }
}

void base64url_encode(struct span data, struct bytes *out)
{
    append_base64(data, digits_url, false, out);
}

void base64_encode(struct span data, struct bytes *out)
{
    append_base64(data, digits_std, true, out);
}
