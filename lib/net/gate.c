#include "net/gate.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/gate_reply.h"
#include "net/gate_request.h"
#include "net/proxies.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* From the answer to the close: writing it, and waiting for the peer to have read it. */
#define LEAVE_MS  5000
#define TICK_MS   100
#define DRAIN_MAX (256 * 1024) /* bytes of a request's body that are read and thrown away meanwhile */

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

static void on_event(uv_poll_t *poll, int status, int events);

static void gate_tick(struct gate *gate)
{
    if (gate->waiting_count + gate->leaving_count == 0)
        loop_timer_stop(gate->timer);
    else if (!loop_timer_active(gate->timer))
        loop_timer_start(gate->timer, TICK_MS, TICK_MS);
}

static void guest_unlist(struct guest *g)
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
static void guest_unpoll(struct guest *g)
{
    if (!g->poll)
        return;
    g->poll->data = NULL;
    uv_poll_stop(g->poll);
    uv_close((uv_handle_t *)g->poll, on_poll_closed);
    g->poll = NULL;
}

static void guest_free(struct guest *g)
{
    guest_unlist(g);
    guest_unpoll(g);
    bytes_finish(&g->in);
    bytes_finish(&g->out);
    free(g);
}

static void guest_close(struct guest *g)
{
    int fd = g->fd;

    guest_free(g);
    close(fd);
}

static int guest_poll(struct guest *g, int events)
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
static void guest_answer(struct guest *g)
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

static void guest_refuse(struct guest *g, const struct gate_answer *answer)
{
    struct gate *gate = g->gate;

    log_debug("gate_refused", LOG_T("peer", g->peer), LOG_N("status", answer->status),
              LOG_T("reason", answer->reason), LOG_T("error", answer->error));
    if (gate->hooks.refused)
        gate->hooks.refused(gate->arg, answer->status, answer->reason, g->peer);
    gate_reply_refusal(answer, clock_wall_ms() / 1000, &g->out);
    guest_answer(g);
}

static void refuse_head(struct guest *g, int status)
{
    struct gate_answer answer;

    if (status == 431)
        gate_answer_set(&answer, status, "too_large", "The request head is too large");
    else if (status == 505)
        gate_answer_set(&answer, status, "request", "Only HTTP/1.1 is spoken here");
    else
        gate_answer_set(&answer, status, "request", "Malformed HTTP request");
    guest_refuse(g, &answer);
}

static void serve_plain(struct guest *g, const struct gate_head *head)
{
    struct gate *gate = g->gate;
    struct gate_answer answer;
    bytes_auto body = BYTES_INIT;
    const char *type = "text/plain; charset=utf-8";
    int status;

    if (!gate->hooks.serve) {
        gate_answer_set(&answer, 404, "path", "Not found");
        guest_refuse(g, &answer);
        return;
    }
    status = gate->hooks.serve(gate->arg, head->path, &body, &type);
    gate_reply_plain(status, type, bytes_span(&body), span_equal(head->method, SPAN("HEAD")),
                     clock_wall_ms() / 1000, &g->out);
    guest_answer(g);
}

static int ask_admission(struct gate *gate, const struct gate_request *request, struct gate_answer *answer)
{
    struct gate_refusal refusal = {.status = 503, .error = "Not available now", .reason = "unavailable"};

    if (!gate->hooks.admit || gate->hooks.admit(gate->arg, request, &refusal) == 0)
        return 0;
    gate_answer_set(answer, refusal.status, refusal.reason, "%s", refusal.error);
    answer->retry_after_s = refusal.retry_after_s;
    return -1;
}

/* From here on the socket is the hook's. */
static void hand_over(struct guest *g, struct span data, const struct gate_head *head,
                      struct gate_request *request, struct span protocol)
{
    struct gate *gate = g->gate;
    mem_auto char *echo = mem_strndup(protocol.len ? protocol.data : "", protocol.len);

    bytes_reset(&gate->synthetic);
    gate_request_synthesize(head, &gate->synthetic);
    bytes_append(&gate->synthetic, data.data + head->length, data.len - head->length);
    guest_unlist(g);
    guest_unpoll(g);
    gate->hooks.upgrade(gate->arg, g->fd, request, bytes_span(&gate->synthetic), echo);
    guest_free(g);
}

static void serve_upgrade(struct guest *g, struct span data, const struct gate_head *head)
{
    struct gate *gate = g->gate;
    struct gate_request request;
    struct gate_answer answer;
    struct span protocol;

    bytes_reset(&gate->scratch);
    if (gate_request_read(&gate->config, head, clock_wall_ms() / 1000, &gate->scratch, &request, &protocol,
                          &answer)) {
        guest_refuse(g, &answer);
        return;
    }
    request.peer = g->peer;
    if (ask_admission(gate, &request, &answer))
        guest_refuse(g, &answer);
    else
        hand_over(g, data, head, &request, protocol);
    token_finish(&request.token);
}

/* From here on the peer is whom the request came from. */
static void take_client(struct guest *g, const struct gate_head *head)
{
    struct span forwarded[sizeof(head->headers) / sizeof(head->headers[0])];
    char peer[INET6_ADDRSTRLEN];
    size_t count = 0;

    for (size_t i = 0; i < head->header_count; i++)
        if (span_equal_nocase(head->headers[i].name, SPAN("x-forwarded-for")))
            forwarded[count++] = head->headers[i].value;
    if (span_copy(proxies_client(g->gate->config.trusted_proxies, span_of(g->peer), forwarded, count), peer,
                  sizeof(peer)) == 0)
        memcpy(g->peer, peer, sizeof(peer));
}

