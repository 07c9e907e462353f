/* SPDX-License-Identifier: MIT */
/* What a client sends, on its way to an upstream: framed and masked anew (RFC 6455, 5.3), in a queue of bytes.
 *
 * A frame of the client goes on as one frame, or, when it is longer than RELAY_UP_FRAGMENT, as several
 * fragments of that size (5.4): so a message is the same on both sides, and is never collected. Pure. */
#ifndef RELAY_RELAY_UP_H
#define RELAY_RELAY_UP_H

#include "base/rng.h"
#include "wire/frame.h"

#define RELAY_UP_FRAGMENT 16384 /* bytes of a payload */

/* Zeroed; relay_up_finish frees what is queued. */
struct relay_up {
    struct bytes out;
    size_t whole;           /* bytes of it that may be sent: what follows them is a fragment that grows */
    uint32_t fragment_size; /* of that one; 0: there is none */
    uint32_t fragment_left; /* bytes of it that have not come */
    uint8_t mask[FRAME_MASK_SIZE];
    bool in_message; /* the next fragment continues the message */
};

void relay_up_finish(struct relay_up *u);
/* A piece of a message of the client. remaining: bytes of its frame behind the piece; final: the piece ends the
 * message. An empty piece that ends nothing is no frame. masks: of which each fragment takes one. */
void relay_up_put(struct relay_up *u, bool binary, struct span piece, uint64_t remaining, bool final,
                  struct rng *masks);
/* A control frame, behind what is whole; payload: at most FRAME_CONTROL_MAX bytes. */
void relay_up_control(struct relay_up *u, uint8_t opcode, struct span payload, struct rng *masks);
/* A fragment that still grows is left out: nothing but control frames may follow. */
void relay_up_cut(struct relay_up *u);
/* The first `len` bytes of `whole` were sent. */
void relay_up_sent(struct relay_up *u, size_t len);

#endif
