/* SPDX-License-Identifier: MIT */
/* What an upstream sends, on its way to a client: cut into frames, without the messages that are presence's own
 * (types 30 to 35), which come from presence-ws alone.
 *
 * Frames that have come whole are passed on where they lie. A frame that is longer than RELAY_DOWN_HOLD is not
 * waited for: what has come of it goes on as a fragment (RFC 6455, 5.4). So a message is the same on both
 * sides, and is never collected. Pure; nothing is allocated. */
#ifndef RELAY_RELAY_DOWN_H
#define RELAY_RELAY_DOWN_H

#include "wire/frame.h"

#define RELAY_DOWN_HOLD 4096 /* bytes of a frame, with its header, that are waited for */

/* Zeroed but for the first two. */
struct relay_down {
    uint64_t message_max; /* bytes of a message */
    bool filters;         /* false: presence's messages pass, too */
    bool in_message;      /* the next frame of data continues the message */
    bool dropping;        /* the message is presence's */
    bool final;           /* of the frame under way */
    uint8_t opcode;       /* of its next fragment */
    uint64_t left;        /* bytes of the frame under way that have not come; 0: there is none */
    uint64_t size;        /* of the message so far */
};

enum relay_down_result {
    RELAY_DOWN_MORE,     /* nothing whole is left; the caller keeps *input, and adds what comes to it */
    RELAY_DOWN_FRAMES,   /* whole frames of data, as they came */
    RELAY_DOWN_FRAGMENT, /* to be framed anew: first byte and payload */
    RELAY_DOWN_CONTROL,  /* a ping, a pong or a close: first byte and payload */
    RELAY_DOWN_DROPPED,  /* a message of presence's began, which is left out */
    RELAY_DOWN_BROKEN,   /* the upstream breaks RFC 6455 */
    RELAY_DOWN_TOO_BIG,  /* a message is over message_max */
};

struct relay_piece {
    uint8_t first;
    struct span bytes;
};

/* Takes the next piece off *input; *ret borrows from it. Behind MORE at most RELAY_DOWN_HOLD bytes are left in
 * it. Nothing may be asked behind BROKEN and TOO_BIG. */
enum relay_down_result relay_down_next(struct relay_down *d, struct span *input, struct relay_piece *ret);
/* Whether the last fragment that was passed on was not the last one of its message: other messages must wait.
 */
bool relay_down_in_message(const struct relay_down *d);

#endif
