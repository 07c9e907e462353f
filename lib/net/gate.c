#include "base/clock.h"
#include "base/mem.h"
#include "net/gate_inner.h"
#include "net/gate_reply.h"
#include "net/proxies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

void guest_read(struct guest *g)
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

static void on_timer(void *arg)
{
    gate_expire(arg);
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
    if (gate_crowded_by(g))
        gate_refuse_crowding(g);
    else
        guest_read(g);
    if (gate->waiting_count > gate->config.pending_max)
        gate_drop_oldest(gate);
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
