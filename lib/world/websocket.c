/* net/websocket.h: the server's end of the pipes. */
#include "net/websocket.h"

#include "base/mem.h"
#include "world/pipe_inner.h"

#include <stdlib.h>

#define PIECE_MAX     128    /* as libwebsockets hands them out here */
#define SOCKET_BUFFER 262144 /* bytes a server may write ahead of a reader */

struct websocket {
    struct list link;
    struct websocket_endpoint *endpoint;
    struct pipe *pipe;
    void *owner;
    bool closing, full, over;
    enum websocket_end end;
};

struct websocket_endpoint {
    struct loop *loop;
    const struct websocket_hooks *hooks;
    void *arg;
    struct list sockets;
    size_t count;
};

bool websocket_waits(const struct pipe *p)
{
    return p->ws && p->ws->full;
}

void websocket_drained(void *letter)
{
    struct letter *l = letter;
    struct pipe *p = l->pipe;
    if (p->ws && p->ws->full && !p->ws->closing && p->ahead < SOCKET_BUFFER / 2) {
        p->ws->full = false;
        p->ws->endpoint->hooks->writable(p->ws->owner);
    }
    letter_destroy(l);
}

static void end_soon(void *arg)
{
    struct websocket *ws = arg;
    struct websocket_endpoint *e = ws->endpoint;
    struct pipe *p = ws->pipe;
    list_remove(&ws->link);
    e->count--;
    p->ws = NULL;
    pipe_release(p);
    e->hooks->closed(ws->owner, ws->end);
    free(ws);
}

/* `closed` comes by itself, never from within a call. */
static void end(struct websocket *ws, enum websocket_end how)
{
    if (ws->over)
        return;
    ws->over = ws->closing = true;
    ws->end = how;
    world_after(0, loop_process(ws->endpoint->loop), end_soon, ws);
}

void websocket_message(void *letter)
{
    struct letter *l = letter;
    struct websocket *ws = l->pipe->ws;
    for (size_t at = 0; ws && !ws->closing && (at < l->len || l->len == 0);) {
        size_t len = l->len - at < PIECE_MAX ? l->len - at : PIECE_MAX;
        ws->endpoint->hooks->received(ws->owner, (struct span){l->data + at, len}, at == 0,
                                      at + len == l->len, l->len - at - len, l->binary);
        at += len;
        if (l->len == 0)
            break;
    }
    letter_destroy(l);
}

void websocket_left(void *letter)
{
    struct letter *l = letter;
    if (l->pipe->ws && !l->pipe->ws->closing)
        end(l->pipe->ws, WEBSOCKET_PEER);
    else if (l->pipe->ws)
        end(l->pipe->ws, l->pipe->ws->end);
    l->pipe->left = true;
    letter_destroy(l);
}

void websocket_ponged(void *letter)
{
    struct letter *l = letter;
    if (l->pipe->ws && !l->pipe->ws->closing)
        l->pipe->ws->endpoint->hooks->pong(l->pipe->ws->owner);
    letter_destroy(l);
}

struct websocket_endpoint *websocket_endpoint_create(struct loop *loop, const struct websocket_hooks *hooks,
                                                     void *arg)
{
    struct websocket_endpoint *e = mem_zalloc(sizeof(*e));
    e->loop = loop;
    e->hooks = hooks;
    e->arg = arg;
    list_init(&e->sockets);
    return e;
}

int websocket_adopt(struct websocket_endpoint *e, int fd, struct gate_request *request,
                    struct span synthetic_request, const char *protocol)
{
    struct pipe *p = pipe_by_number(fd);
    if (!p->taken || p->left || !p->server->alive) {
        pipe_untake(p);
        return -1; /* it has gone meanwhile */
    }
    struct websocket *ws = mem_zalloc(sizeof(*ws));
    ws->endpoint = e;
    ws->pipe = p;
    p->ws = ws;
    p->taken = false; /* what held it holds the websocket now */
    list_append(&e->sockets, &ws->link);
    e->count++;
    pipe_down(p, pipe_opened, letter_create(p, SPAN_NONE));
    ws->owner = e->hooks->opened(e->arg, ws, request);
    return 0;
}

void websocket_endpoint_destroy(struct websocket_endpoint *e)
{
    while (!list_empty(&e->sockets)) {
        struct websocket *ws = list_entry(e->sockets.next, struct websocket, link);
        struct pipe *p = ws->pipe;
        pipe_down(p, pipe_closed, letter_create(p, SPAN_NONE));
        ws->end = ws->over ? ws->end : WEBSOCKET_DROPPED;
        end_soon(ws);
    }
    free(e);
}

size_t websocket_count(const struct websocket_endpoint *e)
{
    return e->count;
}

static void write_bytes(struct websocket *ws, struct letter *l)
{
    ws->pipe->ahead += l->len;
    pipe_down(ws->pipe, pipe_frames, l);
    ws->full = ws->pipe->ahead >= SOCKET_BUFFER;
}

enum websocket_written websocket_write(struct websocket *ws, struct span frames)
{
    if (ws->closing)
        return WEBSOCKET_GONE;
    write_bytes(ws, letter_create(ws->pipe, frames));
    return ws->full ? WEBSOCKET_FULL : WEBSOCKET_SENT;
}

enum websocket_written websocket_write_frame(struct websocket *ws, uint8_t first_byte,
                                             const struct span *parts, size_t count)
{
    bytes_auto frame = BYTES_INIT;
    uint64_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    bytes_append_char(&frame, (char)first_byte);
    bytes_append_char(&frame, 127);
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes_append_char(&frame, (char)(len >> shift));
    if (len < 65536) {
        bytes_reset(&frame);
        bytes_append_char(&frame, (char)first_byte);
        bytes_append_char(&frame, (char)(len < 126 ? len : 126));
        if (len >= 126) {
            bytes_append_char(&frame, (char)(len >> 8));
            bytes_append_char(&frame, (char)len);
        }
    }
    for (size_t i = 0; i < count; i++)
        bytes_append_span(&frame, parts[i]);
    return websocket_write(ws, bytes_span(&frame));
}

bool websocket_ready(const struct websocket *ws)
{
    return !ws->closing && !ws->full;
}

enum websocket_written websocket_ping(struct websocket *ws)
{
    if (ws->closing)
        return WEBSOCKET_GONE;
    pipe_down(ws->pipe, pipe_pinged, letter_create(ws->pipe, SPAN_NONE));
    return WEBSOCKET_SENT;
}

static void on_close_answered(void *arg)
{
    struct letter *l = arg;
    if (l->pipe->ws)
        end(l->pipe->ws, WEBSOCKET_CLOSED);
    letter_destroy(l);
}

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
    if (ws->closing)
        return;
    struct letter *l = letter_create(ws->pipe, SPAN_NONE);
    l->code = code;
    ws->closing = true;
    ws->end = WEBSOCKET_CLOSED;
    pipe_down(ws->pipe, pipe_closed, l);
    pipe_up(ws->pipe, on_close_answered, letter_create(ws->pipe, SPAN_NONE));
}

void websocket_drop(struct websocket *ws)
{
    pipe_down(ws->pipe, pipe_closed, letter_create(ws->pipe, SPAN_NONE));
    end(ws, WEBSOCKET_DROPPED);
}

const char *websocket_peer(const struct websocket *ws)
{
    return "127.0.0.1";
}
