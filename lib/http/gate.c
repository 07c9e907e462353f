/* SPDX-License-Identifier: MIT */
#include "http/gate.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/mem.h"
#include "http/gate_reply.h"
#include "http/gate_request.h"
#include "http/host.h"
#include "http/proxies.h"
#include "net/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* From the answer to the close: writing it, and waiting for the peer to have read it. */
#define LEAVE_MS       5000
#define DRAIN_MAX      (256 * 1024) /* bytes of a request's body that are read and thrown away meanwhile */
#define TICK_MS        100
#define LINGER_POLL_MS 5

/* A connection, from its accept to its hand-over or its close. It is in one of two lists, both ordered by
 * deadline: those whose head is awaited, those that leave. */
struct pending {
    struct list link;
    struct gate *gate;
    uv_poll_t *poll; /* made when the first read did not bring the whole head */
    int fd;
    bool leaving, shut, peer_done;
    int64_t due_ms;
    struct bytes in;
    struct bytes out;
    size_t sent, drained;
    char peer[ADDRESS_SIZE], via[ADDRESS_SIZE];
    struct quota_place place; /* of its address, while it waits */
};

struct gate {
    struct loop *loop;
    struct gate_config config;
    struct gate_hooks hooks;
    void *arg;
    struct loop_timer *timer;
    bool draining;
    struct list waiting, leaving;
    struct quota addresses; /* of those who wait */
    size_t waiting_count, leaving_count;
    struct log_limit contradictions;
    struct bytes scratch, synthetic;
    /* One read at a time: most heads come whole and need no memory of their own. */
    char buffer[GATE_HEAD_MAX];
};

static void on_event(uv_poll_t *poll, int status, int events);
static void pending_read(struct pending *p);
static void run_timer(struct gate *gate);

