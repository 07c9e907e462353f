/* What the files of gate.h share: a connection, from its accept to its hand-over or its close. */
#ifndef NET_GATE_INNER_H
#define NET_GATE_INNER_H

#include "base/list.h"
#include "net/gate.h"
#include "net/gate_request.h"

#include <arpa/inet.h>
#include <uv.h>

/* A connection is in one of two lists, both ordered by deadline: those whose head is awaited, those that
 * leave. */
struct guest {
    struct list link;
    struct gate *gate;
    uv_poll_t *poll; /* made when the first read did not bring the whole head */
    int fd;
    bool leaving, shut, peer_done;
    int64_t due_ms;
    struct bytes in;
    struct bytes out;
    size_t sent, drained;
    char peer[INET6_ADDRSTRLEN];
};

struct gate {
    struct loop *loop;
    struct gate_config config;
    struct gate_hooks hooks;
    void *arg;
    struct loop_timer *timer;
    struct list waiting, leaving;
    size_t waiting_count, leaving_count;
    struct bytes scratch, synthetic;
    char
        buffer[GATE_HEAD_MAX]; /* one read at a time: most heads come whole and need no memory of their own */
};

/* gate_guest.c */

/* Out of its list, and its descriptor out of the loop: it can be handed over. */
void guest_unlist(struct guest *g);
void guest_unpoll(struct guest *g);
/* Without its descriptor. */
void guest_free(struct guest *g);
void guest_close(struct guest *g);
/* 0; -1 when the loop can't watch the descriptor. */
int guest_poll(struct guest *g, int events);
/* Sends g->out and leaves; may close it at once. */
void guest_answer(struct guest *g);
void guest_refuse(struct guest *g, const struct gate_answer *answer);

/* gate.c: reads what has come of the head. */
void guest_read(struct guest *g);

/* gate_crowd.c: who waits, and who of them is one too many. */

/* Runs while somebody waits or leaves. */
void gate_tick(struct gate *gate);
/* Those whose time is up. */
void gate_expire(struct gate *gate);
/* Whether its address has more that wait than it may. */
bool gate_crowded_by(const struct guest *g);
void gate_refuse_crowding(struct guest *g);
void gate_drop_oldest(struct gate *gate);

#endif
