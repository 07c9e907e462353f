#include "net/redis_adapter.h"

#include "base/mem.h"

#include <hiredis/async.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct redis_adapter {
    struct loop *loop;
    uv_poll_t poll;
    int fd;                     /* hiredis may have closed and forgotten it before we hear of the end */
    int events;                 /* what hiredis waits for */
    redisAsyncContext *context; /* NULL once hiredis has freed it */
    const struct redis_adapter_hooks *hooks; /* NULL once closed */
    void *arg;
    struct bytes command;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void wait_for(struct redis_adapter *a, int events)
{
    a->events = events;
    loop_attend(a->loop, a->fd,
                (short)((events & UV_READABLE ? POLLIN : 0) | (events & UV_WRITABLE ? POLLOUT : 0)));
    if (events)
        uv_poll_start(&a->poll, events, on_poll);
    else
        uv_poll_stop(&a->poll);
}

/* On an error libuv stops watching and says no more; hiredis finds it when it reads or writes. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis_adapter *a = poll->data;
    if (status < 0)
        events = a->events;
    if (a->context && events & UV_READABLE)
        redisAsyncHandleRead(a->context);
    if (a->context && events & UV_WRITABLE)
        redisAsyncHandleWrite(a->context);
    if (a->context && status < 0)
        wait_for(a, a->events);
}

static void add_event(struct redis_adapter *a, int event)
{
    if (!(a->events & event))
        wait_for(a, a->events | event);
}

static void remove_event(struct redis_adapter *a, int event)
{
    if (a->events & event)
        wait_for(a, a->events & ~event);
}

static void on_add_read(void *data)
{
    add_event(data, UV_READABLE);
}

static void on_remove_read(void *data)
{
    remove_event(data, UV_READABLE);
}

static void on_add_write(void *data)
{
    add_event(data, UV_WRITABLE);
}

static void on_remove_write(void *data)
{
    remove_event(data, UV_WRITABLE);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct redis_adapter *a = handle->data;
    bytes_finish(&a->command);
    free(a);
}

/* hiredis comes by here whatever ends a connection, also where it calls neither of its own hooks. */
static void on_cleanup(void *data)
{
    struct redis_adapter *a = data;
    const struct redis_adapter_hooks *hooks = a->hooks;
    const char *why = a->context->c.errstr;
    a->context = NULL;
    a->hooks = NULL;
    loop_attend(a->loop, a->fd, 0);
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
    if (hooks)
        hooks->closed(a->arg, *why ? why : "the connection was closed");
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_adapter *a = context->data;
    if (status == REDIS_OK && a->hooks)
        a->hooks->opened(a->arg);
}

/* NULL is what hiredis gives the rest when a connection ends. */
static void on_reply(redisAsyncContext *context, void *reply, void *data)
{
    struct redis_adapter *a = data;
    if (reply && a->hooks)
        a->hooks->reply(a->arg, reply);
}

static struct redis_adapter *adapter_create(struct loop *loop, redisAsyncContext *context,
                                            const struct redis_adapter_hooks *hooks, void *arg)
{
    struct redis_adapter *a = mem_zalloc(sizeof(*a));
    a->loop = loop;
    a->fd = context->c.fd;
    a->context = context;
    a->hooks = hooks;
    a->arg = arg;
    a->poll.data = a;
    if (uv_poll_init(loop_uv(loop), &a->poll, context->c.fd) != 0) {
        free(a);
        return NULL;
    }
    context->data = a;
    context->ev.data = a;
    context->ev.addRead = on_add_read;
    context->ev.delRead = on_remove_read;
    context->ev.addWrite = on_add_write;
    context->ev.delWrite = on_remove_write;
    context->ev.cleanup = on_cleanup;
    redisAsyncSetConnectCallback(context, on_connect);
    return a;
}

/* Owns the context from here on. */
static struct redis_adapter *adopt(struct loop *loop, redisAsyncContext *context,
                                   const struct redis_adapter_hooks *hooks, void *arg, char *why, size_t size)
{
    struct redis_adapter *a = NULL;
    if (context && !context->err)
        a = adapter_create(loop, context, hooks, arg);
    if (a)
        return a;
    snprintf(why, size, "%s",
             context && context->err ? context->errstr : "the loop takes no descriptor more");
    if (context)
        redisAsyncFree(context);
    return NULL;
}

struct redis_adapter *redis_adapter_open_tcp(struct loop *loop, const char *ip, int port,
                                             const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                             size_t size)
{
    redisAsyncContext *context = redisAsyncConnect(ip, port);
    if (context && !context->err)
        redisEnableKeepAlive(&context->c);
    return adopt(loop, context, hooks, arg, why, size);
}

struct redis_adapter *redis_adapter_open_unix(struct loop *loop, const char *path,
                                              const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                              size_t size)
{
    return adopt(loop, redisAsyncConnectUnix(path), hooks, arg, why, size);
}

void redis_adapter_close(struct redis_adapter *a)
{
    a->hooks = NULL;
    redisAsyncFree(a->context);
}

/* hiredis looks for a next argument behind the last one: there it must find a NUL. */
int redis_adapter_send(struct redis_adapter *a, struct span command)
{
    bytes_reset(&a->command);
    bytes_append_span(&a->command, command);
    const char *text = bytes_text(&a->command);
    return redisAsyncFormattedCommand(a->context, on_reply, a, text, command.len) == REDIS_OK ? 0 : -1;
}

size_t redis_adapter_queued(const struct redis_adapter *a)
{
    return sdslen(a->context->c.obuf);
}
