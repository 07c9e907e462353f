/* SPDX-License-Identifier: MIT */
/* Frames of RFC 6455, 5, from a client's side: masking what is sent, reading what a server sends. Pure: no
 * I/O.
 *
 * The reader copies only what a piece cuts in two; a frame that arrives whole is handed out where it lies. */
#ifndef SIM_WS_FRAME_H
#define SIM_WS_FRAME_H

#include "wire/frame.h"

/* Appends one final frame, masked with `mask`. */
void ws_frame_write(enum frame_opcode opcode, struct span payload, const uint8_t mask[4], struct bytes *out);
/* A close frame's payload: the code and at most 123 bytes of reason. */
void ws_close_payload(unsigned code, const char *reason, struct bytes *out);

/* Zeroed but for message_max; ws_reader_finish frees what it gathered. */
struct ws_reader {
    size_t message_max;       /* bytes of one message, all fragments together */
    enum frame_opcode opcode; /* of the fragmented message under way; FRAME_CONTINUATION: none */
    struct bytes message;     /* its fragments so far */
    struct bytes cut;         /* the first part of a frame whose rest has not come */
    bool cut_used;            /* `cut` was handed out and may be emptied */
    bool message_used;        /* likewise `message` */
};

struct ws_event {
    enum frame_opcode
        opcode;          /* FRAME_TEXT, FRAME_BINARY: a whole message; FRAME_CLOSE, FRAME_PING, FRAME_PONG */
    struct span payload; /* valid until the next call; of a close frame only the reason */
    unsigned close_code; /* 1005 when the close frame had none */
};

/* Takes bytes off *input until one event is complete: 1. 0: all taken, more are needed. Otherwise the close
 * code the server has earned: -1002 (a rule of the RFC broken: a mask, rsv bits, a bad opcode or length, a
 * wrong continuation), -1007 (text that is no UTF-8), -1009 (over message_max). */
int ws_reader_next(struct ws_reader *r, struct span *input, struct ws_event *ret);
void ws_reader_finish(struct ws_reader *r);

#endif
