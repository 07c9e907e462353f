/* What the two ends of a pipe share; for pipe.c and websocket.c alone. */
#ifndef WORLD_PIPE_INNER_H
#define WORLD_PIPE_INNER_H

#include "base/list.h"
#include "world/pipe.h"

struct websocket;

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

/* Something under way; holds its pipe. */
struct letter {
    struct list link; /* in pipe.unread */
    void (*read)(struct letter *l);
    struct pipe *pipe;
    unsigned code;
    bool binary;
    size_t len;
    char data[];
};

struct letter *letter_create(struct pipe *p, struct span text);
void letter_destroy(struct letter *l);
/* To the server, to the client: `fire` gets the letter, and destroys it. */
void pipe_up(struct pipe *p, void (*fire)(void *arg), struct letter *l);
void pipe_down(struct pipe *p, void (*fire)(void *arg), struct letter *l);
void pipe_release(struct pipe *p);
/* It was let in, and nobody took it. */
void pipe_untake(struct pipe *p);
struct pipe *pipe_by_number(int number);

/* What arrives at the client. */
void pipe_opened(void *letter);
void pipe_frames(void *letter);
void pipe_pinged(void *letter);
void pipe_closed(void *letter);
/* What arrives at the server. */
void websocket_message(void *letter);
void websocket_ponged(void *letter);
void websocket_left(void *letter);
void websocket_drained(void *letter);
/* Whether the server waits for the client to read. */
bool websocket_waits(const struct pipe *p);

#endif
