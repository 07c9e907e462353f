#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/gate_inner.h"
#include "net/gate_reply.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* From the answer to the close: writing it, and waiting for the peer to have read it. */
#define LEAVE_MS  5000
#define DRAIN_MAX (256 * 1024) /* bytes of a request's body that are read and thrown away meanwhile */

static void on_event(uv_poll_t *poll, int status, int events);

void guest_unlist(struct guest *g)
{
    if (!list_linked(&g->link))
        return;
    list_remove(&g->link);
    if (g->leaving)
        g->gate->leaving_count--;
    else
        g->gate->waiting_count--;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* The descriptor must have left the loop before somebody else polls it. */
void guest_unpoll(struct guest *g)
{
    if (!g->poll)
        return;
    g->poll->data = NULL;
    uv_poll_stop(g->poll);
    uv_close((uv_handle_t *)g->poll, on_poll_closed);
    g->poll = NULL;
}

void guest_free(struct guest *g)
{
    guest_unlist(g);
    guest_unpoll(g);
    bytes_finish(&g->in);
    bytes_finish(&g->out);
    free(g);
}

void guest_close(struct guest *g)
{
    int fd = g->fd;

    guest_free(g);
    close(fd);
}

int guest_poll(struct guest *g, int events)
{
    if (!g->poll) {
        g->poll = mem_zalloc(sizeof(*g->poll));
        if (uv_poll_init(loop_uv(g->gate->loop), g->poll, g->fd)) {
            free(g->poll);
            g->poll = NULL;
            return -1;
        }
        g->poll->data = g;
    }
    return uv_poll_start(g->poll, events, on_event);
}

/* Reads what still comes until the peer has closed: closing with unread bytes would send a reset, and the
 * peer might never see the answer. 0, or -1 when the peer is gone or sends without end. */
static int guest_drain(struct guest *g)
{
    while (!g->peer_done) {
        ssize_t n = recv(g->fd, g->gate->buffer, sizeof(g->gate->buffer), 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        g->peer_done = n == 0;
        g->drained += (size_t)n;
        if (g->drained > DRAIN_MAX)
            return -1;
    }
    return 0;
}

/* 0: all is out and the peer knows; 1: the socket is full; -1: the peer is gone. */
static int guest_send(struct guest *g)
{
    while (g->sent < g->out.len) {
        ssize_t n = send(g->fd, g->out.data + g->sent, g->out.len - g->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 1 : -1;
        g->sent += (size_t)n;
    }
    if (!g->shut)
        shutdown(g->fd, SHUT_WR);
    g->shut = true;
    return 0;
}

static void guest_leave(struct guest *g)
{
    int rc = guest_send(g), events;

    if (rc < 0 || guest_drain(g) || (g->shut && g->peer_done)) {
        guest_close(g);
        return;
    }
    events = (g->shut ? 0 : UV_WRITABLE) | (g->peer_done ? 0 : UV_READABLE);
    if (guest_poll(g, events))
        guest_close(g);
}

/* The answer is in g->out. */
void guest_answer(struct guest *g)
{
    struct gate *gate = g->gate;

    guest_unlist(g);
    g->leaving = true;
    g->due_ms = loop_now_ms(gate->loop) + LEAVE_MS;
    list_append(&gate->leaving, &g->link);
    gate->leaving_count++;
    if (gate->leaving_count > gate->config.pending_max)
        guest_close(list_entry(gate->leaving.next, struct guest, link));
    gate_tick(gate);
    guest_leave(g);
}

void guest_refuse(struct guest *g, const struct gate_answer *answer)
{
    struct gate *gate = g->gate;

    log_debug("gate_refused", LOG_T("peer", g->peer), LOG_N("status", answer->status),
              LOG_T("reason", answer->reason), LOG_T("error", answer->error));
    if (gate->hooks.refused)
        gate->hooks.refused(gate->arg, answer->status, answer->reason, g->peer);
    gate_reply_refusal(answer, clock_wall_ms() / 1000, &g->out);
    guest_answer(g);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct guest *g = poll->data;

    if (!g)
        return;
    if (status < 0)
        guest_close(g);
    else if (g->leaving)
        guest_leave(g);
    else
        guest_read(g);
}
