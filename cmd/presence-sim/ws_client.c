/* SPDX-License-Identifier: MIT */
#include "ws_client.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/rng.h"
#include "http/handshake.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define RECEIVE_SIZE   65536
#define READS_PER_TURN 16 /* so that one busy dashboard does not starve the others */

struct ws_pool {
    struct loop *loop;
    size_t message_max;
    struct rng masks;
    char receive[RECEIVE_SIZE];
};

enum state { CONNECTING, HANDSHAKE, OPEN, CLOSING, GONE };

struct ws_client {
    uv_poll_t poll;
    struct ws_pool *pool;
    const struct ws_client_hooks *hooks;
    void *arg;
    int fd;
    enum state state;
    bool frozen;
    bool writable_wanted;
    char key[WS_KEY_LEN + 1];
    struct bytes out;
    struct bytes head; /* the answer's, until it is whole */
    struct ws_reader reader;
};

struct ws_pool *ws_pool_create(struct loop *loop, size_t message_max)
{
    struct ws_pool *pool = mem_alloc(sizeof(*pool));
    pool->loop = loop;
    pool->message_max = message_max;
    /* RFC 6455, 5.3: masks must not be guessable. */
    rng_init(&pool->masks, random_u64());
    return pool;
}

void ws_pool_destroy(struct ws_pool *pool)
{
    free(pool);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct ws_client *c)
{
    int events = UV_READABLE;
    if (c->state == GONE || c->frozen)
        return;
    c->writable_wanted = c->state == CONNECTING || c->out.len;
    if (c->writable_wanted)
        events |= UV_WRITABLE;
    uv_poll_start(&c->poll, events, on_poll);
}

static void on_released(uv_handle_t *handle)
{
    struct ws_client *c = handle->data;
    ws_reader_finish(&c->reader);
    free(c);
}

static void release(struct ws_client *c)
{
    c->state = GONE;
    uv_close((uv_handle_t *)&c->poll, on_released);
    close(c->fd);
    bytes_finish(&c->out);
    bytes_finish(&c->head);
}

static void end(struct ws_client *c, enum ws_end how, int code, struct span reason)
{
    release(c);
    c->hooks->closed(c->arg, how, code, reason);
}

static int socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

/* -1 when the connection is gone. */
static int flush(struct ws_client *c)
{
    while (c->out.len) {
        ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            return -1; /* reading tells what happened, after what still waits to be read */
        bytes_consume(&c->out, (size_t)n);
    }
    if (!c->out.len)
        bytes_finish(&c->out);
    return 0;
}

static void write_out(struct ws_client *c)
{
    if (c->frozen || c->state == CONNECTING)
        return;
    if (flush(c))
        bytes_finish(&c->out);
    if ((c->out.len != 0) != c->writable_wanted)
        watch(c);
}

static void queue_frame(struct ws_client *c, enum frame_opcode opcode, struct span payload)
{
    uint64_t random = rng_next(&c->pool->masks);
    uint8_t mask[4];
    memcpy(mask, &random, sizeof(mask));
    ws_frame_write(opcode, payload, mask, &c->out);
}

static void queue_close(struct ws_client *c, unsigned code, const char *reason)
{
    bytes_auto payload = BYTES_INIT;
    if (code != 1005)
        ws_close_payload(code, reason, &payload);
    queue_frame(c, FRAME_CLOSE, bytes_span(&payload));
}

static void broken(struct ws_client *c, int code)
{
    if (c->state == OPEN) {
        queue_close(c, (unsigned)code, NULL);
        flush(c);
    }
    end(c, WS_END_BROKEN, code, SPAN_NONE);
}

static void on_close_frame(struct ws_client *c, const struct ws_event *event)
{
    char reason[128];
    size_t len = event->payload.len < sizeof(reason) ? event->payload.len : sizeof(reason);
    memcpy(reason, event->payload.data ? event->payload.data : "", len);
    if (c->state == OPEN) {
        queue_close(c, event->close_code, NULL);
        flush(c);
    }
    end(c, WS_END_CLOSED, (int)event->close_code, (struct span){reason, len});
}

static void on_event(struct ws_client *c, const struct ws_event *event)
{
    switch (event->opcode) {
    case FRAME_CLOSE: on_close_frame(c, event); break;
    case FRAME_PING:
        if (c->state == OPEN && c->out.len < WS_QUEUE_MAX) {
            queue_frame(c, FRAME_PONG, event->payload);
            write_out(c);
        }
        break;
    case FRAME_PONG: break;
    default:
        if (c->state == OPEN)
            c->hooks->message(c->arg, event->payload, event->opcode == FRAME_BINARY);
    }
}

static void read_frames(struct ws_client *c, struct span data)
{
    struct ws_event event;
    int result;
    /* A hook may have ended the connection; its reader's bytes stay until the loop lets go of it. */
    while (c->state != GONE && (result = ws_reader_next(&c->reader, &data, &event)) != 0) {
        if (result < 0) {
            broken(c, -result);
            return;
        }
        on_event(c, &event);
    }
}

static void refused(struct ws_client *c, const struct handshake_answer *answer)
{
    char reason[256];
    size_t len = c->head.len - answer->length;
    len = len < sizeof(reason) ? len : sizeof(reason);
    memcpy(reason, c->head.data + answer->length, len);
    end(c, WS_END_REFUSED, answer->status, (struct span){reason, len});
}