/* Out of its list. */
static void pending_unlist(struct pending *p)
{
    if (!list_linked(&p->link))
        return;
    list_remove(&p->link);
    quota_give_back(&p->gate->addresses, &p->place, 0);
    if (p->leaving)
        p->gate->leaving_count--;
    else
        p->gate->waiting_count--;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* The descriptor must have left the loop before somebody else polls it. */
static void pending_unpoll(struct pending *p)
{
    if (!p->poll)
        return;
    p->poll->data = NULL;
    uv_poll_stop(p->poll);
    uv_close((uv_handle_t *)p->poll, on_poll_closed);
    p->poll = NULL;
}

/* Without its descriptor. */
static void pending_free(struct pending *p)
{
    pending_unlist(p);
    pending_unpoll(p);
    bytes_finish(&p->in);
    bytes_finish(&p->out);
    free(p);
}

static void pending_close(struct pending *p)
{
    int fd = p->fd;
    pending_free(p);
    close(fd);
}

/* 0; -1 when the loop can't watch the descriptor. */
static int pending_poll(struct pending *p, int events)
{
    if (!p->poll) {
        p->poll = mem_zalloc(sizeof(*p->poll));
        if (uv_poll_init(loop_uv(p->gate->loop), p->poll, p->fd)) {
            free(p->poll);
            p->poll = NULL;
            return -1;
        }
        p->poll->data = p;
    }
    return uv_poll_start(p->poll, events, on_event);
}

/* Reads what still comes until the peer has closed: closing with unread bytes would send a reset, and the
 * peer might never see the answer. 0, or -1 when the peer is gone or sends without end. */
static int pending_drain(struct pending *p)
{
    while (!p->peer_done) {
        ssize_t n = recv(p->fd, p->gate->buffer, sizeof(p->gate->buffer), 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        p->peer_done = n == 0;
        p->drained += (size_t)n;
        if (p->drained > DRAIN_MAX)
            return -1;
    }
    return 0;
}

/* 0: all is out and the peer knows; 1: the socket is full; -1: the peer is gone. */
static int pending_send(struct pending *p)
{
    while (p->sent < p->out.len) {
        ssize_t n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 1 : -1;
        p->sent += (size_t)n;
    }
    if (!p->shut)
        shutdown(p->fd, SHUT_WR);
    p->shut = true;
    return 0;
}

static void pending_leave(struct pending *p)
{
    int rc = pending_send(p), events;
    if (rc < 0 || pending_drain(p) || (p->shut && p->peer_done)) {
        pending_close(p);
        return;
    }
    events = (p->shut ? 0 : UV_WRITABLE) | (p->peer_done ? 0 : UV_READABLE);
    if (pending_poll(p, events))
        pending_close(p);
}

/* The answer is in p->out. */
static void pending_answer(struct pending *p)
{
    struct gate *gate = p->gate;
    pending_unlist(p);
    p->leaving = true;
    p->due_ms = loop_now_ms(gate->loop) + LEAVE_MS;
    list_append(&gate->leaving, &p->link);
    gate->leaving_count++;
    if (gate->leaving_count > gate->config.pending_max)
        pending_close(list_entry(gate->leaving.next, struct pending, link));
    run_timer(gate);
    pending_leave(p);
}

static void pending_refuse(struct pending *p, const struct gate_answer *answer)
{
    struct gate *gate = p->gate;
    log_debug("gate_refused", LOG_T("peer", p->peer), LOG_N("status", answer->status),
              LOG_T("reason", gate_reason_names[answer->reason]), LOG_T("error", answer->error));
    if (gate->hooks.refused)
        gate->hooks.refused(gate->arg, answer->status, answer->reason, p->peer);
    gate_reply_refusal(answer, clock_wall_ms() / 1000, &p->out);
    pending_answer(p);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct pending *p = poll->data;
    if (!p)
        return;
    if (status < 0)
        pending_close(p);
    else if (p->leaving)
        pending_leave(p);
    else
        pending_read(p);
}

/* Runs while somebody waits or leaves. */
static void run_timer(struct gate *gate)
{
    if (gate->waiting_count + gate->leaving_count == 0)
        loop_timer_stop(gate->timer);
    else if (!loop_timer_active(gate->timer))
        loop_timer_start(gate->timer, TICK_MS, TICK_MS);
}

static void pending_time_out(struct pending *p)
{
    struct gate_answer answer;
    if (p->leaving) {
        pending_close(p);
        return;
    }
    if (p->in.len == 0) {
        /* A browser's spare connection: an answer to no question would puzzle it. */
        log_debug("gate_refused", LOG_T("peer", p->peer), LOG_N("status", 408), LOG_T("reason", "timeout"));
        if (p->gate->hooks.refused)
            p->gate->hooks.refused(p->gate->arg, 408, GATE_REASON_TIMEOUT, p->peer);
        pending_close(p);
        return;
    }
    gate_answer_set(&answer, 408, GATE_REASON_TIMEOUT, "The request did not come in time");
    pending_refuse(p, &answer);
}

static void expire(struct gate *gate, struct list *requests)
{
    int64_t now = loop_now_ms(gate->loop);
    while (!list_empty(requests)) {
        struct pending *p = list_entry(requests->next, struct pending, link);
        if (p->due_ms > now)
            return;
        pending_time_out(p);
    }
}

static void on_timer(void *arg)
{
    struct gate *gate = arg;
    expire(gate, &gate->waiting);
    expire(gate, &gate->leaving);
    run_timer(gate);
}

static void refuse_oldest(struct gate *gate)
{
    struct gate_answer answer;
    gate_answer_set(&answer, 503, GATE_REASON_OVERLOAD, "Too many connections have not sent their request");
    answer.retry_after_s = 1;
    pending_refuse(list_entry(gate->waiting.next, struct pending, link), &answer);
}

/* Whether its address has as many that wait as it may; else it is counted from now on. */
static bool address_is_full(struct pending *p)
{
    struct gate *gate = p->gate;
    struct quota_limits limits = {.most_per_address = (int64_t)gate->config.pending_per_address};
    char address[ADDRESS_SIZE];
    int64_t wait_ms;
    if (gate->config.pending_per_address == 0 ||
        proxies_trust(gate->config.trusted_proxies, span_of(p->peer)))
        return false;
    address_quota_name(p->peer, address);
    return quota_take(&gate->addresses, &limits, SPAN_NONE, span_of(address), 0, &p->place, &wait_ms) !=
           QUOTA_TAKEN;
}

static void refuse_full_address(struct pending *p)
{
    struct gate_answer answer;
    gate_answer_set(&answer, 429, GATE_REASON_QUOTA,
                    "Too many connections from this address have not sent their request");
    answer.retry_after_s = 30;
    pending_refuse(p, &answer);
}

static void refuse_head(struct pending *p, int status)
{
    struct gate_answer answer;
    if (status == 431)
        gate_answer_set(&answer, status, GATE_REASON_TOO_LARGE, "The request head is too large");
    else if (status == 505)
        gate_answer_set(&answer, status, GATE_REASON_REQUEST, "Only HTTP/1.1 is spoken here");
    else
        gate_answer_set(&answer, status, GATE_REASON_REQUEST, "Malformed HTTP request");
    pending_refuse(p, &answer);
}

static bool is_near(const struct pending *p, const struct gate_head *head)
{
    const struct gate_config *config = &p->gate->config;
    for (size_t i = 0; i < head->header_count; i++)
        if (proxies_header(head->headers[i].name))
            return false;
    return address_is_local(p->peer) &&
           host_allowed(config->allowed_hosts, config->allowed_origins, gate_head_get(head, "host"));
}

static void serve_plain(struct pending *p, const struct gate_head *head)
{
    struct gate *gate = p->gate;
    struct gate_answer answer;
    bytes_auto body = BYTES_INIT;
    const char *type = "text/plain; charset=utf-8";
    int status;

    if (!gate->hooks.serve) {
        gate_answer_set(&answer, 404, GATE_REASON_PATH, "Not found");
        pending_refuse(p, &answer);
        return;
    }
    status = gate->hooks.serve(gate->arg, head->path, is_near(p, head), &body, &type);
    gate_reply_plain(status, type, bytes_span(&body), span_equal(head->method, SPAN("HEAD")),
                     clock_wall_ms() / 1000, &p->out);
    pending_answer(p);
}

static int ask_admission(struct gate *gate, struct gate_request *request, struct gate_answer *answer)
{
    struct gate_refusal refusal = {
        .status = 503, .error = "Not available now", .reason = GATE_REASON_UNAVAILABLE};
    if (!gate->hooks.admit || gate->hooks.admit(gate->arg, request, &refusal) == 0)
        return 0;
    gate_answer_set(answer, refusal.status, refusal.reason, "%s", refusal.error);
    answer->retry_after_s = refusal.retry_after_s;
    return -1;
}

/* From here on the socket is the hook's. */
static void hand_over(struct pending *p, struct span data, const struct gate_head *head,
                      struct gate_request *request, struct span protocol)
{
    struct gate *gate = p->gate;
    mem_auto char *echo = mem_strndup(protocol.len ? protocol.data : "", protocol.len);

    bytes_reset(&gate->synthetic);
    gate_request_synthesize(head, &gate->synthetic);
    bytes_append(&gate->synthetic, data.data + head->length, data.len - head->length);
    pending_unlist(p);
    pending_unpoll(p);
    gate->hooks.upgrade(gate->arg, p->fd, request, bytes_span(&gate->synthetic), echo);
    pending_free(p);
}

static void serve_upgrade(struct pending *p, struct span data, const struct gate_head *head)
{
    struct gate *gate = p->gate;
    struct gate_request request;
    struct gate_answer answer;
    struct span protocol;
    bytes_reset(&gate->scratch);
    if (gate_request_read(&gate->config, head, clock_wall_ms() / 1000, &gate->scratch, &request, &protocol,
                          &answer)) {
        pending_refuse(p, &answer);
        return;
    }
    request.peer = p->peer;
    request.via = p->via;
    request.head = head;
    if (ask_admission(gate, &request, &answer))
        pending_refuse(p, &answer);
    else
        hand_over(p, data, head, &request, protocol);
    token_finish(&request.token);
}

/* All values of the headers of a name. */
static struct proxies_values values_of(const struct gate_head *head, struct span name,
                                       struct span room[GATE_HEADERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++)
        if (span_equal_nocase(head->headers[i].name, name))
            room[count++] = head->headers[i].value;
    return (struct proxies_values){room, count};
}

/* The operator must hear of it: all who come through that proxy count as one client. */
static void warn_of_contradiction(struct pending *p, const struct proxies_values *x_forwarded_for,
                                  const struct proxies_values *forwarded)
{
    int64_t left_out;
    if (log_limit_pass(&p->gate->contradictions, loop_now_ms(p->gate->loop), &left_out))
        log_warn("forwarded_headers_differ", LOG_T("peer", p->peer),
                 LOG_S("x_forwarded_for", x_forwarded_for->at[x_forwarded_for->count - 1]),
                 LOG_S("forwarded", forwarded->at[forwarded->count - 1]), LOG_N("left_out", left_out),
                 LOG_T("hint", "the proxy must set one of these headers and remove the other"));
}

/* From here on the peer is whom the request came from. */
static void take_client(struct pending *p, const struct gate_head *head)
{
    struct span list[GATE_HEADERS_MAX], elements[GATE_HEADERS_MAX];
    struct proxies_values x_forwarded_for = values_of(head, SPAN("x-forwarded-for"), list);
    struct proxies_values forwarded = values_of(head, SPAN("forwarded"), elements);
    char client[ADDRESS_SIZE];
    if (proxies_client(p->gate->config.trusted_proxies, span_of(p->peer), &x_forwarded_for, &forwarded,
                       client))
        warn_of_contradiction(p, &x_forwarded_for, &forwarded);
    memcpy(p->via, p->peer, sizeof(p->via));
    memcpy(p->peer, client, sizeof(client));
}

static void refuse_draining(struct pending *p)
{
    struct gate_answer answer;
    gate_answer_set(&answer, 503, GATE_REASON_UNAVAILABLE, "draining");
    answer.retry_after_s = 1;
    pending_refuse(p, &answer);
}

static void pending_serve(struct pending *p, struct span data, const struct gate_head *head)
{
    struct gate_answer answer;
    enum gate_kind kind;
    int rc;
    pending_unlist(p);
    take_client(p, head);
    rc = gate_request_kind(&p->gate->config, head, &kind, &answer);
    if (p->gate->draining && (rc || kind != GATE_PLAIN))
        refuse_draining(p);
    else if (rc)
        pending_refuse(p, &answer);
    else if (kind == GATE_PLAIN)
        serve_plain(p, head);
    else
        serve_upgrade(p, data, head);
}

/* The new bytes stand at the end of data. A head that drips is not parsed again for each byte. */
static void pending_parse(struct pending *p, struct span data, size_t fresh)
{
    struct gate_head head;
    int rc = -1;
    if (fresh == data.len || data.len >= GATE_HEAD_MAX || memchr(data.data + data.len - fresh, '\n', fresh))
        rc = gate_head_parse(data, &head);
    if (rc == 0)
        pending_serve(p, data, &head);
    else if (rc > 0)
        refuse_head(p, rc);
    else if (pending_poll(p, UV_READABLE))
        pending_close(p);
    else if (p->in.len == 0)
        bytes_append_span(&p->in, data);
}

static void pending_read(struct pending *p)
{
    struct gate *gate = p->gate;
    ssize_t n = recv(p->fd, gate->buffer, sizeof(gate->buffer) - p->in.len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (pending_poll(p, UV_READABLE))
            pending_close(p);
        return;
    }
    if (n <= 0) {
        pending_close(p);
        return;
    }
    if (p->in.len == 0) {
        pending_parse(p, (struct span){gate->buffer, (size_t)n}, (size_t)n);
        return;
    }
    bytes_append(&p->in, gate->buffer, (size_t)n);
    pending_parse(p, bytes_span(&p->in), (size_t)n);
}

void gate_accept(struct gate *gate, int fd, const char *peer)
{
    struct pending *p = mem_zalloc(sizeof(*p));
    p->gate = gate;
    p->fd = fd;
    p->due_ms = loop_now_ms(gate->loop) + gate->config.head_timeout_ms;
    if (span_copy(span_of(peer), p->peer, sizeof(p->peer)))
        p->peer[0] = '\0';
    list_append(&gate->waiting, &p->link);
    gate->waiting_count++;
    if (address_is_full(p))
        refuse_full_address(p);
    else
        pending_read(p);
    if (gate->waiting_count > gate->config.pending_max)
        refuse_oldest(gate);
    run_timer(gate);
}

static struct pending *pending_again(struct gate *gate, int fd, const char *peer)
{
    struct pending *p = mem_zalloc(sizeof(*p));
    p->gate = gate;
    p->fd = fd;
    list_init(&p->link);
    span_copy(span_of(peer), p->peer, sizeof(p->peer));
    return p;
}

void gate_refuse(struct gate *gate, int fd, const char *peer, const struct gate_refusal *refusal)
{
    struct gate_answer answer;
    gate_answer_set(&answer, refusal->status, refusal->reason, "%s", refusal->error);
    answer.retry_after_s = refusal->retry_after_s;
    pending_refuse(pending_again(gate, fd, peer), &answer);
}

void gate_pass_refusal(struct gate *gate, int fd, const char *peer, int status, struct span answer)
{
    struct pending *p = pending_again(gate, fd, peer);
    if (gate->hooks.refused)
        gate->hooks.refused(gate->arg, status, GATE_REASON_UPSTREAM, peer);
    bytes_append_span(&p->out, answer);
    pending_answer(p);
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
    quota_init(&gate->addresses);
    return gate;
}

void gate_set_keys(struct gate *gate, const struct token_keys *keys)
{
    gate->config.keys = keys;
}

void gate_drain(struct gate *gate)
{
    gate->draining = true;
}

struct gate_wait {
    struct gate *gate;
    int64_t from_ms, until_ms;
};

static void on_linger(void *arg)
{
    const struct gate_wait *l = arg;
    int64_t now_ms = clock_mono_ms();
    bool nobody = l->gate->waiting_count + l->gate->leaving_count == 0;
    if ((nobody && now_ms >= l->from_ms) || now_ms >= l->until_ms)
        loop_stop(l->gate->loop);
}

void gate_linger(struct gate *gate, int64_t least_ms, int64_t most_ms)
{
    int64_t now_ms = clock_mono_ms();
    struct gate_wait wait = {gate, now_ms + least_ms, now_ms + most_ms};
    struct loop_timer *timer = loop_timer_create(gate->loop, on_linger, &wait);
    loop_timer_start(timer, 0, LINGER_POLL_MS);
    loop_run(gate->loop);
    loop_timer_destroy(timer);
}

void gate_destroy(struct gate *gate)
{
    if (!gate)
        return;
    while (!list_empty(&gate->waiting))
        pending_close(list_entry(gate->waiting.next, struct pending, link));
    while (!list_empty(&gate->leaving))
        pending_close(list_entry(gate->leaving.next, struct pending, link));
    loop_timer_destroy(gate->timer);
    quota_finish(&gate->addresses);
    bytes_finish(&gate->scratch);
    bytes_finish(&gate->synthetic);
    free(gate);
}
