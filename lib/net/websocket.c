#include "net/websocket.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <uv.h>

#define CLOSE_WAIT_MS  2000
#define TICK_MS        100
#define FILES_MAX      1000000
#define RECEIVE_BUFFER 128 /* what a connection holds for it; control frames need 125 */
#define TRANSMIT_MAX                                                                                         \
    (1 << 30)                /* never cut a write: the default is a send() for each receive buffer's size    \
                              */
#define SERVICE_BUFFER 16384 /* the answer to an upgrade is built there, with the subprotocol in it */
#define HEADER_POOL    2     /* an adoption needs one, and is over before the next */
#define DESTROY_TURNS  64

enum websocket_flag {
    FLAG_OPEN = 1 << 0,   /* counted, `closed` is owed */
    FLAG_FULL = 1 << 1,   /* `writable` is owed */
    FLAG_ENDING = 1 << 2, /* `end` is decided: nothing goes out any more, nothing that comes in counts */
    FLAG_CLOSE = 1 << 3,  /* our close frame is out */
    FLAG_UNIX = 1 << 4,
    FLAG_IPV4 = 1 << 5,
};

/* The library's per-session data: lives as long as its wsi. Every byte counts ten thousandfold. */
struct websocket {
    struct lws *wsi;
    void *owner;
    struct ending *ending; /* NULL while nothing ends it */
    uint8_t flags;
    uint8_t end; /* enum websocket_end */
    uint8_t peer[16];
};

/* A connection on its way out: until its deadline, or until the turn ends and it can be killed outside its
 * callbacks. */
struct ending {
    struct list link;
    struct websocket *ws;
    int64_t due_ms;
};

struct websocket_endpoint {
    struct loop *loop;
    struct websocket_hooks hooks;
    void *arg;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct loop_timer *timer;
    struct loop_task *killer;
    struct list closing, doomed; /* struct ending; closing in order of deadline */
    size_t count;
    bool destroying;
    /* What the connection being born in websocket_adopt needs: its callbacks run within that call. */
    struct {
        struct gate_request *request;
        const char *protocol;
        bool opened;
    } pending;
    char peer_text[INET6_ADDRSTRLEN];
};

static struct websocket_endpoint *endpoint_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static struct ending *ending_of(struct websocket *ws)
{
    if (!ws->ending) {
        ws->ending = mem_zalloc(sizeof(*ws->ending));
        list_init(&ws->ending->link);
        ws->ending->ws = ws;
    }
    return ws->ending;
}

static void ending_free(struct websocket *ws)
{
    if (!ws->ending)
        return;
    list_remove(&ws->ending->link);
    free(ws->ending);
    ws->ending = NULL;
}

static void await_close(struct websocket *ws)
{
    struct websocket_endpoint *e = endpoint_of(ws->wsi);
    struct ending *ending = ending_of(ws);

    if (list_linked(&ending->link))
        return;
    ending->due_ms = loop_now_ms(e->loop) + CLOSE_WAIT_MS;
    list_append(&e->closing, &ending->link);
    if (!loop_timer_active(e->timer))
        loop_timer_start(e->timer, TICK_MS, TICK_MS);
}

