/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include <string.h>

static const char digits_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
