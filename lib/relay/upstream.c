/* SPDX-License-Identifier: MIT */
#include "relay/upstream.h"

#include "base/list.h"
#include "base/mem.h"
#include "net/dial.h"
#include "relay/upstream_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define TICK_MS     20
#define RESOLVED_MS 1000 /* for so long a name is not asked for again */
#define ANSWER_MAX  (HANDSHAKE_ANSWER_MAX + UPSTREAM_REFUSAL_MAX)

/* Outlives the upstreams when they are destroyed meanwhile: the resolver can't be called off. */
struct resolution {
    uv_getaddrinfo_t request;
    struct upstream *upstream; /* NULL: nobody waits any more */
};

struct upstream {
    struct upstreams *of;
    const struct upstream_address *address;
    struct dial_addresses found;
    bool known; /* the addresses need no resolver */
    int64_t resolved_ms;
    struct resolution *resolution;
    struct list waiting; /* calls, for the addresses */
};

enum call_state { CALL_RESOLVES, CALL_CONNECTS, CALL_SENDS, CALL_READS };

struct upstream_call {
    struct list link;    /* in upstreams.calls, in order of their deadlines */
    struct list waiting; /* in upstream.waiting */
    struct upstream *upstream;
    void (*answered)(void *arg, const struct upstream_answer *answer);
    void *arg;
    enum call_state state;
    size_t tried; /* addresses */
    int fd;       /* -1: none */
    struct loop_watch *watch;
    int64_t due_ms;
    struct bytes request;
    size_t sent;
    char key[25];
    struct bytes answer;
    char why[200]; /* the last address failed */
};

struct upstreams {
    struct loop *loop;
    int64_t timeout_ms;
    struct upstream_list list;
    struct upstream *at;
    struct list calls;
    struct list failed;  /* whose last address failed, to be answered in the next turn */
    struct list crowded; /* whose unix socket had no place in its queue, tried again with the next tick */
    struct loop_timer *timer;
    struct loop_task *task;
};

/* The descriptor leaves the loop before it is closed, or watched by another. */
static void hang_up(struct upstream_call *c)
{
    loop_watch_destroy(c->watch);
    c->watch = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void upstream_cancel(struct upstream_call *c)
{
    hang_up(c);
    list_remove(&c->link);
    list_remove(&c->waiting);
    bytes_finish(&c->request);
    bytes_finish(&c->answer);
    free(c);
}

static void answer(struct upstream_call *c, struct upstream_answer *a)
{
    a->address = c->upstream->address->text;
    c->answered(c->arg, a);
    upstream_cancel(c);
}

static void fail(struct upstream_call *c, enum upstream_outcome outcome, const char *why)
{
    struct upstream_answer a = {.outcome = outcome, .fd = -1, .why = why};
    answer(c, &a);
}

static void accept_answer(struct upstream_call *c, const struct handshake_answer *head)
{
    struct span all = bytes_span(&c->answer);
    struct upstream_answer a = {.outcome = UPSTREAM_ACCEPTED, .fd = c->fd, .protocol = head->protocol};
    a.early = (struct span){all.data + head->length, all.len - head->length};
    loop_watch_destroy(c->watch);
    c->watch = NULL;
    c->fd = -1;
    answer(c, &a);
}

/* ended: the upstream says no more. Returns whether it was answered. */
static bool read_answer(struct upstream_call *c, bool ended)
{
    struct span all = bytes_span(&c->answer);
    struct handshake_answer head;
    int result = handshake_answer_read(all, span_of(c->key), &head);
    if (result == 0)
        return false;
    if (result > 0 && head.status == 101) {
        accept_answer(c, &head);
        return true;
    }
    if (result < 0 || head.status < 200) {
        fail(c, UPSTREAM_INVALID, "it did not answer as a WebSocket server does");
        return true;
    }
    struct span body = {all.data + head.length, all.len - head.length};
    if (!upstream_refusal_complete(&head, body, ended))
        return false;
    bytes_auto refusal = BYTES_INIT;
    upstream_refusal_write(&head, body, &refusal);
    struct upstream_answer a = {
        .outcome = UPSTREAM_REFUSED, .fd = -1, .status = head.status, .refusal = bytes_span(&refusal)};
    answer(c, &a);
    return true;
}

static void try_next(struct upstream_call *c);

static void on_read(struct upstream_call *c)
{
    char data[4096];
    ssize_t n = recv(c->fd, data, sizeof(data), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        bytes_append(&c->answer, data, (size_t)n);
    if (read_answer(c, n <= 0) || n > 0)
        return;
    fail(c, UPSTREAM_UNREACHABLE, n < 0 ? strerror(errno) : "it ended the connection without an answer");
}

static void on_write(struct upstream_call *c)
{
    ssize_t n = send(c->fd, c->request.data + c->sent, c->request.len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fail(c, UPSTREAM_UNREACHABLE, strerror(errno));
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent < c->request.len)
        return;
    c->state = CALL_READS;
    loop_watch_want(c->watch, LOOP_READ);
}

static void on_connected(struct upstream_call *c)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        snprintf(c->why, sizeof(c->why), "%s", strerror(error));
        try_next(c);
        return;
    }
    c->state = CALL_SENDS;
    on_write(c);
}

