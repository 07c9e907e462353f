/* SPDX-License-Identifier: MIT */
/* A WebSocket between a phone or a viewer of the simulation and a server: what the gate, TCP and libwebsockets are
 * to presence-ws (net/gate.h, net/websocket.h). */
#ifndef SIMULATION_PIPE_H
#define SIMULATION_PIPE_H

#include "simulation.h"

struct pipe;

/* What the gate would have read of a request. */
struct connect_request {
    const char *user, *device;
    bool viewer;            /* role web, else mobile */
    int encoding;           /* enum encoding */
    const char *groups;     /* claim, separated by ','; NULL: none */
    const char *ask_groups; /* ?groups=, NULL: not asked */
    const char *since;      /* ?since=, NULL */
};

struct pipe_hooks {
    void (*opened)(void *arg);
    void (*refused)(void *arg);
    /* Frames as the server wrote them. */
    void (*received)(void *arg, struct span frames);
    /* The server's close frame (code), or the connection broke (0). The pipe is gone. */
    void (*closed)(void *arg, unsigned code);
};

/* Begins to connect; `server` may be NULL: nobody is there. The hooks' arg must live until closed, refused or
 * pipe_leave. */
struct pipe *pipe_connect(struct sim_process *client, struct sim_process *server,
                          const struct connect_request *request, const struct pipe_hooks *hooks, void *arg);
/* A whole message, unframed. */
void pipe_send(struct pipe *p, bool binary, struct span message);

enum leaving {
    LEAVE_CLOSE, /* a close frame */
    LEAVE_DROP,  /* FIN or RST */
    LEAVE_DEAD,  /* without a word: the network is gone */
};
/* The client goes; no hook is called any more, and the pipe is gone for it. */
void pipe_leave(struct pipe *p, enum leaving how);
/* The client reads nothing until then. */
void pipe_stall(struct pipe *p, int64_t us);

/* The other end. */
struct pipe_listener_hooks {
    /* 0: let in (pipe_adopt was or will be called), else the status it is refused with. */
    int (*request)(void *server, int fd, const struct connect_request *request);
};
/* Where connections to that process go. */
void pipe_listen(struct sim_process *p, const struct pipe_listener_hooks *hooks, void *server);
/* It stops listening. */
void pipe_unlisten(struct sim_process *p);
/* It has died: who was let in and has no WebSocket yet hears so. */
void pipe_abandon(struct sim_process *p);
/* With the simulation, when all have left. */
void pipe_end(void);

#endif