static void guest_serve(struct guest *g, struct span data, const struct gate_head *head)
{
    struct gate_answer answer;
    enum gate_kind kind;

    guest_unlist(g);
    take_client(g, head);
    if (gate_request_kind(&g->gate->config, head, &kind, &answer))
        guest_refuse(g, &answer);
    else if (kind == GATE_PLAIN)
        serve_plain(g, head);
    else
        serve_upgrade(g, data, head);
}

/* The new bytes stand at the end of data. A head that drips is not parsed again for each byte. */
static void guest_parse(struct guest *g, struct span data, size_t fresh)
{
    struct gate_head head;
    int rc = -1;

    if (fresh == data.len || data.len >= GATE_HEAD_MAX || memchr(data.data + data.len - fresh, '\n', fresh))
        rc = gate_head_parse(data, &head);
    if (rc == 0)
        guest_serve(g, data, &head);
    else if (rc > 0)
        refuse_head(g, rc);
    else if (guest_poll(g, UV_READABLE))
        guest_close(g);
    else if (g->in.len == 0)
        bytes_append_span(&g->in, data);
}

static void guest_read(struct guest *g)
{
    struct gate *gate = g->gate;
    ssize_t n = recv(g->fd, gate->buffer, sizeof(gate->buffer) - g->in.len, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (guest_poll(g, UV_READABLE))
            guest_close(g);
        return;
    }
    if (n <= 0) {
        guest_close(g);
        return;
    }
    if (g->in.len == 0) {
        guest_parse(g, (struct span){gate->buffer, (size_t)n}, (size_t)n);
        return;
    }
    bytes_append(&g->in, gate->buffer, (size_t)n);
    guest_parse(g, bytes_span(&g->in), (size_t)n);
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

static void guest_time_out(struct guest *g)
{
    struct gate_answer answer;

    if (g->leaving) {
        guest_close(g);
        return;
    }
    if (g->in.len == 0) {
        /* A browser's spare connection: an answer to no question would puzzle it. */
        log_debug("gate_refused", LOG_T("peer", g->peer), LOG_N("status", 408), LOG_T("reason", "timeout"));
        if (g->gate->hooks.refused)
            g->gate->hooks.refused(g->gate->arg, 408, "timeout", g->peer);
        guest_close(g);
        return;
    }
    gate_answer_set(&answer, 408, "timeout", "The request did not come in time");
    guest_refuse(g, &answer);
}

static void expire(struct gate *gate, struct list *guests)
{
    int64_t now = loop_now_ms(gate->loop);

    while (!list_empty(guests)) {
        struct guest *g = list_entry(guests->next, struct guest, link);
        if (g->due_ms > now)
            return;
        guest_time_out(g);
    }
}

static void on_timer(void *arg)
{
    struct gate *gate = arg;

    expire(gate, &gate->waiting);
    expire(gate, &gate->leaving);
    gate_tick(gate);
}

static void drop_oldest(struct gate *gate)
{
    struct gate_answer answer;

    gate_answer_set(&answer, 503, "overload", "Too many connections have not sent their request");
    answer.retry_after_s = 1;
    guest_refuse(list_entry(gate->waiting.next, struct guest, link), &answer);
}

/* Only while the setting is on: a walk for each arrival. */
static bool crowds(const struct gate *gate, const char *peer)
{
    size_t count = 0;

    if (gate->config.pending_per_address == 0 || proxies_trust(gate->config.trusted_proxies, span_of(peer)))
        return false;
    for (struct list *at = gate->waiting.next; at != &gate->waiting; at = at->next)
        count += strcmp(list_entry(at, struct guest, link)->peer, peer) == 0;
    return count > gate->config.pending_per_address;
}

static void drop_crowding(struct guest *g)
{
    struct gate_answer answer;

    gate_answer_set(&answer, 429, "quota",
                    "Too many connections from this address have not sent their request");
    answer.retry_after_s = 30;
    guest_refuse(g, &answer);
}

void gate_accept(struct gate *gate, int fd, const char *peer)
{
    struct guest *g = mem_zalloc(sizeof(*g));

    g->gate = gate;
    g->fd = fd;
    g->due_ms = loop_now_ms(gate->loop) + gate->config.head_timeout_ms;
    if (span_copy(span_of(peer), g->peer, sizeof(g->peer)))
        g->peer[0] = '\0';
    list_append(&gate->waiting, &g->link);
    gate->waiting_count++;
    if (crowds(gate, g->peer))
        drop_crowding(g);
    else
        guest_read(g);
    if (gate->waiting_count > gate->config.pending_max)
        drop_oldest(gate);
    gate_tick(gate);
}

size_t gate_pending(const struct gate *gate)
{
    return gate->waiting_count;
}

struct gate *gate_create(struct loop *loop, const struct gate_config *config, const struct gate_hooks *hooks,
                         void *arg)
{
    struct gate *gate = mem_zalloc(sizeof(*gate));

    gate->loop = loop;
    gate->config = *config;
    gate->hooks = *hooks;
    gate->arg = arg;
    if (gate->config.pending_max < 1)
        gate->config.pending_max = 1;
    gate->timer = loop_timer_create(loop, on_timer, gate);
    list_init(&gate->waiting);
    list_init(&gate->leaving);
    return gate;
}

void gate_set_keys(struct gate *gate, const struct token_keys *keys)
{
    gate->config.keys = keys;
}

void gate_destroy(struct gate *gate)
{
    if (!gate)
        return;
    while (!list_empty(&gate->waiting))
        guest_close(list_entry(gate->waiting.next, struct guest, link));
    while (!list_empty(&gate->leaving))
        guest_close(list_entry(gate->leaving.next, struct guest, link));
    loop_timer_destroy(gate->timer);
    bytes_finish(&gate->scratch);
    bytes_finish(&gate->synthetic);
    free(gate);
}
