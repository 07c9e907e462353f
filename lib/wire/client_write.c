#include "wire/client.h"
#include "wire/jsonput.h"
#include "wire/jsontext.h"
#include "wire/packer.h"

static void pack_json(msgpack_packer *p, const json_t *value);

static void pack_json_object(msgpack_packer *p, json_t *object)
{
    const char *key;
    json_t *value;

    msgpack_pack_map(p, json_object_size(object));
    json_object_foreach(object, key, value)
    {
        packer_str(p, span_of(key));
        pack_json(p, value);
    }
}

static void pack_json_array(msgpack_packer *p, const json_t *array)
{
    const json_t *value;
    size_t i;

    msgpack_pack_array(p, json_array_size(array));
    json_array_foreach(array, i, value) pack_json(p, value);
}

/* Recurses to JSONTEXT_DEPTH_MAX. */
static void pack_json(msgpack_packer *p, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: pack_json_object(p, (json_t *)value); return;
    case JSON_ARRAY: pack_json_array(p, value); return;
    case JSON_STRING: packer_str(p, jsontext_span(value)); return;
    case JSON_INTEGER: msgpack_pack_int64(p, json_integer_value(value)); return;
    case JSON_REAL: msgpack_pack_double(p, json_real_value(value)); return;
    case JSON_TRUE: msgpack_pack_true(p); return;
    case JSON_FALSE: msgpack_pack_false(p); return;
    case JSON_NULL: msgpack_pack_nil(p); return;
    }
}

static void heartbeat_msgpack(struct span user, int64_t timestamp_ms, struct span metadata, struct bytes *out)
{
    jsontext_auto *root = jsontext_load(metadata);
    msgpack_packer p;

    packer_init(&p, out);
    msgpack_pack_array(&p, 5);
    msgpack_pack_uint64(&p, 0);
    msgpack_pack_uint64(&p, MESSAGE_HEARTBEAT);
    packer_str(&p, user);
    msgpack_pack_uint64(&p, 0);
    msgpack_pack_map(&p, root ? 3 : 2);
    packer_str(&p, SPAN("type"));
    packer_str(&p, SPAN("heartbeat"));
    packer_str(&p, SPAN("timestamp"));
    packer_ms(&p, timestamp_ms);
    if (root) {
        packer_str(&p, SPAN("metadata"));
        pack_json(&p, root);
    }
}

static void heartbeat_json(struct span user, int64_t timestamp_ms, struct span metadata, struct bytes *out)
{
    bytes_append_text(out, "[0,30,");
    bytes_append_json(out, user);
    bytes_append_text(out, ",0,{\"type\":\"heartbeat\",\"timestamp\":");
    jsonput_ms(out, timestamp_ms);
    if (metadata.len) {
        bytes_append_text(out, ",\"metadata\":");
        bytes_append_span(out, metadata);
    }
    bytes_append_text(out, "}]");
}

void client_write_heartbeat(enum encoding encoding, struct span user, int64_t timestamp_ms,
                            struct span metadata, struct bytes *out)
{
    if (encoding == ENCODING_JSON)
        heartbeat_json(user, timestamp_ms, metadata, out);
    else
        heartbeat_msgpack(user, timestamp_ms, metadata, out);
}

static void pack_ids(msgpack_packer *p, struct span key, const struct span *ids, size_t count)
{
    if (!ids)
        return;
    packer_str(p, key);
    msgpack_pack_array(p, count);
    for (size_t i = 0; i < count; i++)
        packer_str(p, ids[i]);
}

static void subscribe_msgpack(const struct client_interest *interest, struct bytes *out)
{
    msgpack_packer p;

    packer_init(&p, out);
    msgpack_pack_array(&p, 5);
    msgpack_pack_uint64(&p, 0);
    msgpack_pack_uint64(&p, MESSAGE_SUBSCRIBE);
    msgpack_pack_uint64(&p, 0);
    msgpack_pack_uint64(&p, 0);
    msgpack_pack_map(&p, 1 + !!interest->groups + !!interest->users + !!interest->since_epoch.len);
    pack_ids(&p, SPAN("groups"), interest->groups, interest->group_count);
    pack_ids(&p, SPAN("users"), interest->users, interest->user_count);
    if (interest->since_epoch.len) {
        packer_str(&p, SPAN("since"));
        msgpack_pack_map(&p, 2);
        packer_str(&p, SPAN("epoch"));
        packer_str(&p, interest->since_epoch);
        packer_str(&p, SPAN("rev"));
        msgpack_pack_uint64(&p, interest->since_rev);
    }
    packer_str(&p, SPAN("batch"));
    if (interest->batch)
        msgpack_pack_true(&p);
    else
        msgpack_pack_false(&p);
}

static void append_ids(struct bytes *out, const char *key, const struct span *ids, size_t count)
{
    if (!ids)
        return;
    bytes_append_text(out, key);
    for (size_t i = 0; i < count; i++) {
        if (i)
            bytes_append_char(out, ',');
        bytes_append_json(out, ids[i]);
    }
    bytes_append_text(out, "],");
}

static void subscribe_json(const struct client_interest *interest, struct bytes *out)
{
    bytes_append_text(out, "[0,33,0,0,{");
    append_ids(out, "\"groups\":[", interest->groups, interest->group_count);
    append_ids(out, "\"users\":[", interest->users, interest->user_count);
    if (interest->since_epoch.len) {
        bytes_append_text(out, "\"since\":{\"epoch\":");
        bytes_append_json(out, interest->since_epoch);
        bytes_append_text(out, ",\"rev\":");
        bytes_append_u64(out, interest->since_rev);
        bytes_append_text(out, "},");
    }
    bytes_append_text(out, interest->batch ? "\"batch\":true}]" : "\"batch\":false}]");
}

void client_write_subscribe(enum encoding encoding, const struct client_interest *interest, struct bytes *out)
{
    if (encoding == ENCODING_JSON)
        subscribe_json(interest, out);
    else
        subscribe_msgpack(interest, out);
}
