/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"

#include "base/utf8.h"

#include <string.h>

#define REASON_MAX (FRAME_CONTROL_MAX - 2) /* behind the code */

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

bool frame_is_control(uint8_t first)
{
    return first & 0x08;
}

static uint64_t read_big_endian(const uint8_t *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

int frame_head_read(struct span data, struct frame_head *ret)
{
    const uint8_t *at = (const uint8_t *)data.data;
    if (data.len < 2)
        return 0;
    uint8_t opcode = at[0] & 0x0f, marker = at[1] & 0x7f;
    bool control = frame_is_control(at[0]);
    if (at[0] & 0x70 || at[1] & 0x80 || opcode > FRAME_PONG || (opcode > FRAME_BINARY && !control))
        return -1;
    if (control && (marker > FRAME_CONTROL_MAX || !(at[0] & FRAME_FIN)))
        return -1;
    size_t width = marker < 126 ? 0 : marker == 126 ? 2 : 8;
    if (data.len < 2 + width)
        return 0;
    uint64_t payload = width ? read_big_endian(at + 2, width) : marker;
    if ((width == 2 && payload < 126) || (width == 8 && (payload <= UINT16_MAX || payload >> 63)))
        return -1;
    *ret = (struct frame_head){.first = at[0], .length = (uint8_t)(2 + width), .payload = payload};
    return 1;
}

void frame_append_header(uint8_t first_byte, uint64_t payload_len, struct bytes *out)
{
    uint8_t *at = (uint8_t *)bytes_reserve(out, FRAME_HEADER_MAX);
    out->len += frame_header(first_byte, payload_len, at);
}

void frame_append_header_masked(uint8_t first_byte, uint64_t payload_len, const uint8_t mask[FRAME_MASK_SIZE],
                                struct bytes *out)
{
    size_t start = out->len;
    frame_append_header(first_byte, payload_len, out);
    out->data[start + 1] |= (char)0x80;
    bytes_append(out, mask, FRAME_MASK_SIZE);
}

void frame_mask(struct span piece, const uint8_t mask[FRAME_MASK_SIZE], uint64_t at, struct bytes *out)
{
    char *to = bytes_reserve(out, piece.len);
    for (size_t i = 0; i < piece.len; i++)
        to[i] = (char)(piece.data[i] ^ (char)mask[(at + i) & 3]);
    out->len += piece.len;
}

static bool close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

unsigned frame_close_fault(struct span payload)
{
    if (payload.len == 0)
        return 0;
    if (payload.len == 1 || !close_code_valid((unsigned)read_big_endian((const uint8_t *)payload.data, 2)))
        return 1002;
    return utf8_valid((struct span){payload.data + 2, payload.len - 2}) ? 0 : 1007;
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
    size_t header_len = frame_header(
        encoding == ENCODING_JSON ? FRAME_FIN | FRAME_TEXT : FRAME_FIN | FRAME_BINARY, payload_len, header);
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

void frame_append_close(struct span payload, struct bytes *out)
{
    bytes_append_char(out, (char)(FRAME_FIN | FRAME_CLOSE));
    bytes_append_char(out, (char)payload.len);
    bytes_append_span(out, payload);
}

void frame_write_close(unsigned code, const char *reason, struct bytes *out)
{
    bytes_auto payload = BYTES_INIT;
    bytes_append_char(&payload, (char)(code >> 8));
    bytes_append_char(&payload, (char)code);
    bytes_append(&payload, reason, reason_len(reason));
    frame_append_close(bytes_span(&payload), out);
}
