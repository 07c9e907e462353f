/* net/websocket.h and the way to it, over the world's network. */
#include "net/websocket.h"

#include "base/mem.h"
#include "net/ws_frame.h"
#include "world/pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX     128    /* as libwebsockets hands them out here */
#define SOCKET_BUFFER 262144 /* bytes a server may write ahead of a reader */
#define LISTENERS_MAX HOSTS_MAX

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

struct pipe {
    struct process *client, *server;
    const struct pipe_hooks *hooks; /* NULL: the client has left */
    void *arg;
    struct websocket *ws; /* NULL: not open, or ended at the server's side */
    struct knock knock;
    int number;
    bool dead;    /* the client's side is unplugged */
    bool taken;   /* let in, and not adopted yet */
    bool left;    /* the client's end has arrived */
    size_t ahead; /* bytes on their way to the client */
    int64_t stalled_until_us, up_us, down_us;
    struct list unread; /* what has come while the client reads nothing, in order */
    size_t holders;
};

struct letter {
    struct list link; /* in pipe.unread */
    void (*read)(struct letter *l);
    struct pipe *pipe;
    unsigned code;
    bool binary;
    size_t len;
    char data[];
};

static struct {
    struct process *process;
    const struct server_face *face;
    void *server;
} listeners[LISTENERS_MAX];

static struct pipe **pipes; /* by number, for pipe_adopt; slots are used again */
static size_t pipe_count;

static void release(struct pipe *p)
{
    if (--p->holders > 0)
        return;
    pipes[p->number] = NULL;
    free(p);
}

static struct letter *letter_create(struct pipe *p, struct span text)
{
    struct letter *l = mem_zalloc(sizeof(*l) + text.len);
    l->pipe = p;
    l->len = text.len;
    if (text.len > 0)
        memcpy(l->data, text.data, text.len);
    p->holders++;
    return l;
}

static void letter_destroy(struct letter *l)
{
    release(l->pipe);
    free(l);
}

static void send_up(struct pipe *p, void (*fire)(void *arg), struct letter *l)
{
    network_send(p->client, p->server, &p->up_us, fire, l);
}

static void send_down(struct pipe *p, void (*fire)(void *arg), struct letter *l)
{
    network_send(p->server, p->client, &p->down_us, fire, l);
}

/* The client's side. */

static void client_over(struct pipe *p)
{
    p->hooks = NULL;
    release(p);
}

static void on_refused(void *arg)
{
    struct letter *l = arg;
    struct pipe *p = l->pipe;
    const struct pipe_hooks *hooks = p->hooks;
    if (hooks && !p->dead) {
        client_over(p);
        hooks->refused(p->arg);
    }
    letter_destroy(l);
}

static void on_opened(void *arg)
{
    struct letter *l = arg;
    if (l->pipe->hooks && !l->pipe->dead)
        l->pipe->hooks->opened(l->pipe->arg);
    letter_destroy(l);
}

static void read_unread(void *arg)
{
    struct letter *reminder = arg;
    struct pipe *p = reminder->pipe;
    if (p->hooks && !p->dead && p->stalled_until_us > world.now_us) {
        world_deliver(p->stalled_until_us - world.now_us, NULL, read_unread, reminder);
        return;
    }
    while (!list_empty(&p->unread)) {
        struct letter *l = list_entry(p->unread.next, struct letter, link);
        list_remove(&l->link);
        l->read(l);
        letter_destroy(l);
    }
    letter_destroy(reminder);
}

/* Has the client read it, now or when it reads again. */
static void offer(struct letter *l, void (*read)(struct letter *l))
{
    struct pipe *p = l->pipe;
    bool first = list_empty(&p->unread);
    l->read = read;
    list_append(&p->unread, &l->link);
    if (first)
        read_unread(letter_create(p, SPAN_NONE));
}

static void read_closed(struct letter *l)
{
    struct pipe *p = l->pipe;
    const struct pipe_hooks *hooks = p->hooks;
    if (!hooks || p->dead)
        return;
    client_over(p);
    hooks->closed(p->arg, l->code);
}

static void on_closed(void *arg)
{
    offer(arg, read_closed);
}

static void on_drained(void *arg)
{
    struct letter *l = arg;
    struct pipe *p = l->pipe;
    if (p->ws && p->ws->full && !p->ws->closing && p->ahead < SOCKET_BUFFER / 2) {
        p->ws->full = false;
        p->ws->endpoint->hooks->writable(p->ws->owner);
    }
    letter_destroy(l);
}

static void read_frames(struct letter *l)
{
    struct pipe *p = l->pipe;
    p->ahead -= l->len;
    if (p->hooks && !p->dead)
        p->hooks->received(p->arg, (struct span){l->data, l->len});
    if (p->ws && p->ws->full)
        send_up(p, on_drained, letter_create(p, SPAN_NONE));
}

static void on_frames(void *arg)
{
    offer(arg, read_frames);
}

void pipe_stall(struct pipe *p, int64_t us)
{
    p->stalled_until_us = world.now_us + us;
}

/* The server's side. */

