/* SPDX-License-Identifier: MIT */
#include "redis/redis_adapter.h"

#include "base/mem.h"
#include "net/dial.h"
#include "redis/redis_config.h"
#include "redis/redis_replies.h"
#include "redis/redis_tls.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define READ_MAX  65536  /* bytes in a turn */
#define PIECE     2048   /* of them, for hiredis's reader */
#define SPARE_MAX 131072 /* bytes that are kept from one answer to the next */
#define EARLY     8192   /* bytes at once: Redis begins with them while this turn of the loop goes on */
#define TLS_ALERT 0x15   /* a record's type (RFC 8446, 5.1): what a TLS server answers to plain commands */

struct redis_adapter {
    struct loop *loop;
    struct arena replies; /* those that the owner has not let go */
    uv_poll_t poll;
    int events; /* waited for */
    int fd;
    struct redis_tls *tls; /* NULL: plain */
    struct bytes queued;   /* commands of this turn */
    struct bytes unsent;   /* as the socket wants it */
    struct loop_task *write;
    redisReader *reader;
    const struct redis_adapter_hooks *hooks; /* NULL once closed */
    void *arg;
    bool connected; /* the socket */
    bool tcp;
    bool heard;   /* Redis has said something */
    bool serving; /* an event; who closes it meanwhile leaves the rest to that */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void wait_for(struct redis_adapter *a, int events)
{
    a->events = events;
    loop_wake_on(a->loop, a->fd,
                 (short)((events & UV_READABLE ? POLLIN : 0) | (events & UV_WRITABLE ? POLLOUT : 0)));
    uv_poll_start(&a->poll, events, on_poll);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The descriptor leaves the loop before it is closed. */
static void adapter_free(struct redis_adapter *a)
{
    loop_wake_on(a->loop, a->fd, 0);
    loop_task_destroy(a->write);
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
    close(a->fd);
    redis_tls_destroy(a->tls);
    redisReaderFree(a->reader);
    bytes_finish(&a->queued);
    bytes_finish(&a->unsent);
    arena_finish(&a->replies);
}

static void adapter_fail(struct redis_adapter *a, const char *error)
{
    const struct redis_adapter_hooks *hooks = a->hooks;
    void *arg = a->arg;
    char why[400];
    snprintf(why, sizeof(why), "%s", error);
    adapter_free(a);
    hooks->closed(arg, why);
}

/* The functions below return what went wrong, or NULL, also where the adapter was closed by a hook. */

/* Who ends the connection before it has said a word: a server often can't say why. */
static const char *explain_end(const struct redis_adapter *a, const char *otherwise)
{
    if (a->heard || !a->tcp)
        return otherwise;
    if (!a->tls)
        return "the connection was ended without a word; the server may speak TLS at this port "
               "(" REDIS_TLS_ASKED_BY ")";
    if (!redis_tls_established(a->tls))
        return "TLS: the connection was ended in the handshake; the server may not speak TLS at this port "
               "(" REDIS_TLS_NOT_ASKED_BY ")";
    return "TLS: the connection was ended after the handshake; the server may demand a certificate, or "
           "refuse that "
           "of REDIS_TLS_CERT_FILE";
}

static const char *send_unsent(struct redis_adapter *a)
{
    ssize_t n = a->unsent.len ? send(a->fd, a->unsent.data, a->unsent.len, MSG_NOSIGNAL) : 0;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : explain_end(a, strerror(errno));
    bytes_consume(&a->unsent, (size_t)n);
    return NULL;
}

/* The rest waits for the socket. */
static const char *serve_write(struct redis_adapter *a)
{
    if (!a->tls)
        bytes_append_span(&a->unsent, bytes_span(&a->queued));
    else if (a->queued.len && redis_tls_send(a->tls, bytes_span(&a->queued), &a->unsent) < 0)
        return redis_tls_error(a->tls);
    bytes_reset(&a->queued);
    const char *error = send_unsent(a);
    int events = UV_READABLE | (a->unsent.len ? UV_WRITABLE : 0);
    if (a->events != events)
        wait_for(a, events);
    return error;
}

static const char *serve_replies(struct redis_adapter *a)
{
    void *reply = NULL;
    while (a->hooks) {
        if (redisReaderGetReply(a->reader, &reply) != REDIS_OK)
            return a->reader->errstr;
        if (!reply)
            return NULL;
        if (!a->hooks->reply(a->arg, reply))
            arena_reset(&a->replies, SPARE_MAX);
    }
    return NULL;
}

/* hiredis's own asynchronous half aborts the process where an answer has a shape that it does not expect; its
 * reader takes any. It moves what it has not read yet to the front all the time, so that it gets little at once.
 */
static const char *take_plain(struct redis_adapter *a, struct span plain)
{
    const char *error = NULL;
    a->heard |= plain.len > 0;
    for (size_t at = 0; at < plain.len && !error && a->hooks; at += PIECE) {
        size_t left = plain.len - at;
        redisReaderFeed(a->reader, plain.data + at, left < PIECE ? left : PIECE);
        error = serve_replies(a);
    }
    return error;
}

/* An alert is sent before the connection ends by it. What was said before the end is heard first. */
static const char *take_encrypted(struct redis_adapter *a, struct span received)
{
    bytes_auto plain = BYTES_INIT;
    bool was_established = redis_tls_established(a->tls);
    int code = redis_tls_receive(a->tls, received, &plain, &a->unsent);
    const char *error = serve_write(a);
    if (!was_established && redis_tls_established(a->tls))
        a->hooks->opened(a->arg);
    if (!error)
        error = take_plain(a, bytes_span(&plain));
    return code < 0 ? redis_tls_error(a->tls) : error;
}

static const char *finish_connect(struct redis_adapter *a)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        return strerror(error);
    a->connected = true;
    wait_for(a, UV_READABLE);
    if (a->tls)
        return take_encrypted(a, SPAN_NONE);
    a->hooks->opened(a->arg);
    return NULL;
}

static const char *serve_read(struct redis_adapter *a)
{
    char data[READ_MAX];
    ssize_t n = recv(a->fd, data, sizeof(data), 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : explain_end(a, strerror(errno));
    if (n == 0)
        return explain_end(a, "the connection was closed");
    if (a->tls)
        return take_encrypted(a, (struct span){data, (size_t)n});
    if (!a->heard && data[0] == TLS_ALERT)
        return "the server speaks TLS at this port (" REDIS_TLS_ASKED_BY ")";
    return take_plain(a, (struct span){data, (size_t)n});
}

static const char *serve(struct redis_adapter *a, int events)
{
    const char *error = NULL;
    if (!a->connected)
        return finish_connect(a);
    if (events & UV_READABLE)
        error = serve_read(a);
    if (!error && a->hooks && events & UV_WRITABLE)
        error = serve_write(a);
    return error;
}

/* On an error libuv stops watching and says no more; reading or writing finds it. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis_adapter *a = poll->data;
    const char *error;
    a->serving = true;
    error = serve(a, status < 0 ? a->events : events);
    a->serving = false;
    if (!a->hooks)
        adapter_free(a);
    else if (error)
        adapter_fail(a, error);
    else if (status < 0)
        wait_for(a, a->events);
}

static void on_write(void *arg)
{
    struct redis_adapter *a = arg;
    const char *error = a->connected ? serve_write(a) : NULL;
    if (error)
        adapter_fail(a, error);
}

struct redis_adapter *redis_adapter_open(struct loop *loop, const struct redis_config *config,
                                         const struct redis_adapter_place *place,
                                         const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                         size_t size)
{
    struct redis_tls *tls = NULL;
    if (config->tls && !place->unix_path && !(tls = redis_tls_create(config, place->host, why, size)))
        return NULL;
    int fd = place->unix_path ? dial_unix(place->unix_path) : dial_tcp(place->ip, place->port);
    struct redis_adapter *a = mem_zalloc(sizeof(*a));
    if (fd < 0 || uv_poll_init(loop_uv(loop), &a->poll, fd) != 0) {
        snprintf(why, size, "%s", fd < 0 ? strerror(errno) : "the loop takes no descriptor more");
        if (fd >= 0)
            close(fd);
        redis_tls_destroy(tls);
        free(a);
        return NULL;
    }
    a->loop = loop;
    a->fd = fd;
    a->tcp = !place->unix_path;
    a->tls = tls;
    a->write = loop_task_create(loop, on_write, a);
    a->reader = redis_replies_reader(&a->replies);
    a->hooks = hooks;
    a->arg = arg;
    a->poll.data = a;
    wait_for(a, UV_WRITABLE);
    return a;
}

void redis_adapter_close(struct redis_adapter *a)
{
    a->hooks = NULL;
    if (!a->serving)
        adapter_free(a);
}

const char *redis_adapter_lateness(const struct redis_adapter *a)
{
    if (a->connected && a->tls)
        return "TLS: no handshake in time; the server may not speak TLS at this port (" REDIS_TLS_NOT_ASKED_BY
               ")";
    return "no connection in time";
}

void redis_adapter_send(struct redis_adapter *a, struct span commands)
{
    bytes_append_span(&a->queued, commands);
    if (a->events & UV_WRITABLE)
        return;
    loop_task_want(a->write);
    if (commands.len < EARLY || !a->connected || a->tls)
        return;
    bytes_append_span(&a->unsent, bytes_span(&a->queued));
    bytes_reset(&a->queued);
    send_unsent(a); /* the task meets the same error, and tells the owner */
}

size_t redis_adapter_queued(const struct redis_adapter *a)
{
    return a->queued.len + a->unsent.len;
}
