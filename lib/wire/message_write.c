/* SPDX-License-Identifier: MIT */
#include "wire/encoder.h"
#include "wire/frame.h"

/* What is written once per change or per user is expanded for each encoding (encoder.h). */
#define HOT __attribute__((flatten))

/* The elements before the payload; `to` SPAN_NONE: everybody. */
encoder_inline void put_head(struct encoder *e, enum message_type type, struct span to, uint64_t rev)
{
    encoder_array(e, NULL, 6);
    encoder_uint(e, NULL, 0);
    encoder_uint(e, NULL, type);
    encoder_uint(e, NULL, 0);
    if (to.data)
        encoder_str(e, NULL, to);
    else
        encoder_text(e, NULL, "broadcast");
    encoder_decimal(e, NULL, rev);
}

encoder_inline void put_status(struct encoder *e, bool online)
{
    if (online)
        encoder_text(e, "status", "online");
    else
        encoder_text(e, "status", "offline");
}

encoder_inline void put_change(struct encoder *e, const struct change *change)
{
    encoder_map(e, NULL, 8);
    encoder_text(e, "type", "presence_update");
    encoder_str(e, "userId", change->user);
    put_status(e, change->online);
    encoder_ms(e, "timestamp", change->timestamp_ms);
    encoder_ms(e, "lastSeen", change->last_seen_ms);
    encoder_str_or_nil(e, "deviceId", change->device);
    encoder_u64(e, "rev", change->rev);
    encoder_str_or_nil(e, "reason", change->reason);
    encoder_end_map(e);
}

encoder_inline void put_update(struct encoder e, const struct change *change)
{
    put_head(&e, MESSAGE_UPDATE, SPAN_NONE, change->rev);
    put_change(&e, change);
    encoder_end_array(&e);
    encoder_finish(&e);
}

HOT void message_write_update(enum encoding encoding, const struct change *change, struct bytes *out)
{
    size_t start = frame_begin(out);
    if (encoding == ENCODING_JSON)
        put_update(encoder_begin(ENCODING_JSON, out), change);
    else
        put_update(encoder_begin(ENCODING_MSGPACK, out), change);
    frame_end(encoding, start, out);
}

encoder_inline void put_batch(struct encoder e, const struct change *const *changes, size_t count,
                              uint64_t rev, bool resumed)
{
    put_head(&e, MESSAGE_BATCH, SPAN_NONE, rev);
    encoder_map(&e, NULL, resumed ? 3 : 2);
    encoder_array(&e, "updates", count);
    for (size_t i = 0; i < count; i++)
        put_change(&e, changes[i]);
    encoder_end_array(&e);
    encoder_u64(&e, "rev", rev);
    if (resumed)
        encoder_bool(&e, "resumed", true);
    encoder_end_map(&e);
    encoder_end_array(&e);
    encoder_finish(&e);
}

HOT void message_write_batch(enum encoding encoding, const struct change *const *changes, size_t count,
                             uint64_t rev, struct bytes *out)
{
    size_t start = frame_begin(out);
    if (encoding == ENCODING_JSON)
        put_batch(encoder_begin(ENCODING_JSON, out), changes, count, rev, false);
    else
        put_batch(encoder_begin(ENCODING_MSGPACK, out), changes, count, rev, false);
    frame_end(encoding, start, out);
}

void message_write_resumed(enum encoding encoding, uint64_t rev, struct bytes *out)
{
    size_t start = frame_begin(out);
    put_batch(encoder_begin(encoding, out), NULL, 0, rev, true);
    frame_end(encoding, start, out);
}

void message_write_hello(enum encoding encoding, const struct hello *hello, struct bytes *out)
{
    size_t start = frame_begin(out);
    struct encoder e = encoder_begin(encoding, out);
    put_head(&e, MESSAGE_HELLO, SPAN_NONE, 0);
    encoder_map(&e, NULL, 6);
    encoder_ms(&e, "heartbeatInterval", hello->heartbeat_interval_ms);
    encoder_ms(&e, "ttl", hello->ttl_ms);
    encoder_ms(&e, "serverTime", hello->server_time_ms);
    encoder_str(&e, "node", hello->node);
    encoder_str(&e, "store", hello->store);
    encoder_ms(&e, "storeSince", hello->store_since_ms);
    encoder_end_map(&e);
    encoder_end_array(&e);
    encoder_finish(&e);
    frame_end(encoding, start, out);
}

/* A snapshot is written in pieces: the map of its payload is opened by the head, its array of users by the
 * beginning of the tail, and both are closed by the end of the tail. */

void message_write_snapshot_head(enum encoding encoding, struct span viewer, uint64_t rev,
                                 struct span refusal, struct bytes *out)
{
    struct encoder e = encoder_begin(encoding, out);
    put_head(&e, MESSAGE_SNAPSHOT, viewer, rev);
    encoder_map(&e, NULL, refusal.data ? 7 : 5);
    if (refusal.data) {
        encoder_bool(&e, "resumed", false);
        encoder_str(&e, "reason", refusal);
        encoder_comma(&e);
    }
    encoder_finish(&e);
}

void message_write_snapshot_tail_begin(enum encoding encoding, size_t users, int64_t timestamp_ms,
                                       uint64_t rev, struct span epoch, struct bytes *tail)
{
    struct encoder e = encoder_begin(encoding, tail);
    encoder_ms(&e, "timestamp", timestamp_ms);
    encoder_u64(&e, "rev", rev);
    encoder_str(&e, "epoch", epoch);
    encoder_array(&e, "users", users);
    encoder_finish(&e);
}

encoder_inline void put_user(struct encoder e, struct span user, bool online, int64_t last_seen_ms,
                             struct span device, bool first)
{
    if (!first)
        encoder_comma(&e);
    encoder_map(&e, NULL, 4);
    encoder_str(&e, "userId", user);
    put_status(&e, online);
    encoder_ms(&e, "lastSeen", last_seen_ms);
    encoder_str_or_nil(&e, "deviceId", device);
    encoder_end_map(&e);
    encoder_finish(&e);
}

HOT void message_write_snapshot_user(enum encoding encoding, struct span user, bool online,
                                     int64_t last_seen_ms, struct span device, bool first, struct bytes *tail)
{
    if (encoding == ENCODING_JSON)
        put_user(encoder_begin(ENCODING_JSON, tail), user, online, last_seen_ms, device, first);
    else
        put_user(encoder_begin(ENCODING_MSGPACK, tail), user, online, last_seen_ms, device, first);
}

void message_write_snapshot_tail_end(enum encoding encoding, size_t total_online, struct bytes *tail)
{
    struct encoder e = encoder_begin(encoding, tail);
    encoder_end_array(&e);
    encoder_u64(&e, "totalOnline", total_online);
    encoder_end_map(&e);
    encoder_end_array(&e);
    encoder_finish(&e);
}
