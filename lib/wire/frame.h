/* SPDX-License-Identifier: MIT */
/* Frames of RFC 6455, 5.2. Pure. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "wire/message.h"

enum frame_opcode {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10,
};

#define FRAME_FIN         0x80 /* in the first byte, beside the opcode */
#define FRAME_CONTROL_MAX 125  /* bytes of a control frame's payload (5.5) */
#define FRAME_HEADER_MAX  10   /* of a frame without a mask */
#define FRAME_MASK_SIZE   4

/* The header of a frame that a server sends. */
struct frame_head {
    uint8_t first; /* FIN and opcode */
    uint8_t length;
    uint64_t payload; /* bytes, below 2^63 */
};

/* 1: *ret is filled; 0: more bytes are needed; -1: no frame of a server without extensions: reserved bits or
 * opcodes, a mask, a length that is not minimal, a control frame in fragments or over 125 bytes. */
int frame_head_read(struct span data, struct frame_head *ret);
bool frame_is_control(uint8_t first);
/* Appends the header of a server's frame; of a client's frame, with its mask. */
void frame_append_header(uint8_t first_byte, uint64_t payload_len, struct bytes *out);
void frame_append_header_masked(uint8_t first_byte, uint64_t payload_len, const uint8_t mask[FRAME_MASK_SIZE],
                                struct bytes *out);
/* Appends a piece of a payload that begins `at` bytes behind its first, masked (5.3). */
void frame_mask(struct span piece, const uint8_t mask[FRAME_MASK_SIZE], uint64_t at, struct bytes *out);
/* Whether this may be the payload of a close frame (5.5.1, 7.4): 0, or the code to close with, 1002 or 1007. */
unsigned frame_close_fault(struct span payload);

/* For the writers of this layer; what others may use of a server's frames stands in message.h. */

/* Opens a frame at the end of `out`: returns where it starts, for frame_end once the payload stands behind
 * it. */
size_t frame_begin(struct bytes *out);
void frame_end(enum encoding encoding, size_t start, struct bytes *out);

#endif
