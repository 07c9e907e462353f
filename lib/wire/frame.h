/* SPDX-License-Identifier: MIT */
/* Frames of RFC 6455, 5.2, as a server sends them: unmasked and whole. For the writers of this layer; what
 * others may use stands in message.h. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "wire/message.h"

/* Opens a frame at the end of `out`: returns where it starts, for frame_end once the payload stands behind
 * it. */
size_t frame_begin(struct bytes *out);
void frame_end(enum encoding encoding, size_t start, struct bytes *out);

#endif
