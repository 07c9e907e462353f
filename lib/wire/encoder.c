/* SPDX-License-Identifier: MIT */
#include "wire/encoder.h"

struct encoder_place encoder_grow(struct bytes *out, const char *at, size_t room)
{
    out->len = (size_t)(at - out->data);
    char *place = bytes_reserve(out, room);
    return (struct encoder_place){place, out->data + out->cap};
}

struct encoder_place encoder_json_text(struct bytes *out, const char *at, struct span text)
{
    out->len = (size_t)(at - out->data);
    bytes_append_json(out, text);
    return encoder_grow(out, out->data + out->len, ENCODER_ROOM);
}

/* By pairs: dividing is most of the cost of a number. */
size_t encoder_digits(uint64_t number, char out[ENCODER_DIGITS_MAX])
{
    char digits[ENCODER_DIGITS_MAX];
    size_t first = sizeof(digits), len;
    for (; number >= 10; number /= 100) {
        unsigned pair = number % 100;
        digits[--first] = (char)('0' + pair % 10);
        digits[--first] = (char)('0' + pair / 10);
    }
    if (number > 0 || first == sizeof(digits))
        digits[--first] = (char)('0' + number);
    len = sizeof(digits) - first;
    memcpy(out, digits + first, len);
    return len;
}
