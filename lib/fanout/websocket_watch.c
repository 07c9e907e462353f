/* SPDX-License-Identifier: MIT */
#include "fanout/websocket_watch.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CLOSE_WAIT_MS 2000 /* for the peer's close frame, once it can have read ours */
#define CLOSE_MOST    5    /* such times for a peer that still has bytes to read before it */
#define TICK_MS       100
#define STALLS_MOST   3

void websocket_settle(struct websocket *ws, enum websocket_end end)
{
    if (!(ws->flags & FLAG_ENDING))
        ws->end = (uint8_t)end;
    ws->flags |= FLAG_ENDING;
}

enum websocket_end websocket_end_by_error(int error)
{
    return error == ECONNRESET || error == EPIPE || error == ENOTCONN ? WEBSOCKET_CUT : WEBSOCKET_DROPPED;
}

enum websocket_end websocket_end_by_socket(struct websocket *ws)
{
    int fd = lws_get_socket_fd(ws->wsi), error = 0;
    socklen_t size = sizeof(error);
    char byte;
    ssize_t n;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error) {
        websocket_settle(ws, websocket_end_by_error(error));
        return (enum websocket_end)ws->end;
    }
    n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EAGAIN))
        return WEBSOCKET_CLOSED;
    websocket_settle(ws, n == 0 ? WEBSOCKET_CUT : websocket_end_by_error(errno));
    return (enum websocket_end)ws->end;
}

static void watch_in(struct websocket *ws, struct list *list)
{
    if (!ws->watch) {
        ws->watch = mem_zalloc(sizeof(*ws->watch));
        list_init(&ws->watch->link);
        ws->watch->ws = ws;
    }
    list_remove(&ws->watch->link);
    list_append(list, &ws->watch->link);
}

void websocket_unwatch(struct websocket *ws)
{
    if (!ws->watch)
        return;
    list_remove(&ws->watch->link);
    free(ws->watch);
    ws->watch = NULL;
}

static void want_ticks(struct websocket_endpoint *e)
{
    if (!loop_timer_active(e->timer))
        loop_timer_start(e->timer, TICK_MS, TICK_MS);
}

void websocket_watch_full(struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(ws->wsi);
    if (ws->watch)
        return;
    watch_in(ws, &e->full);
    want_ticks(e);
}

/* The peer goes on reading what was written before the close frame. */
static bool reads_on(struct websocket_watch *watch)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);
    uint64_t before = watch->acked;
    if (getsockopt(lws_get_socket_fd(watch->ws->wsi), IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return false;
    watch->acked = info.tcpi_bytes_acked;
    return watch->acked > before;
}

void websocket_watch_closing(struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(ws->wsi);
    watch_in(ws, &e->closing);
    ws->watch->due_ms = loop_now_ms(e->loop) + CLOSE_WAIT_MS;
    reads_on(ws->watch);
    want_ticks(e);
}

void websocket_kill_soon(struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(ws->wsi);
    /* A `closed` hook may still want to drop it, and the end of the endpoint is everybody's. */
    if (!(ws->flags & FLAG_OPEN) || e->destroying)
        return;
    watch_in(ws, &e->killed);
    loop_task_want(e->killer);
}

/* The library flushes politely before it closes, unless a write has failed: so make one fail. */
static void cut(struct websocket *ws)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = lws_get_socket_fd(ws->wsi);
    unsigned char nothing[LWS_PRE + 1] = {0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    shutdown(fd, SHUT_RDWR);
    lws_write(ws->wsi, nothing + LWS_PRE, 1, LWS_WRITE_RAW);
}

static void on_kill(void *arg)
{
    struct websocket_endpoint *e = arg;
    while (!list_empty(&e->killed)) {
        struct websocket *ws = list_entry(e->killed.next, struct websocket_watch, link)->ws;
        websocket_unwatch(ws);
        cut(ws);
        lws_set_timeout(ws->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
    }
}

/* The library does not read any more: it closes for a broken rule, which it tells nobody before it has
 * written what waits, and until then input makes the loop turn in circles. Input that it reads gets less. */
static bool stalls(struct websocket_watch *watch)
{
    int unread = 0;
    if (ioctl(lws_get_socket_fd(watch->ws->wsi), FIONREAD, &unread) < 0 || unread == 0 ||
        unread < watch->unread)
        watch->stalls = 0;
    else
        watch->stalls++;
    watch->unread = unread;
    return watch->stalls > STALLS_MOST;
}

/* Of those whose output waits. */
static bool is_over(struct websocket_watch *watch)
{
    if (websocket_end_by_socket(watch->ws) != WEBSOCKET_CLOSED)
        return true;
    if (!stalls(watch))
        return false;
    websocket_settle(watch->ws, WEBSOCKET_CLOSED);
    return true;
}

static void check_full(struct list *watches)
{
    struct list *next;
    for (struct list *link = watches->next; link != watches; link = next) {
        struct websocket_watch *watch = list_entry(link, struct websocket_watch, link);
        next = link->next;
        if (lws_partial_buffered(watch->ws->wsi) && is_over(watch))
            websocket_kill_soon(watch->ws);
    }
}

void websocket_watch_check(struct websocket_endpoint *e)
{
    check_full(&e->full);
    check_full(&e->closing);
}

static void on_tick(void *arg)
{
    struct websocket_endpoint *e = arg;
    int64_t now = loop_now_ms(e->loop);
    websocket_watch_check(e);
    while (!list_empty(&e->closing)) {
        struct websocket_watch *watch = list_entry(e->closing.next, struct websocket_watch, link);
        if (watch->due_ms > now)
            break;
        if (!reads_on(watch) || ++watch->waits >= CLOSE_MOST) {
            websocket_kill_soon(watch->ws);
            continue;
        }
        watch->due_ms = now + CLOSE_WAIT_MS;
        list_remove(&watch->link);
        list_append(&e->closing, &watch->link);
    }
    if (list_empty(&e->closing) && list_empty(&e->full))
        loop_timer_stop(e->timer);
}

void websocket_watch_start(struct websocket_endpoint *e)
{
    list_init(&e->full);
    list_init(&e->closing);
    list_init(&e->killed);
    e->timer = loop_timer_create(e->loop, on_tick, e);
    e->killer = loop_task_create(e->loop, on_kill, e);
}

void websocket_watch_stop(struct websocket_endpoint *e)
{
    loop_timer_destroy(e->timer);
    loop_task_destroy(e->killer);
    e->timer = NULL;
    e->killer = NULL;
}
