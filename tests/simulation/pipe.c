/* SPDX-License-Identifier: MIT */
/* Both ends of the pipes, who listens, what the gate takes back, and fanout/websocket.h: the server's end. */
#include "pipe.h"

#include "base/mem.h"
#include "daemons.h"
#include "fanout/websocket.h"
#include "http/gate.h"
#include "invariants.h"

#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX HOSTS_MAX
#define PIECE_MAX     128    /* as libwebsockets hands them out here */
#define SOCKET_BUFFER 262144 /* bytes a server may write ahead of a reader */

struct pipe {
    struct sim_process *client, *server;
    const struct pipe_hooks *hooks; /* NULL: the client has left */
    void *arg;
    struct websocket *ws; /* NULL: not open, or ended at the server's side */
    struct connect_request request;
    int number;
    bool dead;    /* the client's side is unplugged */
    bool taken;   /* let in, and not adopted yet */
    bool left;    /* the client's end has arrived */
    size_t ahead; /* bytes on their way to the client */
    int64_t stalled_until_us, up_us, down_us;
    struct list unread; /* what has come while the client reads nothing, in order */
    size_t holders;
};

/* Something under way; holds its pipe. */
struct in_flight {
    struct list link; /* in pipe.unread */
    void (*read)(struct in_flight *l);
    struct pipe *pipe;
    unsigned code;
    bool binary;
    size_t len;
    char data[];
};

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

static struct {
    struct sim_process *process;
    const struct pipe_listener_hooks *hooks;
    void *server;
} listeners[LISTENERS_MAX];

static struct pipe **pipes;          /* by number; slots are used again */
static size_t pipe_count, pipe_free; /* below it none is free */

static void websocket_drained(void *arg);
static void websocket_message(void *arg);
static void websocket_ponged(void *arg);
static void websocket_left(void *arg); /* a close frame */
static void websocket_cut(void *arg);  /* a FIN without one */

static void pipe_release(struct pipe *p)
{
    if (--p->holders > 0)
        return;
    pipes[p->number] = NULL;
    if ((size_t)p->number < pipe_free)
        pipe_free = (size_t)p->number;
    free(p);
}

static struct in_flight *in_flight_create(struct pipe *p, struct span text)
{
    struct in_flight *l = mem_zalloc(sizeof(*l) + text.len);
    l->pipe = p;
    l->len = text.len;
    if (text.len > 0)
        memcpy(l->data, text.data, text.len);
    p->holders++;
    return l;
}

static void in_flight_destroy(struct in_flight *l)
{
    pipe_release(l->pipe);
    free(l);
}

static void pipe_up(struct pipe *p, void (*fire)(void *arg), struct in_flight *l)
{
    network_send(p->client, p->server, &p->up_us, fire, l);
}

static void pipe_down(struct pipe *p, void (*fire)(void *arg), struct in_flight *l)
{
    network_send(p->server, p->client, &p->down_us, fire, l);
}

static void client_over(struct pipe *p)
{
    p->hooks = NULL;
    pipe_release(p);
}

static void on_refused(void *arg)
{
    struct in_flight *l = arg;
    struct pipe *p = l->pipe;
    const struct pipe_hooks *hooks = p->hooks;
    if (hooks && !p->dead) {
        client_over(p);
        hooks->refused(p->arg);
    }
    in_flight_destroy(l);
}

static void pipe_opened(void *arg)
{
    struct in_flight *l = arg;
    if (l->pipe->hooks && !l->pipe->dead)
        l->pipe->hooks->opened(l->pipe->arg);
    in_flight_destroy(l);
}

static void read_unread(void *arg)
{
    struct in_flight *reminder = arg;
    struct pipe *p = reminder->pipe;
    if (p->hooks && !p->dead && p->stalled_until_us > simulation.now_us) {
        simulation_deliver(p->stalled_until_us - simulation.now_us, NULL, read_unread, reminder);
        return;
    }
    while (!list_empty(&p->unread)) {
        struct in_flight *l = list_entry(p->unread.next, struct in_flight, link);
        list_remove(&l->link);
        l->read(l);
        in_flight_destroy(l);
    }
    in_flight_destroy(reminder);
}

/* Has the client read it, now or when it reads again. */
static void offer(struct in_flight *l, void (*read)(struct in_flight *l))
{
    struct pipe *p = l->pipe;
    bool first = list_empty(&p->unread);
    l->read = read;
    list_append(&p->unread, &l->link);
    if (first)
        read_unread(in_flight_create(p, SPAN_NONE));
}