/* Ends it outside its callbacks, where alone the library allows that. */
static void doom(struct websocket *ws)
{
    struct websocket_endpoint *e = endpoint_of(ws->wsi);
    struct ending *ending = ending_of(ws);

    list_remove(&ending->link);
    list_append(&e->doomed, &ending->link);
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

    while (!list_empty(&e->doomed)) {
        struct websocket *ws = list_entry(e->doomed.next, struct ending, link)->ws;
        ending_free(ws);
        cut(ws);
        lws_set_timeout(ws->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
    }
}

static void on_timer(void *arg)
{
    struct websocket_endpoint *e = arg;
    int64_t now = loop_now_ms(e->loop);

    while (!list_empty(&e->closing)) {
        struct ending *ending = list_entry(e->closing.next, struct ending, link);
        if (ending->due_ms > now)
            return;
        doom(ending->ws);
    }
    loop_timer_stop(e->timer);
}

/* What came first counts. */
static void settle(struct websocket *ws, enum websocket_end end)
{
    if (!(ws->flags & FLAG_ENDING))
        ws->end = (uint8_t)end;
    ws->flags |= FLAG_ENDING;
}

static enum websocket_end end_by_error(int error)
{
    return error == ECONNRESET || error == EPIPE || error == ENOTCONN ? WEBSOCKET_PEER : WEBSOCKET_DROPPED;
}

static enum websocket_written raw_write(struct websocket *ws, struct span frames)
{
    /* The library takes no const, and does not write to a raw buffer. */
    if (lws_write(ws->wsi, (unsigned char *)(uintptr_t)frames.data, frames.len, LWS_WRITE_RAW) < 0) {
        settle(ws, end_by_error(errno));
        doom(ws);
        return WEBSOCKET_GONE;
    }
    if (lws_partial_buffered(ws->wsi))
        ws->flags |= FLAG_FULL;
    return ws->flags & FLAG_FULL ? WEBSOCKET_FULL : WEBSOCKET_SENT;
}

enum websocket_written websocket_write(struct websocket *ws, struct span frames)
{
    return ws->flags & FLAG_ENDING ? WEBSOCKET_GONE : raw_write(ws, frames);
}

bool websocket_ready(const struct websocket *ws)
{
    return !(ws->flags & (FLAG_ENDING | FLAG_FULL));
}

enum websocket_written websocket_ping(struct websocket *ws)
{
    return websocket_write(ws, SPAN("\x89\x01p"));
}

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
    bytes_auto frame = BYTES_INIT;

    if (ws->flags & FLAG_ENDING)
        return;
    frame_write_close(code, reason, &frame);
    if (raw_write(ws, bytes_span(&frame)) == WEBSOCKET_GONE)
        return;
    settle(ws, WEBSOCKET_CLOSED);
    ws->flags |= FLAG_CLOSE;
    await_close(ws);
}

void websocket_drop(struct websocket *ws)
{
    settle(ws, WEBSOCKET_DROPPED);
    doom(ws);
}

const char *websocket_peer(const struct websocket *ws)
{
    struct websocket_endpoint *e = endpoint_of(ws->wsi);

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
    struct websocket_endpoint *e = endpoint_of(wsi);

    if (!e->pending.request)
        return -1;
    ws->wsi = wsi;
    set_peer(ws, e->pending.request->peer);
    ws->flags |= FLAG_OPEN;
    e->count++;
    ws->owner = e->hooks.opened(e->arg, ws, e->pending.request);
    e->pending.opened = ws->owner != NULL;
    return ws->owner ? 0 : -1;
}

static int on_add_headers(struct lws *wsi, struct lws_process_html_args *args)
{
    const char *protocol = endpoint_of(wsi)->pending.protocol;
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
    struct websocket_endpoint *e = endpoint_of(wsi);

    if (ws->flags & FLAG_ENDING)
        return;
    e->hooks.received(ws->owner, (struct span){data, len}, lws_is_first_fragment(wsi),
                      lws_is_final_fragment(wsi), lws_remaining_packet_payload(wsi),
                      lws_frame_is_binary(wsi));
}

static void on_pong(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = endpoint_of(wsi);

    if (!(ws->flags & FLAG_ENDING) && e->hooks.pong)
        e->hooks.pong(ws->owner);
}

static void on_writable(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = endpoint_of(wsi);

    if (!(ws->flags & FLAG_FULL) || (ws->flags & FLAG_ENDING) || lws_partial_buffered(wsi))
        return;
    ws->flags &= (uint8_t)~FLAG_FULL;
    if (e->hooks.writable)
        e->hooks.writable(ws->owner);
}

/* Codes that may stand in a frame (RFC 6455, 7.4). */
static bool close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* The library would echo any code and a reason cut within a character: the answer is ours, and ends the
 * connection. */
static int on_peer_close(struct lws *wsi, struct websocket *ws, const unsigned char *payload, size_t len)
{
    unsigned code = len >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 0;
    bytes_auto frame = BYTES_INIT;

    if (ws->flags & FLAG_ENDING)
        return -1;
    if (len == 1 || (len >= 2 && !close_code_valid(code)))
        code = 1002;
    else if (len > 2 && !utf8_valid((struct span){(const char *)payload + 2, len - 2}))
        code = 1007;
    if (code)
        frame_write_close(code, "", &frame);
    else
        bytes_append(&frame, "\x88\x00", 2);
    raw_write(ws, bytes_span(&frame));
    settle(ws, WEBSOCKET_PEER);
    return -1;
}

/* What the socket says when neither side has said a word: a FIN, a reset, a timeout of TCP, or bytes the
 * library refused, which is not settled yet, so that a close frame can follow. */
