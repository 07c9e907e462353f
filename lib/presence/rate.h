/* SPDX-License-Identifier: MIT */
/* How much a client may send (PROTOCOL.md): messages of types 30 and 33, and frames that carry no
 * data, each by a bucket; all other bytes at any rate up to a byte rate. Pure; 16 bytes a connection. */
#ifndef PRESENCE_RATE_H
#define PRESENCE_RATE_H

#include "presence/bucket.h"

#include <stddef.h>

#define RATE_MESSAGES     10 /* a second, */
#define RATE_BURST        50 /* and so many at once */
#define RATE_FRAMES       20
#define RATE_FRAMES_BURST 200
#define RATE_PIECE        64 /* bytes that a smaller piece counts as: its cost is that of handling it */

struct rate {
    uint32_t second; /* of the monotonic clock, that `bytes` is of */
    uint32_t bytes;  /* of the last seconds, decaying by half each second */
    struct bucket messages, frames;
};

/* A message of type 30 or 33. Returns false when the client has gone too far. */
bool rate_message(struct rate *r, int64_t now_ms);
/* A frame without data: a pong, an empty fragment. Likewise. */
bool rate_frame(struct rate *r, int64_t now_ms);
/* A piece of another message; limit in bytes a second, 0: none. A burst of twice the limit is let through. */
bool rate_bytes(struct rate *r, size_t bytes, int64_t limit, int64_t now_ms);

#endif
