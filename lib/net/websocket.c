#include "net/websocket_inner.h"

#include <errno.h>
#include <string.h>

#define GATHER_MAX 4096 /* up to here one copy is cheaper than a second send() */

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
        websocket_doom(ws);
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

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
    bytes_auto frame = BYTES_INIT;

    frame_write_close(code, reason, &frame);
    if (websocket_write(ws, bytes_span(&frame)) == WEBSOCKET_GONE)
        return;
    websocket_settle(ws, WEBSOCKET_CLOSED);
    websocket_watch_closing(ws);
}

void websocket_drop(struct websocket *ws)
{
    websocket_settle(ws, WEBSOCKET_DROPPED);
    websocket_doom(ws);
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
    e->pending.opened = ws->owner != NULL;
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

    if (final && remaining == 0 && list_empty(&e->full))
        loop_rest(e->loop);
    else
        loop_hurry(e->loop);
    if (ws->flags & FLAG_ENDING)
        return;
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

    loop_hurry(e->loop);
    if (!(ws->flags & FLAG_FULL) || (ws->flags & FLAG_ENDING) || lws_partial_buffered(wsi))
        return;
    ws->flags &= (uint8_t)~FLAG_FULL;
    websocket_unwatch(ws);
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
    websocket_settle(ws, WEBSOCKET_PEER);
    return -1;
}

/* The library begins to close. After a broken rule its close frame goes out now, and it would wait for the
 * peer's without end; for a control frame that is too long it says nothing at all. */
static void on_closing(struct lws *wsi, struct websocket *ws)
{
    if (!(ws->flags & FLAG_OPEN) || (ws->flags & FLAG_ENDING))
        return;
    if (websocket_endpoint_of(wsi)->destroying) {
        websocket_settle(ws, WEBSOCKET_DROPPED);
    } else if (lws_get_close_length(wsi) > 0) {
        websocket_settle(ws, WEBSOCKET_CLOSED);
        websocket_watch_closing(ws);
    } else if (websocket_end_by_socket(ws) == WEBSOCKET_CLOSED && ws->owner) {
        websocket_close(ws, 1002, "");
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

int websocket_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
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
