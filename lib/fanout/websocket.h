/* SPDX-License-Identifier: MIT */
/* WebSocket connections over libwebsockets, on the process's libuv loop.
 *
 * The gate hands over sockets; from then on a connection is a struct websocket with one owner object. All
 * frames that go out are complete, pre-framed bytes (wire/message.h): several leave in one write, and one
 * buffer serves all viewers, unmodified. Hooks run inside the library's callbacks; websocket_write, _ping,
 * _close and _drop may be called from anywhere on the loop's thread, also from within hooks, and never call a
 * hook themselves: `closed` comes later, by itself.
 *
 * The library answers pings and close frames. It accepts unmasked frames of clients (RFC 6455, 5.1 wants them
 * refused) and answers the first of several pings in a row; both can't be settled from outside. */
#ifndef FANOUT_WEBSOCKET_H
#define FANOUT_WEBSOCKET_H

#include "http/gate.h"

struct websocket_endpoint;
struct websocket;

/* How a connection ended, which decides about its session (KEYS.md). What came first counts. */
enum websocket_end {
    WEBSOCKET_PEER,   /* close frame of the peer */
    WEBSOCKET_CUT,    /* FIN or RST of the peer, or of a proxy before it, without a close frame */
    WEBSOCKET_CLOSED, /* closed by us with a code: websocket_close, or a broken rule of RFC 6455 */
    WEBSOCKET_DROPPED /* websocket_drop, endpoint_destroy, or the network gave it up */
};

struct websocket_hooks {
    /* Returns the owner object of the new connection; NULL drops it. The request is valid during the call. */
    void *(*opened)(void *arg, struct websocket *ws, struct gate_request *request);
    /* A piece of a data message as it arrived (at most 128 bytes): `first` and `final` tell its place in the
     * message, `remaining` what is still to come of this frame. An empty message is one empty piece, first
     * and final. */
    void (*received)(void *owner, struct span piece, bool first, bool final, uint64_t remaining, bool binary);
    void (*pong)(void *owner);
    /* The peer has sent a close frame: its payload, or, with what is wrong with it as `fault` (1002, 1007), none.
     * `closed` follows. NULL: nobody asks. */
    void (*leaving)(void *owner, struct span payload, unsigned fault);
    /* The socket takes bytes again after websocket_write had said it was full. */
    void (*writable)(void *owner);
    /* Last call for this owner; the websocket is gone when it returns. */
    void (*closed)(void *owner, enum websocket_end end);
};

/* Raises the process's limit of open files to the hard limit (1,000,000 at most), since the library sizes its
 * tables by it. NULL when the library can't start; it has said why in the log. */
struct websocket_endpoint *websocket_endpoint_create(struct loop *loop, const struct websocket_hooks *hooks,
                                                     void *arg);
/* The gate's `upgrade` hook calls this: takes over the socket. 0 when `opened` was called and returned an
 * owner (`closed` may even have followed), else -1, and the socket is closed: so also for a peer that has
 * gone. */
int websocket_adopt(struct websocket_endpoint *e, int fd, struct gate_request *request,
                    struct span synthetic_request, const char *protocol);
/* Drops what is still open (no `closed` hook is missed). After loop_run has returned. NULL is fine. */
void websocket_endpoint_destroy(struct websocket_endpoint *e);
size_t websocket_count(const struct websocket_endpoint *e);

enum websocket_written { WEBSOCKET_SENT, WEBSOCKET_FULL, WEBSOCKET_GONE };
/* Sends whole frames, never a part of one: the library may put a pong between any two writes. SENT: all went
 * into the socket. FULL: it is taken (a copy of the rest waits in the library), but write no more until
 * `writable`. GONE: the connection is closing; nothing was taken. */
enum websocket_written websocket_write(struct websocket *ws, struct span frames);
/* Sends one frame whose payload stands in several places, without copying it together: a fragment of a large
 * message (RFC 6455, 5.4), between which others may come. first_byte: FIN and opcode, as 0x02, 0x00, 0x80 for
 * the first, a middle and the last fragment of a binary message. */
enum websocket_written websocket_write_frame(struct websocket *ws, uint8_t first_byte,
                                             const struct span *parts, size_t count);
/* Whether a write would go out now. */
bool websocket_ready(const struct websocket *ws);
/* Sends a ping whose answer arrives as `pong` (the library swallows the answer to an empty one). */
enum websocket_written websocket_ping(struct websocket *ws);
/* Sends a close frame behind what was written, waits 2 s for the peer's (up to 10 s while the peer still has
 * bytes to read before it), then drops. reason at most 123 bytes. `received`, `pong` and `writable` are not
 * called any more. */
void websocket_close(struct websocket *ws, unsigned code, const char *reason);
/* The same with a payload that stands already: code and reason, or nothing. */
void websocket_close_with(struct websocket *ws, struct span payload);
/* Whether what the peer sends is left in its socket, so that the peer must wait: some KiB of it may still be
 * told. Not from within `received`. */
void websocket_hold(struct websocket *ws, bool hold);
/* Ends TCP at once, without a close frame. */
void websocket_drop(struct websocket *ws);
/* For log lines: "127.0.0.1", "::1", "unix". Valid until the next call. */
const char *websocket_peer(const struct websocket *ws);

#endif
