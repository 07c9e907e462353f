/* WebSocket connections over libwebsockets, on the process's libuv loop.
 *
 * The gate hands over sockets; from then on a connection is a struct websocket with one owner object. All frames that go out
 * are complete, pre-framed bytes (wire/message.h): several leave in one write, and one buffer serves all viewers, unmodified.
 * Hooks run inside the library's callbacks; websocket_write and websocket_close may be called from anywhere on the loop's
 * thread, also from within hooks. */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include "net/gate.h"

struct websocket_endpoint;
struct websocket;

/* How a connection ended, which decides about its session (contract section 4). */
enum websocket_end {
    WEBSOCKET_PEER,   /* close frame, FIN or RST of the peer */
    WEBSOCKET_CLOSED, /* websocket_close: we closed it with a code */
    WEBSOCKET_DROPPED /* websocket_drop: given up (no pong, stuck, drain) */
};

struct websocket_hooks {
    /* Returns the owner object of the new connection; NULL drops it. The request is valid during the call. */
    void *(*opened)(void *arg, struct websocket *ws, struct gate_request *request);
    /* A piece of a data message as it arrived (at most the rx buffer, 128 bytes by default): `first` and `final` tell its
     * place in the message, `remaining` what is still to come of this frame. */
    void (*received)(void *owner, struct span piece, bool first, bool final, uint64_t remaining, bool binary);
    void (*pong)(void *owner);
    /* The socket takes bytes again after websocket_write had said it was full. */
    void (*writable)(void *owner);
    /* Last call for this owner. */
    void (*closed)(void *owner, enum websocket_end end);
};

struct websocket_endpoint *websocket_endpoint_create(struct loop *loop, const struct websocket_hooks *hooks, void *arg);
/* The gate's `upgrade` hook calls this: takes over the socket. 0, or -1 when the library refused (the socket is closed). */
int websocket_adopt(struct websocket_endpoint *e, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol);
/* Drops what is still open (no `closed` hook is missed). */
void websocket_endpoint_destroy(struct websocket_endpoint *e);
size_t websocket_count(const struct websocket_endpoint *e);

enum websocket_written { WEBSOCKET_SENT, WEBSOCKET_FULL, WEBSOCKET_GONE };
/* Sends whole frames, or a piece of one that the next write continues. SENT: all went into the socket. FULL: it is taken
 * (a copy of the rest waits in the library), but write no more until `writable`. GONE: the connection is closing; nothing
 * was taken. */
enum websocket_written websocket_write(struct websocket *ws, struct span frames);
/* Whether a write would be taken now. */
bool websocket_ready(const struct websocket *ws);
/* Sends a close frame behind what was written, waits 2 s for the peer's, then drops. reason at most 123 bytes. `received` is
 * not called any more. */
void websocket_close(struct websocket *ws, unsigned code, const char *reason);
/* Ends TCP at once, without a close frame. */
void websocket_drop(struct websocket *ws);
/* For log lines. */
const char *websocket_peer(const struct websocket *ws);

#endif
