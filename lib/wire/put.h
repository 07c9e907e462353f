/* MessagePack written in fixed forms straight into reserved memory: for what is written once per change and
 * user, where a call per item is most of the cost. Each returns the place behind what it wrote; the caller
 * has reserved the room. */
#ifndef WIRE_PUT_H
#define WIRE_PUT_H

#include "base/bytes.h"

#include <endian.h>
#include <string.h>

#define PUT_HEAD_MAX    5 /* bytes before a string's or array's content */
#define PUT_U64_SIZE    9
#define PUT_DECIMAL_MAX 20

#define PUT_TEXT(at, literal) put_raw((at), (literal), sizeof(literal) - 1)

static inline char *put_raw(char *at, const void *data, size_t len)
{
    memcpy(at, data, len);
    return at + len;
}

/* uint64 (0xcf) whatever the value, as times are sent (contract section 3); negative ones become 0. */
static inline char *put_u64(char *at, uint64_t value)
{
    uint64_t bits = htobe64(value);

    *at = (char)0xcf;
    return put_raw(at + 1, &bits, sizeof(bits));
}

static inline char *put_ms(char *at, int64_t ms)
{
    return put_u64(at, ms < 0 ? 0 : (uint64_t)ms);
}

static inline char *put_width32(char *at, uint8_t tag, uint32_t value)
{
    uint32_t bits = htobe32(value);

    *at = (char)tag;
    return put_raw(at + 1, &bits, sizeof(bits));
}

static inline char *put_width16(char *at, uint8_t tag, uint16_t value)
{
    uint16_t bits = htobe16(value);

    *at = (char)tag;
    return put_raw(at + 1, &bits, sizeof(bits));
}

static inline char *put_str(char *at, struct span text)
{
    if (text.len < 32) {
        *at++ = (char)(0xa0 | text.len);
    } else if (text.len <= UINT8_MAX) {
        *at++ = (char)0xd9;
        *at++ = (char)text.len;
    } else if (text.len <= UINT16_MAX) {
        at = put_width16(at, 0xda, (uint16_t)text.len);
    } else {
        at = put_width32(at, 0xdb, (uint32_t)text.len);
    }
    return text.len ? put_raw(at, text.data, text.len) : at;
}

/* nil for an empty one. */
static inline char *put_str_or_nil(char *at, struct span text)
{
    if (text.len)
        return put_str(at, text);
    *at = (char)0xc0;
    return at + 1;
}

/* A number as decimal text, as message ids are sent. */
static inline char *put_decimal(char *at, uint64_t number)
{
    char digits[PUT_DECIMAL_MAX];
    size_t first = sizeof(digits);

    do
        digits[--first] = (char)('0' + number % 10);
    while (number /= 10);
    return put_str(at, (struct span){digits + first, sizeof(digits) - first});
}

static inline char *put_array(char *at, size_t count)
{
    if (count < 16) {
        *at = (char)(0x90 | count);
        return at + 1;
    }
    return count <= UINT16_MAX ? put_width16(at, 0xdc, (uint16_t)count)
                               : put_width32(at, 0xdd, (uint32_t)count);
}

#endif
