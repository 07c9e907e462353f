/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include "base/mem.h"
#include "connections.h"
#include "counters.h"

#include <stdlib.h>

#define CLOSE_WRONG_KIND 1003
#define CLOSE_MALFORMED  1007
#define CLOSE_POLICY     1008
#define CLOSE_TOO_BIG    1009

static void break_rule(struct client *c, unsigned code, const char *reason)
{
    metric_add(&counters.closed_rule, 1);
    connection_close(c, code, reason, "policy");
}

static void break_rate(struct client *c, const char *reason)
{
    metric_add(&counters.closed_rate, 1);
    connection_close(c, CLOSE_POLICY, reason, "policy");
}

static void drop_part(struct inbox *in)
{
    if (!in->part)
        return;
    bytes_finish(in->part);
    free(in->part);
    in->part = NULL;
}

static void keep_part(struct inbox *in, struct span piece)
{
    if (in->part)
        return;
    in->part = mem_zalloc(sizeof(*in->part));
    bytes_append_span(in->part, piece);
}

static void take_heartbeat(struct client *c, struct span message)
{
    bytes_auto scratch = BYTES_INIT;
    struct heartbeat h;
    metric_add(&counters.heartbeats, 1);
    if (!connection_has_session(c))
        return;
    if (message_read_heartbeat((enum encoding)connection_inbox(c)->encoding, message, &scratch, &h) !=
        MESSAGE_OK)
        break_rule(c, CLOSE_MALFORMED, "Malformed heartbeat");
    else
        connection_heartbeat(c, &h);
}

static void take_subscribe(struct client *c, struct span message)
{
    struct subscribe subscribe;
    if (!connection_may_subscribe(c))
        return;
    if (message_read_subscribe((enum encoding)connection_inbox(c)->encoding, message, &subscribe) !=
        MESSAGE_OK) {
        break_rule(c, CLOSE_MALFORMED, "Malformed subscription");
        return;
    }
    connection_subscribe(c, &subscribe);
    message_subscribe_finish(&subscribe);
}

/* The types that message_peek knows: who may send one, its size in bytes, and what becomes of it. */
static const struct kind {
    uint8_t type;
    bool of_phones;
    uint32_t size_max;
    void (*take)(struct client *c, struct span message);
} kinds[] = {
    {MESSAGE_HEARTBEAT, true, HEARTBEAT_SIZE_MAX, take_heartbeat},
    {MESSAGE_SUBSCRIBE, false, SUBSCRIBE_SIZE_MAX, take_subscribe},
};

/* Who may not send it, or a message over its size, ends the connection as soon as its head is known. */
static void take_ours(struct client *c, struct inbox *in, struct span piece, struct span so_far, bool final,
                      uint64_t remaining)
{
    const struct kind *kind = kinds;
    while (kind->type != in->incoming)
        kind++;
    if (kind->of_phones && in->role != ROLE_MOBILE)
        break_rule(c, CLOSE_POLICY, "Web clients cannot send heartbeat");
    else if (so_far.len + remaining > kind->size_max)
        break_rule(c, CLOSE_TOO_BIG, "Message too big");
    else if (!final)
        keep_part(in, piece);
    else if (!rate_message(&in->rate, connection_now_ms(c)))
        break_rate(c, "Too many messages");
    else
        kind->take(c, so_far);
    if (final || connection_closing(c))
        drop_part(in);
}

static bool may_send(struct client *c, struct inbox *in, size_t bytes)
{
    if (rate_bytes(&in->rate, bytes, connection_config(c)->max_byte_rate, connection_now_ms(c)))
        return true;
    break_rate(c, "Too many bytes");
    return false;
}

/* A piece of a message that is none of ours. */
static void pass(struct client *c, struct inbox *in, struct span piece, bool final, uint64_t remaining,
                 bool binary)
{
    struct relay *relay = connection_relay(c);
    if (!relay) {
        metric_add(&counters.skipped_bytes, piece.len);
        may_send(c, in, piece.len);
    } else if (!relay_send(relay, binary, piece, remaining, final)) {
        break_rule(c, CLOSE_TOO_BIG, "Message too big");
    }
}

/* Without a router behind us what is no message at all is refused; with one it is for that to say. */
static bool is_ours(const struct client *c, enum message_result result)
{
    if (result == MESSAGE_MALFORMED)
        return !connection_relay(c);
    return result == MESSAGE_OK && connection_config(c)->policy.enabled;
}

static void take_head(struct client *c, struct inbox *in, struct span piece, struct span so_far, bool final,
                      uint64_t remaining, bool binary)
{
    int64_t type;
    enum encoding encoding = binary ? ENCODING_MSGPACK : ENCODING_JSON;
    enum message_result result = message_peek(encoding, so_far, final, &type);
    if (result == MESSAGE_MORE) {
        /* Examined again when it has doubled: bytes that come one by one cost no more than all at once. */
        in->peek_at = (uint16_t)(2 * so_far.len < MESSAGE_HEAD_MAX ? 2 * so_far.len : MESSAGE_HEAD_MAX);
        keep_part(in, piece);
    } else if (!is_ours(c, result)) {
        metric_add(&counters.skipped, !connection_relay(c));
        in->skipping = true;
        pass(c, in, so_far, final, remaining, binary);
        drop_part(in);
    } else if (encoding != in->encoding) {
        break_rule(c, CLOSE_WRONG_KIND,
                   binary ? "This connection speaks JSON" : "This connection speaks MessagePack");
    } else if (result != MESSAGE_OK) {
        break_rule(c, CLOSE_MALFORMED, "Malformed message");
    } else {
        in->incoming = (uint8_t)type;
        take_ours(c, in, piece, so_far, final, remaining);
    }
}

static bool may_send_empty(struct client *c)
{
    if (connection_closing(c) || rate_frame(&connection_inbox(c)->rate, connection_now_ms(c)))
        return true;
    break_rate(c, "Too many control frames");
    return false;
}

void inbox_received(void *owner, struct span piece, bool first, bool final, uint64_t remaining, bool binary)
{
    struct client *c = owner;
    struct inbox *in = connection_inbox(c);
    connection_heard(c, false);
    /* What an upstream is sent is bounded by what that takes. */
    bool bounded = !connection_relay(c);
    if (connection_closing(c) || (bounded && piece.len == 0 && !may_send_empty(c)))
        return;
    if (first) {
        in->skipping = false;
        in->incoming = 0;
        in->peek_at = 0;
        drop_part(in);
    }
    if (in->skipping) {
        pass(c, in, piece, final, remaining, binary);
        return;
    }
    if (bounded && !final && piece.len < RATE_PIECE && !may_send(c, in, piece.len))
        return;
    struct span so_far = piece;
    if (in->part) {
        bytes_append_span(in->part, piece);
        so_far = bytes_span(in->part);
    }
    if (in->incoming)
        take_ours(c, in, piece, so_far, final, remaining);
    else if (final || so_far.len >= in->peek_at)
        take_head(c, in, piece, so_far, final, remaining, binary);
    else
        keep_part(in, piece);
}

void inbox_pong(void *owner)
{
    struct client *c = owner;
    connection_heard(c, true);
    if (may_send_empty(c))
        connection_ponged(c);
}

void inbox_leaving(void *owner, struct span payload, unsigned fault)
{
    connection_leaving(owner, payload, fault);
}

void inbox_closed(void *owner, enum websocket_end end)
{
    drop_part(connection_inbox(owner));
    connection_closed(owner, end);
}
