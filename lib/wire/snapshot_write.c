#include "wire/frame.h"
#include "wire/jsonput.h"
#include "wire/put.h"

static void tail_begin_msgpack(size_t users, int64_t timestamp_ms, uint64_t rev, struct span epoch,
                               struct bytes *tail)
{
    char *at = bytes_reserve(tail, 96 + epoch.len);

    at = put_decimal(at, rev);
    at = PUT_TEXT(at, "\x85\xa9timestamp");
    at = put_ms(at, timestamp_ms);
    at = PUT_TEXT(at, "\xa3rev");
    at = put_u64(at, rev);
    at = PUT_TEXT(at, "\xa5"
                      "epoch");
    at = put_str(at, epoch);
    at = PUT_TEXT(at, "\xa5users");
    at = put_array(at, users);
    tail->len = (size_t)(at - tail->data);
}

static void tail_begin_json(int64_t timestamp_ms, uint64_t rev, struct span epoch, struct bytes *tail)
{
    jsonput_decimal(tail, rev);
    bytes_append_text(tail, ",{\"timestamp\":");
    jsonput_ms(tail, timestamp_ms);
    bytes_append_text(tail, ",\"rev\":");
    bytes_append_u64(tail, rev);
    bytes_append_text(tail, ",\"epoch\":");
    bytes_append_json(tail, epoch);
    bytes_append_text(tail, ",\"users\":[");
}

void message_write_snapshot_tail_begin(enum encoding encoding, size_t users, int64_t timestamp_ms,
                                       uint64_t rev, struct span epoch, struct bytes *tail)
{
    if (encoding == ENCODING_JSON)
        tail_begin_json(timestamp_ms, rev, epoch, tail);
    else
        tail_begin_msgpack(users, timestamp_ms, rev, epoch, tail);
}

static void user_msgpack(struct span user, bool online, int64_t last_seen_ms, struct span device,
                         struct bytes *tail)
{
    char *at = bytes_reserve(tail, 64 + user.len + device.len);

    at = PUT_TEXT(at, "\x84\xa6userId");
    at = put_str(at, user);
    at = online ? PUT_TEXT(at, "\xa6status\xa6online\xa8lastSeen")
                : PUT_TEXT(at, "\xa6status\xa7offline\xa8lastSeen");
    at = put_ms(at, last_seen_ms);
    at = PUT_TEXT(at, "\xa8"
                      "deviceId");
    at = put_str_or_nil(at, device);
    tail->len = (size_t)(at - tail->data);
}

static void user_json(struct span user, bool online, int64_t last_seen_ms, struct span device, bool first,
                      struct bytes *tail)
{
    bytes_append_text(tail, first ? "{\"userId\":" : ",{\"userId\":");
    bytes_append_json(tail, user);
    bytes_append_text(tail, online ? ",\"status\":\"online\",\"lastSeen\":"
                                   : ",\"status\":\"offline\",\"lastSeen\":");
    jsonput_ms(tail, last_seen_ms);
    bytes_append_text(tail, ",\"deviceId\":");
    jsonput_text_or_null(tail, device);
    bytes_append_char(tail, '}');
}

void message_write_snapshot_user(enum encoding encoding, struct span user, bool online, int64_t last_seen_ms,
                                 struct span device, bool first, struct bytes *tail)
{
    if (encoding == ENCODING_JSON)
        user_json(user, online, last_seen_ms, device, first, tail);
    else
        user_msgpack(user, online, last_seen_ms, device, tail);
}

void message_write_snapshot_tail_end(enum encoding encoding, size_t total_online, struct bytes *tail)
{
    char *at;

    if (encoding == ENCODING_JSON) {
        bytes_append_text(tail, "],\"totalOnline\":");
        bytes_append_u64(tail, total_online);
        bytes_append_text(tail, "}]");
        return;
    }
    at = bytes_reserve(tail, 32);
    at = PUT_TEXT(at, "\xabtotalOnline");
    at = put_u64(at, total_online);
    tail->len = (size_t)(at - tail->data);
}

static void append_head_msgpack(struct span viewer, struct bytes *out)
{
    char *at = bytes_reserve(out, 16 + viewer.len);

    at = PUT_TEXT(at, "\x96\x00\x20\x00");
    at = put_str(at, viewer);
    out->len = (size_t)(at - out->data);
}

static void append_head_json(struct span viewer, struct bytes *out)
{
    bytes_append_text(out, "[0,32,0,");
    bytes_append_json(out, viewer);
    bytes_append_char(out, ',');
}

void message_write_snapshot_head(enum encoding encoding, struct span viewer, struct bytes *out)
{
    if (encoding == ENCODING_JSON)
        append_head_json(viewer, out);
    else
        append_head_msgpack(viewer, out);
}
