/* SPDX-License-Identifier: MIT */
/* Relays: connections to upstreams, each of which belongs to one client's WebSocket, and the messages between
 * the two (relay_up.h, relay_down.h).
 *
 * A side that takes no bytes stops the reading of the other, so that a connection holds no more than some
 * 64 KiB. Pings are answered here. Hooks are called from the loop, never from within a function of the owner's,
 * but for relay_check. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "net/loop.h"
#include "relay/relay_down.h"

struct relay;
struct relays;

struct relay_hooks {
    /* Whether the client takes a message now. If not, nothing is read until relay_resume. In the middle of a
     * message that is being delivered, whether it takes more of that. */
    bool (*ready)(void *owner);
    /* Whole frames for the client; or, with first_byte, a fragment's payload. Returns whether it takes more. */
    bool (*deliver)(void *owner, struct span frames);
    bool (*deliver_fragment)(void *owner, uint8_t first_byte, struct span payload);
    /* The last fragment of a message was delivered: others may follow it. */
    void (*message_over)(void *owner);
    /* The upstream takes no more bytes: nothing is to be read of the client until it is told again. */
    void (*hold)(void *owner, bool hold);
    /* The upstream has said goodbye: the payload of its close frame. The relay is over, and freed by itself. */
    void (*closed)(void *owner, struct span payload);
    /* The same without a goodbye: it is gone, silent, breaks RFC 6455 or sends too much. */
    void (*lost)(void *owner, const char *why);
};

/* The counters of all relays, which the owner reads. */
struct relay_counts {
    uint64_t messages_down_dropped; /* presence's messages of upstreams */
    uint64_t bytes_up, bytes_down;  /* of frames passed on, with their headers */
    size_t open;
};

struct relay_limits {
    uint64_t message_max;                      /* bytes of a message, in either direction */
    bool filters;                              /* upstreams' messages of types 30 to 35 are left out */
    int64_t ping_interval_ms, pong_timeout_ms; /* of an upstream that was silent so long; 0: never */
};

struct relays *relays_create(struct loop *loop, const struct relay_limits *limits,
                             const struct relay_hooks *hooks);
/* Ends those that are left. NULL is fine. */
void relays_destroy(struct relays *rs);
const struct relay_counts *relays_counts(const struct relays *rs);

/* Takes over the socket of an upstream that has agreed, and what came behind its answer. NULL: the loop takes
 * no descriptor more; the socket is closed. The owner is told of nothing before the next turn. */
struct relay *relay_create(struct relays *rs, int fd, struct span early, void *owner);
/* A piece of the client's message, as relay_up_put. False: the message is over the limit, and is not passed on
 * any further. */
bool relay_send(struct relay *r, bool binary, struct span piece, uint64_t remaining, bool final);
/* The client takes bytes again, after deliver had returned false, or ready had. */
void relay_resume(struct relay *r);
/* Between two fragments of a message of the upstream: no other message may be sent. */
bool relay_in_message(const struct relay *r);
/* When relay_check is to be called at the latest; INT64_MAX: never. */
int64_t relay_check_due(const struct relay *r);
/* Pings an upstream that was silent, and gives up one that does not answer: hook lost. */
void relay_check(struct relay *r, int64_t now_ms);

/* The end, from the client's side: what was sent goes out, then a close frame with this payload (of a close
 * frame that is right); no hook is called any more, and the relay is freed by itself, 2 s later at the latest. */
void relay_close(struct relay *r, struct span payload);
/* The same without a close frame, as the client's own end came without one. */
void relay_end(struct relay *r);

#endif
