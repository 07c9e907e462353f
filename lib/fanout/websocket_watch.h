/* SPDX-License-Identifier: MIT */
/* The ends of WebSocket connections that libwebsockets does not see to: peers that are gone while output waits,
 * that never answer our close frame, and those that are to be dropped at once. For websocket.c, which talks
 * to the library; here is which connections are watched, and how they are killed. */
#ifndef FANOUT_WEBSOCKET_WATCH_H
#define FANOUT_WEBSOCKET_WATCH_H

#include "base/list.h"
#include "fanout/websocket.h"

#include <arpa/inet.h>
#include <libwebsockets.h>

enum websocket_flag {
    FLAG_OPEN = 1 << 0,   /* counted, `closed` is owed */
    FLAG_FULL = 1 << 1,   /* `writable` is owed */
    FLAG_ENDING = 1 << 2, /* `end` is decided: nothing goes out any more, nothing that comes in counts */
    FLAG_UNIX = 1 << 3,
    FLAG_IPV4 = 1 << 4,
    FLAG_HELD = 1 << 5, /* nothing is read */
};

/* The library's per-session data: lives as long as its wsi. Every byte counts ten thousandfold. */
struct websocket {
    struct lws *wsi;
    void *owner;
    struct websocket_watch *watch; /* NULL while there is no need */
    uint8_t flags;
    uint8_t end; /* enum websocket_end */
    uint8_t peer[16];
};

/* A connection that is full, or on its way out. In one list of the endpoint at a time, or in none. */
struct websocket_watch {
    struct list link;
    struct websocket *ws;
    int64_t due_ms; /* in `closing` */
    uint8_t waits;  /* times it was given longer */
    uint64_t acked; /* bytes that had arrived at the peer by then */
    int unread;     /* bytes in the socket, when it was last examined */
    uint8_t stalls; /* times in a row that they were not less */
    size_t ignored; /* bytes that came behind our close frame */
};

/* The library looks through its whole table of descriptors, which is as large as the process's limit, at each connect
 * and each close. So there are several, each with a table of twice the size: [0] has descriptors below
 * WEBSOCKET_FIRST_FILES, [1] those below twice that, and so on; each is started with its first connection. */
#define WEBSOCKET_FIRST_FILES 2048
#define WEBSOCKET_LIBRARIES   10

struct websocket_endpoint {
    struct loop *loop;
    struct websocket_hooks hooks;
    void *arg;
    struct websocket_library {
        struct lws_context *context;
        struct lws_vhost *vhost; /* NULL: not started yet */
    } libraries[WEBSOCKET_LIBRARIES];
    struct loop_timer *timer;
    struct uv_check_s *turns; /* of the loop, which are counted */
    uint32_t turn;
    struct loop_task *killer;
    struct list full;    /* the library holds a rest of what was written */
    struct list closing; /* waiting for the peer's close frame, in order of their deadlines */
    struct list killed;  /* to be killed before the loop waits again, outside of their callbacks */
    size_t count;
    bool destroying;
    /* What the connection being born in websocket_adopt needs: its callbacks run within that call. */
    struct {
        struct gate_request *request;
        const char *protocol;
        bool opened;
    } pending;
    char peer_text[INET6_ADDRSTRLEN];
};

struct websocket_endpoint *websocket_endpoint_of(struct lws *wsi);

/* Decides how it ends; what came first counts. */
void websocket_settle(struct websocket *ws, enum websocket_end end);
enum websocket_end websocket_end_by_error(int error);
/* What the socket says when neither side has said a word: a FIN, a reset, a timeout of TCP are settled.
 * WEBSOCKET_CLOSED, not settled, when the peer is still there: then the library did not like what it sent. */
enum websocket_end websocket_end_by_socket(struct websocket *ws);

/* While it is full: a FIN, or input behind a broken rule, would make the library spin until it has flushed.
 */
void websocket_watch_full(struct websocket *ws);
/* Kills it when the peer does not close in time. */
void websocket_watch_closing(struct websocket *ws);
void websocket_kill_soon(struct websocket *ws);
void websocket_unwatch(struct websocket *ws);
/* Whether connections whose output waits are over. */
void websocket_watch_check(struct websocket_endpoint *e);
/* The timer and the task that do it. */
void websocket_watch_start(struct websocket_endpoint *e);
void websocket_watch_stop(struct websocket_endpoint *e);

#endif