static void read_answer(struct ws_client *c, struct span data)
{
    struct handshake_answer answer;
    bytes_append_span(&c->head, data);
    int result = handshake_answer_read(bytes_span(&c->head), span_of(c->key), &answer);
    if (result < 0) {
        end(c, WS_END_REFUSED, 0, SPAN_NONE);
        return;
    }
    if (!result)
        return;
    if (answer.status != 101) {
        refused(c, &answer);
        return;
    }
    bytes_auto head = c->head;
    c->head = BYTES_INIT;
    c->state = OPEN;
    c->hooks->opened(c->arg, answer.protocol);
    read_frames(c, (struct span){head.data + answer.length, head.len - answer.length});
}

static void on_bytes(struct ws_client *c, struct span data)
{
    if (c->state == HANDSHAKE)
        read_answer(c, data);
    else
        read_frames(c, data);
}

static void on_read_end(struct ws_client *c, int error)
{
    enum ws_end how = c->state == HANDSHAKE ? WS_END_REFUSED : WS_END_LOST;
    end(c, how, how == WS_END_LOST ? error : 0, SPAN_NONE);
}

static void on_readable(struct ws_client *c)
{
    for (int i = 0; i < READS_PER_TURN && c->state != GONE && !c->frozen; i++) {
        ssize_t n = recv(c->fd, c->pool->receive, RECEIVE_SIZE, 0);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (n <= 0) {
            on_read_end(c, n < 0 ? errno : 0);
            return;
        }
        on_bytes(c, (struct span){c->pool->receive, (size_t)n});
        if (n < RECEIVE_SIZE)
            return;
    }
}

static void on_connected(struct ws_client *c)
{
    int error = socket_error(c->fd);
    if (error) {
        end(c, WS_END_UNREACHABLE, error, SPAN_NONE);
        return;
    }
    c->state = HANDSHAKE;
    write_out(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct ws_client *c = poll->data;
    if (c->state == CONNECTING) {
        on_connected(c);
        return;
    }
    if (status < 0) {
        /* libuv stopped watching; what arrived before the RST can still be read, and then the error. */
        on_readable(c);
        watch(c);
        return;
    }
    if (events & UV_WRITABLE)
        write_out(c);
    if (events & UV_READABLE)
        on_readable(c);
}

/* A negative errno, or the connecting descriptor. */
static int connect_from(const struct ws_target *target, const struct sockaddr_storage *source)
{
    int fd = socket(target->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return -errno;
    if (target->addr.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (source && source->ss_family == target->addr.ss_family) {
        /* The port is chosen at connect, so that one address serves more connections than it has ports. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        socklen_t len =
            source->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if (bind(fd, (const struct sockaddr *)source, len))
            goto fail;
    }
    if (connect(fd, (const struct sockaddr *)&target->addr, target->addr_len) && errno != EINPROGRESS)
        goto fail;
    return fd;
fail:;
    int error = errno;
    close(fd);
    return -error;
}

static void make_key(struct ws_client *c)
{
    bytes_auto text = BYTES_INIT;
    char random[16];
    random_bytes(random, sizeof(random));
    base64_encode((struct span){random, sizeof(random)}, &text);
    memcpy(c->key, bytes_text(&text), sizeof(c->key));
}

int ws_client_open(struct ws_pool *pool, const struct ws_target *target,
                   const struct sockaddr_storage *source, const struct ws_request *request,
                   const struct ws_client_hooks *hooks, void *arg, struct ws_client **ret)
{
    int fd = connect_from(target, source);
    if (fd < 0)
        return fd;
    struct ws_client *c = mem_zalloc(sizeof(*c));
    c->pool = pool;
    c->hooks = hooks;
    c->arg = arg;
    c->fd = fd;
    c->reader.message_max = pool->message_max;
    if (uv_poll_init(loop_uv(pool->loop), &c->poll, fd)) {
        close(fd);
        free(c);
        return -EINVAL;
    }
    c->poll.data = c;
    make_key(c);
    ws_request_write(target, request, c->key, &c->out);
    watch(c);
    *ret = c;
    return 0;
}

int ws_client_send(struct ws_client *c, struct span payload, bool binary)
{
    if (c->state != OPEN || c->out.len + payload.len > WS_QUEUE_MAX)
        return -1;
    queue_frame(c, binary ? FRAME_BINARY : FRAME_TEXT, payload);
    write_out(c);
    return 0;
}

void ws_client_close(struct ws_client *c, unsigned code, const char *reason)
{
    if (c->state != OPEN)
        return;
    queue_close(c, code, reason);
    c->state = CLOSING;
    write_out(c);
}

void ws_client_abort(struct ws_client *c)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    release(c);
}

void ws_client_drop(struct ws_client *c)
{
    release(c);
}

void ws_client_half_close(struct ws_client *c)
{
    write_out(c);
    shutdown(c->fd, SHUT_WR);
}

void ws_client_freeze(struct ws_client *c)
{
    c->frozen = true;
    uv_poll_stop(&c->poll);
}

void ws_client_thaw(struct ws_client *c)
{
    c->frozen = false;
    write_out(c);
    watch(c);
}
