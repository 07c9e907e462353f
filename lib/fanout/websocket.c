/* SPDX-License-Identifier: MIT */
#include "fanout/websocket_watch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define GATHER_MAX   4096        /* up to here one copy is cheaper than a second send() */
#define IGNORED_MOST (256 << 10) /* read at full pace behind our close frame */
#define FILES_MAX    1000000     /* more, and the library takes 2560 */
/* What a connection holds for it; control frames need 125. */
#define RECEIVE_BUFFER 128
/* Never cut a write: the default is a send() for each receive buffer's size. */
#define TRANSMIT_MAX (1 << 30)
/* The answer to an upgrade is built there, with the subprotocol in it. */
#define SERVICE_BUFFER 16384
/* An adoption needs one, and is over before the next. */
#define HEADER_POOL   2
#define DESTROY_TURNS 64
/* A loop that turns in circles makes them in less than a millisecond. */
#define CHECK_TURNS 64

struct websocket_endpoint *websocket_endpoint_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static enum websocket_written raw_write(struct websocket *ws, struct span frames)
{
    /* The library takes no const, and does not write to a raw buffer. */
    if (frames.len > 0 &&
        lws_write(ws->wsi, (unsigned char *)(uintptr_t)frames.data, frames.len, LWS_WRITE_RAW) < 0) {
        websocket_settle(ws, websocket_end_by_error(errno));
        websocket_kill_soon(ws);
        return WEBSOCKET_GONE;
    }
    if (lws_partial_buffered(ws->wsi)) {
        ws->flags |= FLAG_FULL;
        websocket_watch_full(ws);
    }
    return ws->flags & FLAG_FULL ? WEBSOCKET_FULL : WEBSOCKET_SENT;
}

enum websocket_written websocket_write(struct websocket *ws, struct span frames)
{
    if ((ws->flags & FLAG_ENDING) || websocket_endpoint_of(ws->wsi)->destroying)
        return WEBSOCKET_GONE;
    return raw_write(ws, frames);
}

static size_t gather(const struct span *parts, size_t count, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(out + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    return len;
}

enum websocket_written websocket_write_frame(struct websocket *ws, uint8_t first_byte,
                                             const struct span *parts, size_t count)
{
    enum websocket_written written;
    char small[GATHER_MAX];
    uint8_t header[10];
    size_t total = 0, len;
    for (size_t i = 0; i < count; i++)
        total += parts[i].len;
    len = frame_header(first_byte, total, header);
    memcpy(small, header, len);
    if (total <= sizeof(small) - len)
        return websocket_write(ws, (struct span){small, len + gather(parts, count, small + len)});
    /* Nothing comes between writes of one call. */
    written = websocket_write(ws, (struct span){small, len});
    for (size_t i = 0; i < count && written != WEBSOCKET_GONE; i++)
        written = websocket_write(ws, parts[i]);
    return written;
}

bool websocket_ready(const struct websocket *ws)
{
    return !(ws->flags & (FLAG_ENDING | FLAG_FULL));
}

enum websocket_written websocket_ping(struct websocket *ws)
{
    return websocket_write(ws, SPAN("\x89\x01p"));
}

static void write_close(struct websocket *ws, struct span frame)
{
    websocket_hold(ws, false);
    if (websocket_write(ws, frame) == WEBSOCKET_GONE)
        return;
    websocket_settle(ws, WEBSOCKET_CLOSED);
    websocket_watch_closing(ws);
}

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
    bytes_auto frame = BYTES_INIT;

    frame_write_close(code, reason, &frame);
    write_close(ws, bytes_span(&frame));
}

void websocket_close_with(struct websocket *ws, struct span payload)
{
    bytes_auto frame = BYTES_INIT;

    frame_append_close(payload, &frame);
    write_close(ws, bytes_span(&frame));
}

void websocket_hold(struct websocket *ws, bool hold)
{
    if (!(ws->flags & FLAG_ENDING) && hold != !!(ws->flags & FLAG_HELD)) {
        ws->flags ^= FLAG_HELD;
        lws_rx_flow_control(ws->wsi, !hold);
    }
}