static void read_closed(struct in_flight *l)
{
    struct pipe *p = l->pipe;
    const struct pipe_hooks *hooks = p->hooks;
    if (!hooks || p->dead)
        return;
    client_over(p);
    hooks->closed(p->arg, l->code);
}

static void pipe_closed(void *arg)
{
    offer(arg, read_closed);
}

static void read_frames(struct in_flight *l)
{
    struct pipe *p = l->pipe;
    p->ahead -= l->len;
    if (p->hooks && !p->dead)
        p->hooks->received(p->arg, (struct span){l->data, l->len});
    if (p->ws && p->ws->full)
        pipe_up(p, websocket_drained, in_flight_create(p, SPAN_NONE));
}

static void pipe_frames(void *arg)
{
    offer(arg, read_frames);
}

void pipe_stall(struct pipe *p, int64_t us)
{
    p->stalled_until_us = simulation.now_us + us;
}

static void pipe_untake(struct pipe *p)
{
    if (!p->taken)
        return;
    p->taken = false;
    pipe_release(p);
}

static void on_connect_request(void *arg)
{
    struct in_flight *l = arg;
    struct pipe *p = l->pipe;
    bool in = false;
    p->taken = true;
    p->holders++;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (p->server->alive && listeners[i].process == p->server)
            in = listeners[i].hooks->request(listeners[i].server, p->number, &p->request) == 0;
    if (!in) {
        pipe_untake(p);
        pipe_down(p, on_refused, in_flight_create(p, SPAN_NONE));
    }
    in_flight_destroy(l);
}

void pipe_listen(struct sim_process *process, const struct pipe_listener_hooks *hooks, void *server)
{
    size_t i = 0;
    while (listeners[i].process)
        i++;
    listeners[i].process = process;
    listeners[i].hooks = hooks;
    listeners[i].server = server;
}

void pipe_unlisten(struct sim_process *process)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (listeners[i].process == process)
            listeners[i].process = NULL;
}

void pipe_abandon(struct sim_process *process)
{
    for (size_t i = 0; i < pipe_count; i++)
        if (pipes[i] && pipes[i]->server == process && pipes[i]->taken) {
            pipe_down(pipes[i], pipe_closed, in_flight_create(pipes[i], SPAN_NONE));
            pipe_untake(pipes[i]);
        }
}

void gate_refuse(struct gate *gate, int fd, const char *peer, const struct gate_refusal *refusal)
{
    struct pipe *p = pipes[fd];
    pipe_down(p, on_refused, in_flight_create(p, SPAN_NONE));
    pipe_untake(p);
}

void gate_pass_refusal(struct gate *gate, int fd, const char *peer, int status, struct span answer)
{
    gate_refuse(gate, fd, peer, NULL);
}

void pipe_end(void)
{
    free(pipes);
    pipes = NULL;
    pipe_count = pipe_free = 0;
    memset(listeners, 0, sizeof(listeners));
}

static int take_number(struct pipe *p)
{
    while (pipe_free < pipe_count && pipes[pipe_free])
        pipe_free++;
    if (pipe_free == pipe_count)
        pipes = mem_realloc(pipes, ++pipe_count * sizeof(struct pipe *));
    pipes[pipe_free] = p;
    return (int)pipe_free++;
}

struct pipe *pipe_connect(struct sim_process *client, struct sim_process *server,
                          const struct connect_request *request, const struct pipe_hooks *hooks, void *arg)
{
    struct pipe *p = mem_zalloc(sizeof(*p));
    p->client = client;
    p->server = server;
    p->hooks = hooks;
    p->arg = arg;
    p->request = *request;
    list_init(&p->unread);
    p->holders = 1;
    p->number = take_number(p);
    if (server->alive)
        pipe_up(p, on_connect_request, in_flight_create(p, SPAN_NONE));
    else
        pipe_down(p, on_refused, in_flight_create(p, SPAN_NONE));
    return p;
}

void pipe_send(struct pipe *p, bool binary, struct span message)
{
    struct in_flight *l = in_flight_create(p, message);
    l->binary = binary;
    pipe_up(p, websocket_message, l);
}

void pipe_leave(struct pipe *p, enum leaving how)
{
    p->dead = true;
    if (how != LEAVE_DEAD)
        pipe_up(p, how == LEAVE_CLOSE ? websocket_left : websocket_cut, in_flight_create(p, SPAN_NONE));
    client_over(p);
}

static void pipe_pinged(void *arg)
{
    struct in_flight *l = arg;
    struct pipe *p = l->pipe;
    if (p->hooks && !p->dead && p->stalled_until_us <= simulation.now_us)
        pipe_up(p, websocket_ponged, in_flight_create(p, SPAN_NONE));
    in_flight_destroy(l);
}