static void on_events(void *arg, int events)
{
    struct upstream_call *c = arg;
    if (c->state == CALL_CONNECTS)
        on_connected(c);
    else if (c->state == CALL_SENDS)
        on_write(c);
    else
        on_read(c);
}

static int dial_next(struct upstream_call *c)
{
    const struct upstream *u = c->upstream;
    size_t at = c->tried++;
    if (u->address->path[0])
        return at == 0 ? dial_unix(u->address->path) : -1;
    return dial_tcp(u->found.ip[at], u->address->port);
}

/* The next address, or the call has failed, which is said with the next turn. */
static void try_next(struct upstream_call *c)
{
    struct upstreams *us = c->upstream->of;
    size_t count = c->upstream->address->path[0] ? 1 : c->upstream->found.count;
    hang_up(c);
    while (c->tried < count) {
        c->fd = dial_next(c);
        if (c->fd >= 0)
            c->watch = loop_watch_create(us->loop, c->fd, on_events, c);
        if (c->watch) {
            c->state = CALL_CONNECTS;
            loop_watch_want(c->watch, LOOP_WRITE);
            return;
        }
        snprintf(c->why, sizeof(c->why), "%s", strerror(errno));
        bool crowded = errno == EAGAIN;
        hang_up(c);
        if (crowded) {
            c->tried = 0;
            list_append(&us->crowded, &c->waiting);
            return;
        }
    }
    list_append(&us->failed, &c->waiting);
    loop_task_want(us->task);
}

static void retry_crowded(struct upstreams *us)
{
    struct list batch;
    list_init(&batch);
    list_take(&batch, &us->crowded);
    while (!list_empty(&batch)) {
        struct upstream_call *c = list_entry(batch.next, struct upstream_call, waiting);
        list_remove(&c->waiting);
        try_next(c);
    }
}

static void on_failed(void *arg)
{
    struct upstreams *us = arg;
    while (!list_empty(&us->failed)) {
        struct upstream_call *c = list_entry(us->failed.next, struct upstream_call, waiting);
        fail(c, UPSTREAM_UNREACHABLE, c->why);
    }
}

