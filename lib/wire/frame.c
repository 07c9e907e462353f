/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"

#include <string.h>

#define FIN_TEXT   0x81
#define FIN_BINARY 0x82
#define FIN_CLOSE  0x88

/* A control frame's payload is 125 bytes at most, two of them the code (RFC 6455, 5.5). */
#define REASON_MAX 123

#define HEADER_ROOM 4 /* right for payloads of 126 to 65535 bytes: most of ours */

size_t frame_header(uint8_t first_byte, uint64_t payload_len, uint8_t out[10])
{
    size_t width = payload_len < 126 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;
    out[0] = first_byte;
    out[1] = (uint8_t)(width == 0 ? payload_len : width == 2 ? 126 : 127);
    for (size_t i = 0; i < width; i++)
        out[2 + i] = (uint8_t)(payload_len >> (8 * (width - 1 - i)));
    return 2 + width;
}

size_t frame_begin(struct bytes *out)
{
    size_t start = out->len;
    bytes_reserve(out, HEADER_ROOM);
    out->len += HEADER_ROOM;
    return start;
}

void frame_end(enum encoding encoding, size_t start, struct bytes *out)
{
    size_t payload_len = out->len - start - HEADER_ROOM;
    uint8_t header[10];
    size_t header_len = frame_header(encoding == ENCODING_JSON ? FIN_TEXT : FIN_BINARY, payload_len, header);
    if (header_len != HEADER_ROOM) {
        bytes_reserve(out, sizeof(header));
        memmove(out->data + start + header_len, out->data + start + HEADER_ROOM, payload_len);
        out->len = start + header_len + payload_len;
    }
    memcpy(out->data + start, header, header_len);
}

/* Cut in front of a UTF-8 character that would not fit whole: a half one makes the frame invalid. */
static size_t reason_len(const char *reason)
{
    size_t len = strnlen(reason, REASON_MAX + 1);
    if (len <= REASON_MAX)
        return len;
    for (len = REASON_MAX; len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

void frame_write_close(unsigned code, const char *reason, struct bytes *out)
{
    size_t len = reason_len(reason);
    const uint8_t head[4] = {FIN_CLOSE, (uint8_t)(2 + len), (uint8_t)(code >> 8), (uint8_t)code};
    bytes_append(out, head, sizeof(head));
    bytes_append(out, reason, len);
}
