/* The messages that clients send: put together from pieces, bounded, told apart, obeyed or refused (contract
 * section 3). */
#include "base/log.h"
#include "base/mem.h"
#include "client.h"
#include "counters.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define CLOSE_WRONG_KIND 1003
#define CLOSE_MALFORMED  1007
#define CLOSE_POLICY     1008
#define CLOSE_TOO_BIG    1009
#define PEEK_MAX         64

static void break_rule(struct client *c, unsigned code, const char *reason)
{
    metric_add(&counters.closed_rule, 1);
    client_close(c->server, c, code, reason, "policy");
}

void inbox_drop(struct client *c)
{
    if (!c->part)
        return;
    bytes_finish(c->part);
    free(c->part);
    c->part = NULL;
}

static void obey_heartbeat(struct client *c, const struct heartbeat *h)
{
    struct span user = session_user(c->session);
    if (!span_equal(h->from, user)) {
        metric_add(&counters.heartbeats_refused, 1);
        log_debug("heartbeat_refused", LOG_S("user", user), LOG_S("from", h->from),
                  LOG_T("peer", websocket_peer(c->ws)));
        return;
    }
    log_debug("heartbeat", LOG_S("user", user), LOG_S("device", session_device(c->session)),
              LOG_N("timestamp", h->timestamp_ms), LOG_S("metadata", h->metadata));
    client_beat(c, h->metadata);
}

static void take_heartbeat(struct client *c, struct span message)
{
    bytes_auto scratch = BYTES_INIT;
    struct heartbeat h;
    metric_add(&counters.heartbeats, 1);
    if (!c->session)
        return;
    if (message_read_heartbeat(client_encoding(c), message, &scratch, &h) != MESSAGE_OK)
        break_rule(c, CLOSE_MALFORMED, "Malformed heartbeat");
    else
        obey_heartbeat(c, &h);
}

static struct watcher *watcher_of_phone(struct client *c)
{
    struct span groups[GROUPS_MAX];
    struct token token = {.role = ROLE_MOBILE, .has_groups = true};
    struct gate_request request = {.encoding = client_encoding(c)};
    struct span user = session_user(c->session);
    void *json = groups_read(session_groups(c->session), groups, &token.group_count);
    memcpy(token.user, user.data, user.len);
    token.user_len = user.len;
    token.groups = groups;
    request.token = token;
    struct watcher *w = watcher_create(c->server, c, &request);
    groups_read_finish(json);
    return w;
}

static void take_subscribe(struct client *c, struct span message)
{
    struct subscribe subscribe;
    if (!c->watcher && !c->session)
        return;
    if (message_read_subscribe(client_encoding(c), message, &subscribe) != MESSAGE_OK) {
        break_rule(c, CLOSE_MALFORMED, "Malformed subscription");
        return;
    }
    if (!c->watcher)
        c->watcher = watcher_of_phone(c);
    watcher_subscribe(c->server, c->watcher, &subscribe);
    subscribe_finish(&subscribe);
}

/* What is ours to read, within its size; anything else about it is decided when it is whole. */
static bool is_ours(struct client *c, int64_t type, uint64_t size)
{
    uint64_t limit = type == MESSAGE_HEARTBEAT ? HEARTBEAT_SIZE_MAX : SUBSCRIBE_SIZE_MAX;
    if (!c->server->config.policy.enabled || (type != MESSAGE_HEARTBEAT && type != MESSAGE_SUBSCRIBE)) {
        metric_add(&counters.skipped, 1);
        c->skipping = true;
        return false;
    }
    if (type == MESSAGE_HEARTBEAT && c->role != ROLE_MOBILE)
        break_rule(c, CLOSE_POLICY, "Web clients cannot send heartbeat");
    else if (size > limit)
        break_rule(c, CLOSE_TOO_BIG, "Message too big");
    return !c->closing;
}

static void take_whole(struct client *c, int64_t type, struct span message)
{
    if (!rate_message(&c->rate, loop_now_ms(c->server->loop))) {
        metric_add(&counters.closed_rate, 1);
        client_close(c->server, c, CLOSE_POLICY, "Too many messages", "policy");
    } else if (type == MESSAGE_HEARTBEAT) {
        take_heartbeat(c, message);
    } else {
        take_subscribe(c, message);
    }
}

static void skip(struct client *c, size_t bytes)
{
    metric_add(&counters.skipped_bytes, bytes);
    if (rate_bytes(&c->rate, bytes, c->server->config.max_byte_rate, loop_now_ms(c->server->loop)))
        return;
    metric_add(&counters.closed_rate, 1);
    client_close(c->server, c, CLOSE_POLICY, "Too many bytes", "policy");
}

/* The whole message so far, this piece included. */
static struct span joined(struct client *c, struct span piece)
{
    if (!c->part)
        return piece;
    bytes_append_span(c->part, piece);
    return bytes_span(c->part);
}

static void keep(struct client *c, struct span piece)
{
    if (c->part)
        return;
    c->part = mem_zalloc(sizeof(*c->part));
    bytes_append_span(c->part, piece);
}

static void take_piece(struct client *c, struct span piece, bool final, uint64_t remaining)
{
    int64_t type;
    struct span so_far = joined(c, piece);
    enum message_result result = message_peek(client_encoding(c), so_far, &type);
    bool more = result == MESSAGE_MORE && !final && so_far.len < PEEK_MAX;
    if (more) {
        keep(c, piece);
    } else if (result != MESSAGE_OK) {
        break_rule(c, CLOSE_MALFORMED, "Malformed message");
    } else if (!is_ours(c, type, so_far.len + remaining)) {
        if (c->skipping)
            skip(c, so_far.len);
        inbox_drop(c);
    } else if (final) {
        take_whole(c, type, so_far);
        inbox_drop(c);
    } else {
        keep(c, piece);
    }
}

void inbox_received(void *owner, struct span piece, bool first, bool final, uint64_t remaining, bool binary)
{
    struct client *c = owner;
    c->heard_ms = loop_now_ms(c->server->loop);
    if (!client_beats_by_pong(c))
        c->pinged_ms = 0;
    if (c->closing)
        return;
    if (first) {
        c->skipping = false;
        inbox_drop(c);
        if (binary != (c->encoding == ENCODING_MSGPACK)) {
            break_rule(c, CLOSE_WRONG_KIND,
                       binary ? "This connection speaks JSON" : "This connection speaks MessagePack");
            return;
        }
    }
    if (c->skipping)
        skip(c, piece.len);
    else
        take_piece(c, piece, final, remaining);
}