static void end_soon(void *arg)
{
    struct websocket *ws = arg;
    struct websocket_endpoint *e = ws->endpoint;
    struct pipe *p = ws->pipe;
    list_remove(&ws->link);
    e->count--;
    p->ws = NULL;
    release(p);
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

static void on_message(void *arg)
{
    struct letter *l = arg;
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

static void on_leave(void *arg)
{
    struct letter *l = arg;
    if (l->pipe->ws && !l->pipe->ws->closing)
        end(l->pipe->ws, WEBSOCKET_PEER);
    else if (l->pipe->ws)
        end(l->pipe->ws, l->pipe->ws->end);
    l->pipe->left = true;
    letter_destroy(l);
}

static void on_pong(void *arg)
{
    struct letter *l = arg;
    if (l->pipe->ws && !l->pipe->ws->closing)
        l->pipe->ws->endpoint->hooks->pong(l->pipe->ws->owner);
    letter_destroy(l);
}

static void untake(struct pipe *p)
{
    if (!p->taken)
        return;
    p->taken = false;
    release(p);
}

static void on_knock(void *arg)
{
    struct letter *l = arg;
    struct pipe *p = l->pipe;
    bool in = false;
    p->taken = true;
    p->holders++;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (p->server->alive && listeners[i].process == p->server)
            in = listeners[i].face->knock(listeners[i].server, p->number, &p->knock) == 0;
    if (!in) {
        untake(p);
        send_down(p, on_refused, letter_create(p, SPAN_NONE));
    }
    letter_destroy(l);
}

void pipe_listen(struct process *process, const struct server_face *face, void *server)
{
    size_t i = 0;
    while (listeners[i].process)
        i++;
    listeners[i].process = process;
    listeners[i].face = face;
    listeners[i].server = server;
}

void pipe_unlisten(struct process *process)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (listeners[i].process == process)
            listeners[i].process = NULL;
}

void pipe_abandon(struct process *process)
{
    for (size_t i = 0; i < pipe_count; i++)
        if (pipes[i] && pipes[i]->server == process && pipes[i]->taken) {
            send_down(pipes[i], on_closed, letter_create(pipes[i], SPAN_NONE));
            untake(pipes[i]);
        }
}

void pipe_end(void)
{
    free(pipes);
    pipes = NULL;
    pipe_count = 0;
    memset(listeners, 0, sizeof(listeners));
}

static int take_number(struct pipe *p)
{
    size_t i = 0;
    while (i < pipe_count && pipes[i])
        i++;
    if (i == pipe_count)
        pipes = mem_realloc(pipes, ++pipe_count * sizeof(struct pipe *));
    pipes[i] = p;
    return (int)i;
}

struct pipe *pipe_connect(struct process *client, struct process *server, const struct knock *knock,
                          const struct pipe_hooks *hooks, void *arg)
{
    struct pipe *p = mem_zalloc(sizeof(*p));
    p->client = client;
    p->server = server;
    p->hooks = hooks;
    p->arg = arg;
    p->knock = *knock;
    list_init(&p->unread);
    p->holders = 1;
    p->number = take_number(p);
    if (server->alive)
        send_up(p, on_knock, letter_create(p, SPAN_NONE));
    else
        send_down(p, on_refused, letter_create(p, SPAN_NONE));
    return p;
}

void pipe_send(struct pipe *p, bool binary, struct span message)
{
    struct letter *l = letter_create(p, message);
    l->binary = binary;
    send_up(p, on_message, l);
}

void pipe_leave(struct pipe *p, enum leaving how)
{
    p->dead = true;
    if (how != LEAVE_DEAD)
        send_up(p, on_leave, letter_create(p, SPAN_NONE));
    client_over(p);
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
    struct pipe *p = pipes[fd];
    if (!p->taken || p->left || !p->server->alive) {
        untake(p);
        return -1; /* it has gone meanwhile */
    }
    struct websocket *ws = mem_zalloc(sizeof(*ws));
    ws->endpoint = e;
    ws->pipe = p;
    p->ws = ws;
    p->taken = false; /* what held it holds the websocket now */
    list_append(&e->sockets, &ws->link);
    e->count++;
    send_down(p, on_opened, letter_create(p, SPAN_NONE));
    ws->owner = e->hooks->opened(e->arg, ws, request);
    return 0;
}

void websocket_endpoint_destroy(struct websocket_endpoint *e)
{
    while (!list_empty(&e->sockets)) {
        struct websocket *ws = list_entry(e->sockets.next, struct websocket, link);
        struct pipe *p = ws->pipe;
        send_down(p, on_closed, letter_create(p, SPAN_NONE));
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
    send_down(ws->pipe, on_frames, l);
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

static void on_ping(void *arg)
{
    struct letter *l = arg;
    struct pipe *p = l->pipe;
    if (p->hooks && !p->dead && p->stalled_until_us <= world.now_us)
        send_up(p, on_pong, letter_create(p, SPAN_NONE));
    letter_destroy(l);
}

enum websocket_written websocket_ping(struct websocket *ws)
{
    if (ws->closing)
        return WEBSOCKET_GONE;
    send_down(ws->pipe, on_ping, letter_create(ws->pipe, SPAN_NONE));
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
    send_down(ws->pipe, on_closed, l);
    send_up(ws->pipe, on_close_answered, letter_create(ws->pipe, SPAN_NONE));
}

void websocket_drop(struct websocket *ws)
{
    send_down(ws->pipe, on_closed, letter_create(ws->pipe, SPAN_NONE));
    end(ws, WEBSOCKET_DROPPED);
}

const char *websocket_peer(const struct websocket *ws)
{
    return "127.0.0.1";
}