void websocket_drop(struct websocket *ws)
{
    websocket_settle(ws, WEBSOCKET_DROPPED);
    websocket_kill_soon(ws);
}

const char *websocket_peer(const struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(ws->wsi);
    if (ws->flags & FLAG_UNIX)
        return "unix";
    return inet_ntop(ws->flags & FLAG_IPV4 ? AF_INET : AF_INET6, ws->peer, e->peer_text,
                     sizeof(e->peer_text));
}

static void set_peer(struct websocket *ws, const char *text)
{
    if (inet_pton(AF_INET, text, ws->peer) == 1)
        ws->flags |= FLAG_IPV4;
    else if (inet_pton(AF_INET6, text, ws->peer) != 1)
        ws->flags |= FLAG_UNIX;
}

static int on_established(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(wsi);
    if (!e->pending.request)
        return -1;
    ws->wsi = wsi;
    set_peer(ws, e->pending.request->peer);
    ws->flags |= FLAG_OPEN;
    e->count++;
    ws->owner = e->hooks.opened(e->arg, ws, e->pending.request);
    e->pending.opened = ws->owner;
    return ws->owner ? 0 : -1;
}

static int on_add_headers(struct lws *wsi, struct lws_process_html_args *args)
{
    const char *protocol = websocket_endpoint_of(wsi)->pending.protocol;
    unsigned char *at = (unsigned char *)args->p, *end = at + args->max_len;
    if (!protocol || !*protocol)
        return 0;
    if (lws_add_http_header_by_name(wsi, (const unsigned char *)"Sec-WebSocket-Protocol:",
                                    (const unsigned char *)protocol, (int)strlen(protocol), &at, end))
        return -1;
    args->p = (char *)at;
    return 0;
}

static void on_received(struct lws *wsi, struct websocket *ws, const char *data, size_t len)
{
    struct websocket_endpoint *e = websocket_endpoint_of(wsi);
    bool final = lws_is_final_fragment(wsi);
    size_t remaining = lws_remaining_packet_payload(wsi);
    if (ws->flags & FLAG_ENDING) {
        /* The peer's close frame stands behind what it had sent before it read ours. */
        if (ws->watch && (ws->watch->ignored += len) <= IGNORED_MOST)
            loop_poll_now(e->loop);
        return;
    }
    if (final && remaining == 0 && list_empty(&e->full))
        loop_coalesce(e->loop);
    else
        loop_poll_now(e->loop);
    e->hooks.received(ws->owner, (struct span){data, len}, lws_is_first_fragment(wsi), final, remaining,
                      lws_frame_is_binary(wsi));
}

static void on_pong(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(wsi);
    if (!(ws->flags & FLAG_ENDING) && e->hooks.pong)
        e->hooks.pong(ws->owner);
}

static void on_writable(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(wsi);
    /* It is called behind each pong, too. */
    if (!(ws->flags & FLAG_FULL) || (ws->flags & FLAG_ENDING) || lws_partial_buffered(wsi))
        return;
    loop_poll_now(e->loop);
    ws->flags &= (uint8_t)~FLAG_FULL;
    websocket_unwatch(ws);
    if (e->hooks.writable)
        e->hooks.writable(ws->owner);
}

/* The library would echo any code and a reason cut within a character: the answer is ours, and ends the
 * connection. */
static int on_peer_close(struct lws *wsi, struct websocket *ws, const unsigned char *payload, size_t len)
{
    struct websocket_endpoint *e = websocket_endpoint_of(wsi);
    struct span said = {(const char *)payload, len};
    unsigned code = frame_close_fault(said);
    bytes_auto frame = BYTES_INIT;

    if (ws->flags & FLAG_ENDING)
        return -1;
    if (e->hooks.leaving)
        e->hooks.leaving(ws->owner, code ? SPAN_NONE : said, code);
    if (code)
        frame_write_close(code, "", &frame);
    else
        frame_append_close(said, &frame);
    raw_write(ws, bytes_span(&frame));
    websocket_settle(ws, WEBSOCKET_PEER);
    return -1;
}

