/* SPDX-License-Identifier: MIT */
/* The messages that a client sends: put together from pieces, bounded, recognized, read, and handed to its
 * connection; or the connection is closed (PROTOCOL.md). */
#ifndef PRESENCE_WS_INBOX_H
#define PRESENCE_WS_INBOX_H

#include "fanout/websocket.h"
#include "presence/rate.h"

/* Part of each client (connection_inbox). The connection sets role and encoding; the rest is inbox.c's, and all
 * zero at the start. */
struct inbox {
    struct bytes *part; /* a message that arrives in pieces; NULL: none */
    struct rate rate;
    uint16_t peek_at; /* bytes of it at which its head is examined again */
    uint8_t incoming; /* its type, 30 or 33; 0: its head has not shown it */
    bool skipping;    /* the rest of this message is none of ours: it goes to the upstream, or nowhere */
    uint8_t role, encoding;
};

/* The hooks of the WebSocket library (fanout/websocket.h); the owner is a client. */
void inbox_received(void *owner, struct span piece, bool first, bool final, uint64_t remaining, bool binary);
void inbox_pong(void *owner);
void inbox_leaving(void *owner, struct span payload, unsigned fault);
void inbox_closed(void *owner, enum websocket_end end);

#endif
