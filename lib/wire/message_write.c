#include "wire/change_write.h"
#include "wire/frame.h"
#include "wire/jsonput.h"
#include "wire/packer.h"
#include "wire/put.h"

#define BROADCAST SPAN("broadcast")

static void pack_head(msgpack_packer *p, enum message_type type, uint64_t rev)
{
    msgpack_pack_array(p, 6);
    msgpack_pack_uint64(p, 0);
    msgpack_pack_uint64(p, type);
    msgpack_pack_uint64(p, 0);
    packer_str(p, BROADCAST);
    packer_decimal(p, rev);
}

static void write_update_msgpack(const struct change *change, struct bytes *out)
{
    char *at = bytes_reserve(out, 32 + PUT_DECIMAL_MAX);

    at = PUT_TEXT(at, "\x96\x00\x1f\x00\xa9"
                      "broadcast");
    at = put_decimal(at, change->rev);
    out->len = (size_t)(at - out->data);
    change_write(ENCODING_MSGPACK, change, out);
}

static void write_update_json(const struct change *change, struct bytes *out)
{
    bytes_append_text(out, "[0,31,0,\"broadcast\",");
    jsonput_decimal(out, change->rev);
    bytes_append_char(out, ',');
    change_write(ENCODING_JSON, change, out);
    bytes_append_char(out, ']');
}

void message_write_update(enum encoding encoding, const struct change *change, struct bytes *out)
{
    size_t start = frame_begin(out);

    if (encoding == ENCODING_JSON)
        write_update_json(change, out);
    else
        write_update_msgpack(change, out);
    frame_end(encoding, start, out);
}

static void write_batch_msgpack(const struct change *const *changes, size_t count, uint64_t rev,
                                struct bytes *out)
{
    msgpack_packer p;

    packer_init(&p, out);
    pack_head(&p, MESSAGE_BATCH, rev);
    msgpack_pack_map(&p, 2);
    packer_str(&p, SPAN("updates"));
    msgpack_pack_array(&p, count);
    for (size_t i = 0; i < count; i++)
        change_write(ENCODING_MSGPACK, changes[i], out);
    packer_str(&p, SPAN("rev"));
    msgpack_pack_fix_uint64(&p, rev);
}

static void write_batch_json(const struct change *const *changes, size_t count, uint64_t rev,
                             struct bytes *out)
{
    bytes_append_text(out, "[0,34,0,\"broadcast\",");
    jsonput_decimal(out, rev);
    bytes_append_text(out, ",{\"updates\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            bytes_append_char(out, ',');
        change_write(ENCODING_JSON, changes[i], out);
    }
    bytes_append_text(out, "],\"rev\":");
    bytes_append_u64(out, rev);
    bytes_append_text(out, "}]");
}

void message_write_batch(enum encoding encoding, const struct change *const *changes, size_t count,
                         uint64_t rev, struct bytes *out)
{
    size_t start = frame_begin(out);

    if (encoding == ENCODING_JSON)
        write_batch_json(changes, count, rev, out);
    else
        write_batch_msgpack(changes, count, rev, out);
    frame_end(encoding, start, out);
}

static void write_hello_msgpack(int64_t heartbeat_interval_ms, int64_t ttl_ms, int64_t server_time_ms,
                                struct span node, struct bytes *out)
{
    msgpack_packer p;

    packer_init(&p, out);
    pack_head(&p, MESSAGE_HELLO, 0);
    msgpack_pack_map(&p, 4);
    packer_str(&p, SPAN("heartbeatInterval"));
    packer_ms(&p, heartbeat_interval_ms);
    packer_str(&p, SPAN("ttl"));
    packer_ms(&p, ttl_ms);
    packer_str(&p, SPAN("serverTime"));
    packer_ms(&p, server_time_ms);
    packer_str(&p, SPAN("node"));
    packer_str(&p, node);
}

static void write_hello_json(int64_t heartbeat_interval_ms, int64_t ttl_ms, int64_t server_time_ms,
                             struct span node, struct bytes *out)
{
    bytes_append_text(out, "[0,35,0,\"broadcast\",\"0\",{\"heartbeatInterval\":");
    jsonput_ms(out, heartbeat_interval_ms);
    bytes_append_text(out, ",\"ttl\":");
    jsonput_ms(out, ttl_ms);
    bytes_append_text(out, ",\"serverTime\":");
    jsonput_ms(out, server_time_ms);
    bytes_append_text(out, ",\"node\":");
    bytes_append_json(out, node);
    bytes_append_text(out, "}]");
}

void message_write_hello(enum encoding encoding, int64_t heartbeat_interval_ms, int64_t ttl_ms,
                         int64_t server_time_ms, struct span node, struct bytes *out)
{
    size_t start = frame_begin(out);

    if (encoding == ENCODING_JSON)
        write_hello_json(heartbeat_interval_ms, ttl_ms, server_time_ms, node, out);
    else
        write_hello_msgpack(heartbeat_interval_ms, ttl_ms, server_time_ms, node, out);
    frame_end(encoding, start, out);
}