/* After a broken rule the library's close frame goes out now, and it would wait for the peer's without end.
 * Where the socket takes nothing it would turn in circles until it does, over input it no longer reads. */
static void close_for_rule(struct lws *wsi, struct websocket *ws)
{
    websocket_settle(ws, WEBSOCKET_CLOSED);
    if (lws_send_pipe_choked(wsi))
        websocket_kill_soon(ws);
    else
        websocket_watch_closing(ws);
}

/* The library begins to close. For a control frame that is too long it says nothing at all; for what follows
 * our own close frame it would send a second one. */
static void on_closing(struct lws *wsi, struct websocket *ws)
{
    bool speaks = lws_get_close_length(wsi) > 0;
    if (!(ws->flags & FLAG_OPEN))
        return;
    if (ws->flags & FLAG_ENDING) {
        if (ws->end == WEBSOCKET_CLOSED && (speaks || lws_send_pipe_choked(wsi)))
            websocket_kill_soon(ws);
        return;
    }
    if (websocket_endpoint_of(wsi)->destroying) {
        websocket_settle(ws, WEBSOCKET_DROPPED);
    } else if (speaks) {
        close_for_rule(wsi, ws);
    } else if (websocket_end_by_socket(ws) == WEBSOCKET_CLOSED && ws->owner) {
        if (!lws_send_pipe_choked(wsi))
            websocket_close(ws, 1002, "");
        close_for_rule(wsi, ws);
    }
}

static void on_closed(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = websocket_endpoint_of(wsi);
    void *owner;
    if (!ws || !(ws->flags & FLAG_OPEN))
        return;
    if (!(ws->flags & FLAG_ENDING))
        websocket_settle(ws, e->destroying ? WEBSOCKET_DROPPED : websocket_end_by_socket(ws));
    websocket_unwatch(ws);
    e->count--;
    owner = ws->owner;
    ws->owner = NULL;
    ws->flags &= (uint8_t)~FLAG_OPEN;
    if (owner)
        e->hooks.closed(owner, (enum websocket_end)ws->end);
}

/* The library's callback. */
static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_ADD_HEADERS: return on_add_headers(wsi, in);
    case LWS_CALLBACK_ESTABLISHED: return on_established(wsi, user);
    case LWS_CALLBACK_RECEIVE: on_received(wsi, user, in, len); return 0;
    case LWS_CALLBACK_RECEIVE_PONG: on_pong(wsi, user); return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE: on_writable(wsi, user); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return on_peer_close(wsi, user, in, len);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: on_closing(wsi, user); return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY: on_closed(wsi, user); return 0;
    default: return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {"", on_event, sizeof(struct websocket), RECEIVE_BUFFER, 0, NULL, TRANSMIT_MAX},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* Its adoption of a socket with bytes is announced as an error, for each connection. */