/* The server's end. */

static void websocket_drained(void *arg)
{
    struct in_flight *l = arg;
    struct pipe *p = l->pipe;
    if (p->ws && p->ws->full && !p->ws->closing && p->ahead < SOCKET_BUFFER / 2) {
        p->ws->full = false;
        p->ws->endpoint->hooks->writable(p->ws->owner);
    }
    in_flight_destroy(l);
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
    simulation_after(0, loop_process(ws->endpoint->loop), end_soon, ws);
}

static void websocket_message(void *arg)
{
    struct in_flight *l = arg;
    struct websocket *ws = l->pipe->ws;
    for (size_t at = 0; ws && !ws->closing && (at < l->len || l->len == 0);) {
        size_t len = l->len - at < PIECE_MAX ? l->len - at : PIECE_MAX;
        ws->endpoint->hooks->received(ws->owner, (struct span){l->data + at, len}, at == 0,
                                      at + len == l->len, l->len - at - len, l->binary);
        at += len;
        if (l->len == 0)
            break;
    }
    in_flight_destroy(l);
}

static void left(struct in_flight *l, enum websocket_end how)
{
    if (l->pipe->ws && !l->pipe->ws->closing)
        end(l->pipe->ws, how);
    else if (l->pipe->ws)
        end(l->pipe->ws, l->pipe->ws->end);
    l->pipe->left = true;
    in_flight_destroy(l);
}

static void websocket_left(void *arg)
{
    left(arg, WEBSOCKET_PEER);
}

static void websocket_cut(void *arg)
{
    struct in_flight *l = arg;
    char session[64];
    if (l->pipe->ws && !l->pipe->ws->closing && ws_daemon_session(l->pipe->ws->owner, session))
        invariants_cut(session);
    left(l, WEBSOCKET_CUT);
}

static void websocket_ponged(void *arg)
{
    struct in_flight *l = arg;
    if (l->pipe->ws && !l->pipe->ws->closing)
        l->pipe->ws->endpoint->hooks->pong(l->pipe->ws->owner);
    in_flight_destroy(l);
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
    pipe_down(p, pipe_opened, in_flight_create(p, SPAN_NONE));
    ws->owner = e->hooks->opened(e->arg, ws, request);
    return 0;
}

void websocket_endpoint_destroy(struct websocket_endpoint *e)
{
    while (!list_empty(&e->sockets)) {
        struct websocket *ws = list_entry(e->sockets.next, struct websocket, link);
        struct pipe *p = ws->pipe;
        pipe_down(p, pipe_closed, in_flight_create(p, SPAN_NONE));
        ws->end = ws->over ? ws->end : WEBSOCKET_DROPPED;
        end_soon(ws);
    }
    free(e);
}

size_t websocket_count(const struct websocket_endpoint *e)
{
    return e->count;
}

static void write_bytes(struct websocket *ws, struct in_flight *l)
{
    ws->pipe->ahead += l->len;
    pipe_down(ws->pipe, pipe_frames, l);
    ws->full = ws->pipe->ahead >= SOCKET_BUFFER;
}

enum websocket_written websocket_write(struct websocket *ws, struct span frames)
{
    if (ws->closing)
        return WEBSOCKET_GONE;
    write_bytes(ws, in_flight_create(ws->pipe, frames));
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
    pipe_down(ws->pipe, pipe_pinged, in_flight_create(ws->pipe, SPAN_NONE));
    return WEBSOCKET_SENT;
}

static void on_close_answered(void *arg)
{
    struct in_flight *l = arg;
    if (l->pipe->ws)
        end(l->pipe->ws, WEBSOCKET_CLOSED);
    in_flight_destroy(l);
}

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
    if (ws->closing)
        return;
    struct in_flight *l = in_flight_create(ws->pipe, SPAN_NONE);
    l->code = code;
    ws->closing = true;
    ws->end = WEBSOCKET_CLOSED;
    pipe_down(ws->pipe, pipe_closed, l);
    pipe_up(ws->pipe, on_close_answered, in_flight_create(ws->pipe, SPAN_NONE));
}

void websocket_close_with(struct websocket *ws, struct span payload)
{
    websocket_close(
        ws, payload.len < 2 ? 1005 : (unsigned)((uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1]),
        "");
}

void websocket_hold(struct websocket *ws, bool hold)
{
}

void websocket_drop(struct websocket *ws)
{
    pipe_down(ws->pipe, pipe_closed, in_flight_create(ws->pipe, SPAN_NONE));
    end(ws, WEBSOCKET_DROPPED);
}

const char *websocket_peer(const struct websocket *ws)
{
    return "127.0.0.1";
}