static void take_addresses(struct upstream *u, const char *why)
{
    struct list waiting;
    list_init(&waiting);
    list_take(&waiting, &u->waiting);
    while (!list_empty(&waiting)) {
        struct upstream_call *c = list_entry(waiting.next, struct upstream_call, waiting);
        list_remove(&c->waiting);
        snprintf(c->why, sizeof(c->why), "%s", why);
        try_next(c);
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolution *r = request->data;
    struct upstream *u = r->upstream;
    free(r);
    if (u) {
        u->resolution = NULL;
        u->resolved_ms = loop_now_ms(u->of->loop);
        dial_addresses_take(list, &u->found);
        take_addresses(u, status < 0 ? uv_strerror(status) : "the name has no address");
    }
    uv_freeaddrinfo(list);
}

static void resolve(struct upstream *u)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (u->resolution)
        return;
    u->resolution = mem_zalloc(sizeof(*u->resolution));
    u->resolution->upstream = u;
    u->resolution->request.data = u->resolution;
    if (uv_getaddrinfo(loop_uv(u->of->loop), &u->resolution->request, on_resolved, u->address->host, NULL,
                       &hints) == 0)
        return;
    free(u->resolution);
    u->resolution = NULL;
    u->found.count = 0;
    take_addresses(u, "the resolver can't be asked");
}

static void on_tick(void *arg)
{
    struct upstreams *us = arg;
    int64_t now_ms = loop_now_ms(us->loop);
    retry_crowded(us);
    while (!list_empty(&us->calls)) {
        struct upstream_call *c = list_entry(us->calls.next, struct upstream_call, link);
        if (c->due_ms > now_ms)
            return;
        /* What has come of a refusal's body is better than none. */
        if (!read_answer(c, true))
            fail(c, UPSTREAM_LATE, "no answer in time");
    }
    loop_timer_stop(us->timer);
}

struct upstream_call *upstream_ask(struct upstreams *us, struct span user, struct span request,
                                   struct span key,
                                   void (*answered)(void *arg, const struct upstream_answer *answer),
                                   void *arg)
{
    struct upstream *u = &us->at[upstream_list_choose(&us->list, user)];
    struct upstream_call *c = mem_zalloc(sizeof(*c));
    int64_t now_ms = loop_now_ms(us->loop);
    c->upstream = u;
    c->answered = answered;
    c->arg = arg;
    c->fd = -1;
    c->due_ms = now_ms + us->timeout_ms;
    bytes_append_span(&c->request, request);
    span_copy(key, c->key, sizeof(c->key));
    list_init(&c->waiting);
    list_append(&us->calls, &c->link);
    if (!loop_timer_active(us->timer))
        loop_timer_start(us->timer, TICK_MS, TICK_MS);
    if (u->known || (u->found.count > 0 && now_ms - u->resolved_ms < RESOLVED_MS)) {
        try_next(c);
    } else {
        list_append(&u->waiting, &c->waiting);
        resolve(u);
    }
    return c;
}

struct upstreams *upstreams_create(struct loop *loop, const char *list, int64_t timeout_ms)
{
    char error[400];
    struct upstreams *us = mem_zalloc(sizeof(*us));
    us->loop = loop;
    us->timeout_ms = timeout_ms;
    upstream_list_parse(list, &us->list, error, sizeof(error));
    us->at = mem_array(us->list.count, sizeof(*us->at));
    for (size_t i = 0; i < us->list.count; i++) {
        struct upstream *u = &us->at[i];
        *u = (struct upstream){.of = us, .address = &us->list.at[i]};
        list_init(&u->waiting);
        u->known = u->address->path[0] || dial_addresses_known(u->address->host, &u->found);
    }
    list_init(&us->calls);
    list_init(&us->failed);
    list_init(&us->crowded);
    us->timer = loop_timer_create(loop, on_tick, us);
    us->task = loop_task_create(loop, on_failed, us);
    return us;
}

void upstreams_destroy(struct upstreams *us)
{
    if (!us)
        return;
    for (size_t i = 0; i < us->list.count; i++)
        if (us->at[i].resolution)
            us->at[i].resolution->upstream = NULL;
    loop_timer_destroy(us->timer);
    loop_task_destroy(us->task);
    upstream_list_finish(&us->list);
    free(us->at);
    free(us);
}