static enum websocket_end end_by_socket(struct lws *wsi, struct websocket *ws)
{
    int fd = lws_get_socket_fd(wsi), error = 0;
    socklen_t size = sizeof(error);
    char byte;
    ssize_t n;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error) {
        settle(ws, end_by_error(error));
        return (enum websocket_end)ws->end;
    }
    n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EAGAIN))
        return WEBSOCKET_CLOSED;
    settle(ws, n == 0 ? WEBSOCKET_PEER : end_by_error(errno));
    return (enum websocket_end)ws->end;
}

/* The library begins to close. After a broken rule its close frame goes out now, and it would wait for the
 * peer's without end; for a control frame that is too long it says nothing at all. */
static void on_closing(struct lws *wsi, struct websocket *ws)
{
    if (!(ws->flags & FLAG_OPEN) || (ws->flags & FLAG_ENDING))
        return;
    if (endpoint_of(wsi)->destroying) {
        settle(ws, WEBSOCKET_DROPPED);
    } else if (lws_get_close_length(wsi) > 0) {
        settle(ws, WEBSOCKET_CLOSED);
        await_close(ws);
    } else if (end_by_socket(wsi, ws) == WEBSOCKET_CLOSED && ws->owner) {
        websocket_close(ws, 1002, "");
    }
}

static void on_closed(struct lws *wsi, struct websocket *ws)
{
    struct websocket_endpoint *e = endpoint_of(wsi);
    void *owner;

    if (!ws || !(ws->flags & FLAG_OPEN))
        return;
    if (!(ws->flags & FLAG_ENDING))
        settle(ws, e->destroying ? WEBSOCKET_DROPPED : end_by_socket(wsi, ws));
    ending_free(ws);
    e->count--;
    owner = ws->owner;
    ws->owner = NULL;
    ws->flags &= (uint8_t)~FLAG_OPEN;
    if (owner)
        e->hooks.closed(owner, (enum websocket_end)ws->end);
}

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
    /* Without a limit the library falls back to 2560. */
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int start_library(struct websocket_endpoint *e)
{
    /* Its own pings stand in one sorted list, 57 us an insert at 15,000 connections: ours are the program's
     * business. */
    static const lws_retry_bo_t no_pings;
    struct lws_context_creation_info info = {0};
    void *loops[1] = {loop_uv(e->loop)};

    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.max_http_header_pool2 = HEADER_POOL;
    info.pt_serv_buf_size = SERVICE_BUFFER;
    info.retry_and_idle_policy = &no_pings;
    info.user = e;
    e->context = lws_create_context(&info);
    if (!e->context)
        return -1;
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    e->vhost = lws_create_vhost(e->context, &info);
    return e->vhost ? 0 : -1;
}

struct websocket_endpoint *websocket_endpoint_create(struct loop *loop, const struct websocket_hooks *hooks,
                                                     void *arg)
{
    struct websocket_endpoint *e = mem_zalloc(sizeof(*e));

    e->loop = loop;
    e->hooks = *hooks;
    e->arg = arg;
    list_init(&e->closing);
    list_init(&e->doomed);
    e->timer = loop_timer_create(loop, on_timer, e);
    e->killer = loop_task_create(loop, on_kill, e);
    raise_file_limit();
    if (start_library(e)) {
        websocket_endpoint_destroy(e);
        return NULL;
    }
    return e;
}

int websocket_adopt(struct websocket_endpoint *e, int fd, struct gate_request *request,
                    struct span synthetic_request, const char *protocol)
{
    e->pending.request = request;
    e->pending.protocol = protocol;
    e->pending.opened = false;
    /* NULL comes back also for a connection that opened and closed within the call. */
    lws_adopt_socket_vhost_readbuf(e->vhost, fd, synthetic_request.data, synthetic_request.len);
    e->pending.request = NULL;
    e->pending.protocol = NULL;
    return e->pending.opened ? 0 : -1;
}

size_t websocket_count(const struct websocket_endpoint *e)
{
    return e->count;
}

void websocket_endpoint_destroy(struct websocket_endpoint *e)
{
    if (!e)
        return;
    e->destroying = true;
    loop_timer_destroy(e->timer);
    loop_task_destroy(e->killer);
    if (e->context) {
        lws_context_destroy(e->context);
        /* On a foreign loop the library needs turns to let go of its handles, and a second call. */
        for (int turn = 0; turn < DESTROY_TURNS && uv_run(loop_uv(e->loop), UV_RUN_NOWAIT); turn++)
            ;
        lws_context_destroy(e->context);
    }
    free(e);
}