static void on_log(int level, const char *line)
{
    struct span text = span_of(line);
    if (strstr(line, "calling service"))
        return;
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (level & LLL_ERR)
        log_warn("libwebsockets", LOG_S("text", text));
    else
        log_debug("libwebsockets", LOG_S("text", text));
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void *allocate(void *ptr, size_t size, const char *reason)
{
    static struct pool pool;
    return pool_realloc(&pool, ptr, size);
}

static int start_library(struct websocket_endpoint *e, struct websocket_library *library)
{
    /* Its own pings stand in one sorted list, 57 us an insert at 15,000 connections: ours are the program's
     * business. */
    static const lws_retry_bo_t no_pings;
    struct lws_context_creation_info info = {0};
    void *loops[1] = {loop_uv(e->loop)};

    lws_set_allocator(allocate);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.max_http_header_pool2 = HEADER_POOL;
    info.pt_serv_buf_size = SERVICE_BUFFER;
    info.retry_and_idle_policy = &no_pings;
    info.user = e;
    library->context = lws_create_context(&info);
    if (!library->context)
        return -1;
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    library->vhost = lws_create_vhost(library->context, &info);
    return library->vhost ? 0 : -1;
}

/* The one for this descriptor; NULL when it can't be started. It takes the size of its table from the limit of
 * open files. */
static struct websocket_library *library_for(struct websocket_endpoint *e, int fd)
{
    size_t i = 0;
    rlim_t files = WEBSOCKET_FIRST_FILES;
    struct rlimit limit, low;
    for (; i + 1 < WEBSOCKET_LIBRARIES && (rlim_t)fd >= files; i++)
        files *= 2;
    struct websocket_library *library = &e->libraries[i];
    if (library->vhost)
        return library;
    if (library->context || getrlimit(RLIMIT_NOFILE, &limit))
        return NULL;
    low = limit;
    if (low.rlim_cur > files)
        low.rlim_cur = files;
    setrlimit(RLIMIT_NOFILE, &low);
    int result = start_library(e, library);
    setrlimit(RLIMIT_NOFILE, &limit);
    return result == 0 ? library : NULL;
}

static void on_turn(uv_check_t *turns)
{
    struct websocket_endpoint *e = turns->data;
    if (++e->turn % CHECK_TURNS == 0)
        websocket_watch_check(e);
}

static void on_turns_closed(uv_handle_t *turns)
{
    free(turns);
}

struct websocket_endpoint *websocket_endpoint_create(struct loop *loop, const struct websocket_hooks *hooks,
                                                     void *arg)
{
    struct websocket_endpoint *e = mem_zalloc(sizeof(*e));
    e->loop = loop;
    e->hooks = *hooks;
    e->arg = arg;
    loop_rest_unasked(loop); /* pings: the library answers them, and tells us nothing */
    websocket_watch_start(e);
    e->turns = mem_zalloc(sizeof(*e->turns));
    e->turns->data = e;
    uv_check_init(loop_uv(loop), e->turns);
    uv_check_start(e->turns, on_turn);
    raise_file_limit();
    if (!library_for(e, 0)) {
        websocket_endpoint_destroy(e);
        return NULL;
    }
    return e;
}

/* Whether the peer has closed, or was reset, with nothing unread before that: it is not worth a connection.
 */
static bool has_gone(int fd, struct span request)
{
    const struct span end = SPAN("\r\n\r\n");
    bool early =
        request.len < end.len || memcmp(request.data + request.len - end.len, end.data, end.len) != 0;
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return !early && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR));
}

int websocket_adopt(struct websocket_endpoint *e, int fd, struct gate_request *request,
                    struct span synthetic_request, const char *protocol)
{
    struct websocket_library *library = has_gone(fd, synthetic_request) ? NULL : library_for(e, fd);
    if (!library) {
        close(fd);
        return -1;
    }
    e->pending.request = request;
    e->pending.protocol = protocol;
    e->pending.opened = false;
    /* NULL comes back also for a connection that opened and closed within the call. */
    lws_adopt_socket_vhost_readbuf(library->vhost, fd, synthetic_request.data, synthetic_request.len);
    e->pending.request = NULL;
    e->pending.protocol = NULL;
    return e->pending.opened ? 0 : -1;
}

size_t websocket_count(const struct websocket_endpoint *e)
{
    return e->count;
}

static void stop_library(struct websocket_endpoint *e, struct websocket_library *library)
{
    if (!library->context)
        return;
    lws_context_destroy(library->context);
    /* On a foreign loop the library needs turns to let go of its handles, and a second call. */
    for (int turn = 0; turn < DESTROY_TURNS && uv_run(loop_uv(e->loop), UV_RUN_NOWAIT); turn++)
        ;
    lws_context_destroy(library->context);
}

void websocket_endpoint_destroy(struct websocket_endpoint *e)
{
    if (!e)
        return;
    e->destroying = true;
    for (size_t i = 0; i < WEBSOCKET_LIBRARIES; i++)
        stop_library(e, &e->libraries[i]);
    websocket_watch_stop(e);
    uv_close((uv_handle_t *)e->turns, on_turns_closed);
    free(e);
}
