/* SPDX-License-Identifier: MIT */
#include "http/proxy_reader.h"

#include "base/list.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/mem.h"
#include "http/proxies.h"
#include "http/proxy_protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define TICK_MS 100

/* A connection whose header is awaited; all in one list, in order of their deadlines. */
struct pending {
    struct list link;
    struct proxy_reader *reader;
    uv_poll_t *poll; /* made when the first read did not bring the whole header */
    int fd;
    int64_t due_ms;
    struct bytes in; /* the part of the header that came */
    char peer[ADDRESS_SIZE];
};

struct proxy_reader {
    struct loop *loop;
    struct proxy_reader_config config;
    struct proxy_reader_hooks hooks;
    void *arg;
    struct loop_timer *timer;
    struct list waiting;
    size_t count;
    struct log_limit malformed;
    char buffer[PROXY_HEADER_MAX];
};

static void on_event(uv_poll_t *poll, int status, int events);

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* The descriptor must have left the loop before somebody else polls it. */
static void pending_free(struct pending *p)
{
    if (p->poll) {
        p->poll->data = NULL;
        uv_poll_stop(p->poll);
        uv_close((uv_handle_t *)p->poll, on_poll_closed);
    }
    list_remove(&p->link);
    p->reader->count--;
    bytes_finish(&p->in);
    free(p);
}

static void pending_close(struct pending *p)
{
    int fd = p->fd;
    pending_free(p);
    close(fd);
}

static void pending_refuse(struct pending *p, enum proxy_reason reason)
{
    struct proxy_reader *r = p->reader;
    pending_close(p);
    r->hooks.refused(r->arg, reason);
}

static void pending_refuse_malformed(struct pending *p)
{
    int64_t left_out;
    if (log_limit_pass(&p->reader->malformed, loop_now_ms(p->reader->loop), &left_out))
        log_info("proxy_protocol_refused", LOG_T("peer", p->peer), LOG_N("left_out", left_out),
                 LOG_T("hint", "with PRESENCE_PROXY_PROTOCOL=on a connection from PRESENCE_TRUSTED_PROXIES "
                               "begins with a PROXY header"));
    pending_refuse(p, PROXY_REASON_PROXY_PROTOCOL);
}

static void pending_wait(struct pending *p)
{
    if (!p->poll) {
        p->poll = mem_zalloc(sizeof(*p->poll));
        if (uv_poll_init(loop_uv(p->reader->loop), p->poll, p->fd)) {
            free(p->poll);
            p->poll = NULL;
            pending_close(p);
            return;
        }
        p->poll->data = p;
    }
    if (uv_poll_start(p->poll, UV_READABLE, on_event))
        pending_close(p);
}

static void pending_hand_over(struct pending *p, const char *client)
{
    struct proxy_reader *r = p->reader;
    char peer[ADDRESS_SIZE];
    int fd = p->fd;
    memcpy(peer, *client ? client : p->peer, sizeof(peer));
    pending_free(p);
    r->hooks.accepted(r->arg, fd, peer);
}

/* Bytes that were looked at only, which the socket has for certain. */
static int take_off(int fd, char *bytes, size_t count)
{
    return recv(fd, bytes, count, 0) == (ssize_t)count ? 0 : -1;
}

/* What has come is looked at first, and taken off as far as it belongs to the header. */
static void pending_read(struct pending *p)
{
    char *buffer = p->reader->buffer;
    size_t before = p->in.len;
    struct proxy_header header;
    ssize_t n;
    int rc;
    if (before > 0)
        memcpy(buffer, p->in.data, before);
    n = recv(p->fd, buffer + before, PROXY_HEADER_MAX - before, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        pending_wait(p);
        return;
    }
    if (n <= 0 && before == 0) {
        pending_close(p);
        return;
    }
    rc = n <= 0 ? -1 : proxy_header_read((struct span){buffer, before + (size_t)n}, &header);
    if (rc < 0 || take_off(p->fd, buffer + before, rc > 0 ? header.length - before : (size_t)n)) {
        pending_refuse_malformed(p);
        return;
    }
    if (rc > 0) {
        pending_hand_over(p, header.client);
        return;
    }
    bytes_append(&p->in, buffer + before, (size_t)n);
    pending_wait(p);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct pending *p = poll->data;
    if (!p)
        return;
    if (status < 0)
        pending_close(p);
    else
        pending_read(p);
}

static struct pending *oldest(const struct proxy_reader *r)
{
    return list_entry(r->waiting.next, struct pending, link);
}

static void on_timer(void *arg)
{
    struct proxy_reader *r = arg;
    while (r->count > 0 && oldest(r)->due_ms <= loop_now_ms(r->loop))
        pending_refuse(oldest(r), PROXY_REASON_TIMEOUT);
    if (r->count == 0)
        loop_timer_stop(r->timer);
}

void proxy_reader_accept(struct proxy_reader *r, int fd, const char *peer)
{
    struct pending *p;
    if (!proxies_trust(r->config.trusted, span_of(peer))) {
        r->hooks.accepted(r->arg, fd, peer);
        return;
    }
    p = mem_zalloc(sizeof(*p));
    p->reader = r;
    p->fd = fd;
    p->due_ms = loop_now_ms(r->loop) + r->config.timeout_ms;
    if (span_copy(span_of(peer), p->peer, sizeof(p->peer)))
        p->peer[0] = '\0';
    list_append(&r->waiting, &p->link);
    r->count++;
    pending_read(p);
    if (r->count > r->config.pending_max)
        pending_refuse(oldest(r), PROXY_REASON_OVERLOAD);
    if (r->count > 0 && !loop_timer_active(r->timer))
        loop_timer_start(r->timer, TICK_MS, TICK_MS);
}

size_t proxy_reader_pending(const struct proxy_reader *r)
{
    return r->count;
}

struct proxy_reader *proxy_reader_create(struct loop *loop, const struct proxy_reader_config *config,
                                         const struct proxy_reader_hooks *hooks, void *arg)
{
    struct proxy_reader *r = mem_zalloc(sizeof(*r));
    r->loop = loop;
    r->config = *config;
    r->hooks = *hooks;
    r->arg = arg;
    r->timer = loop_timer_create(loop, on_timer, r);
    list_init(&r->waiting);
    return r;
}

void proxy_reader_destroy(struct proxy_reader *r)
{
    if (!r)
        return;
    while (r->count > 0)
        pending_close(oldest(r));
    loop_timer_destroy(r->timer);
    free(r);
}
