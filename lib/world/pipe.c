/* The client's end of the pipes, their letters, and who listens. */
#include "base/mem.h"
#include "world/pipe_inner.h"

#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX HOSTS_MAX

static struct {
    struct process *process;
    const struct server_face *face;
    void *server;
} listeners[LISTENERS_MAX];

static struct pipe **pipes; /* by number; slots are used again */
static size_t pipe_count;

void pipe_release(struct pipe *p)
{
    if (--p->holders > 0)
        return;
    pipes[p->number] = NULL;
    free(p);
}

struct letter *letter_create(struct pipe *p, struct span text)
{
    struct letter *l = mem_zalloc(sizeof(*l) + text.len);
    l->pipe = p;
    l->len = text.len;
    if (text.len > 0)
        memcpy(l->data, text.data, text.len);
    p->holders++;
    return l;
}

void letter_destroy(struct letter *l)
{
    pipe_release(l->pipe);
    free(l);
}

void pipe_up(struct pipe *p, void (*fire)(void *arg), struct letter *l)
{
    network_send(p->client, p->server, &p->up_us, fire, l);
}

void pipe_down(struct pipe *p, void (*fire)(void *arg), struct letter *l)
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
    struct letter *l = arg;
    struct pipe *p = l->pipe;
    const struct pipe_hooks *hooks = p->hooks;
    if (hooks && !p->dead) {
        client_over(p);
        hooks->refused(p->arg);
    }
    letter_destroy(l);
}

void pipe_opened(void *letter)
{
    struct letter *l = letter;
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

void pipe_closed(void *letter)
{
    offer(letter, read_closed);
}

static void read_frames(struct letter *l)
{
    struct pipe *p = l->pipe;
    p->ahead -= l->len;
    if (p->hooks && !p->dead)
        p->hooks->received(p->arg, (struct span){l->data, l->len});
    if (websocket_waits(p))
        pipe_up(p, websocket_drained, letter_create(p, SPAN_NONE));
}

void pipe_frames(void *letter)
{
    offer(letter, read_frames);
}

void pipe_stall(struct pipe *p, int64_t us)
{
    p->stalled_until_us = world.now_us + us;
}

void pipe_untake(struct pipe *p)
{
    if (!p->taken)
        return;
    p->taken = false;
    pipe_release(p);
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
        pipe_untake(p);
        pipe_down(p, on_refused, letter_create(p, SPAN_NONE));
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
            pipe_down(pipes[i], pipe_closed, letter_create(pipes[i], SPAN_NONE));
            pipe_untake(pipes[i]);
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
        pipe_up(p, on_knock, letter_create(p, SPAN_NONE));
    else
        pipe_down(p, on_refused, letter_create(p, SPAN_NONE));
    return p;
}

void pipe_send(struct pipe *p, bool binary, struct span message)
{
    struct letter *l = letter_create(p, message);
    l->binary = binary;
    pipe_up(p, websocket_message, l);
}

void pipe_leave(struct pipe *p, enum leaving how)
{
    p->dead = true;
    if (how != LEAVE_DEAD)
        pipe_up(p, websocket_left, letter_create(p, SPAN_NONE));
    client_over(p);
}

void pipe_pinged(void *letter)
{
    struct letter *l = letter;
    struct pipe *p = l->pipe;
    if (p->hooks && !p->dead && p->stalled_until_us <= world.now_us)
        pipe_up(p, websocket_ponged, letter_create(p, SPAN_NONE));
    letter_destroy(l);
}

struct pipe *pipe_by_number(int number)
{
    return pipes[number];
}
