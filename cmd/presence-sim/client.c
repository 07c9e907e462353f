/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "base/mem.h"
#include "wire/encoder.h"
#include "wire/envelope.h"
#include "wire/json_peek.h"
#include "wire/json_reader.h"
#include "wire/mp_reader.h"

#include <stdlib.h>

/* Which keys were met; a second one is refused. Starts at 0. */
typedef uint32_t seen_keys;

enum field_kind { FIELD_TEXT, FIELD_MS, FIELD_REV, FIELD_COUNT, FIELD_STATUS, FIELD_BOOL };

struct field {
    struct span key;
    enum field_kind kind;
    size_t offset;
};

#define KEY(literal)                                                                                         \
    {                                                                                                        \
        (literal), sizeof(literal) - 1                                                                       \
    }

static const struct field state_fields[] = {
    {KEY("userId"), FIELD_TEXT, offsetof(struct client_state, user)},
    {KEY("status"), FIELD_STATUS, offsetof(struct client_state, online)},
    {KEY("timestamp"), FIELD_MS, offsetof(struct client_state, timestamp_ms)},
    {KEY("lastSeen"), FIELD_MS, offsetof(struct client_state, last_seen_ms)},
    {KEY("deviceId"), FIELD_TEXT, offsetof(struct client_state, device)},
    {KEY("rev"), FIELD_REV, offsetof(struct client_state, rev)},
    {KEY("reason"), FIELD_TEXT, offsetof(struct client_state, reason)},
};
#define SEEN_STATUS (1u << 1)

static const struct field payload_fields[] = {
    {KEY("timestamp"), FIELD_MS, offsetof(struct client_message, timestamp_ms)},
    {KEY("serverTime"), FIELD_MS, offsetof(struct client_message, timestamp_ms)},
    {KEY("rev"), FIELD_REV, offsetof(struct client_message, rev)},
    {KEY("epoch"), FIELD_TEXT, offsetof(struct client_message, epoch)},
    {KEY("totalOnline"), FIELD_COUNT, offsetof(struct client_message, total_online)},
    {KEY("heartbeatInterval"), FIELD_MS, offsetof(struct client_message, heartbeat_interval_ms)},
    {KEY("ttl"), FIELD_MS, offsetof(struct client_message, ttl_ms)},
    {KEY("reason"), FIELD_TEXT, offsetof(struct client_message, refusal)},
    {KEY("resumed"), FIELD_BOOL, offsetof(struct client_message, resumed)},
    {KEY("store"), FIELD_TEXT, offsetof(struct client_message, store)},
    {KEY("storeSince"), FIELD_MS, offsetof(struct client_message, store_since_ms)},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int set_number(void *place, enum field_kind kind, const struct mp_reader_value *v)
{
    if (v->kind == MP_READER_UINT64 ? kind != FIELD_REV : v->kind != MP_READER_INT || v->number < 0)
        return -1;
    if (kind == FIELD_COUNT)
        *(size_t *)place = (size_t)v->number;
    else if (kind == FIELD_REV)
        *(uint64_t *)place = (uint64_t)v->number;
    else
        *(int64_t *)place = v->number;
    return 0;
}

static int set_text(struct span *place, const struct mp_reader_value *v)
{
    if (v->kind == MP_READER_STR)
        *place = v->text;
    return v->kind == MP_READER_STR || v->kind == MP_READER_NIL ? 0 : -1;
}

static int set_status(bool *place, const struct mp_reader_value *v)
{
    *place = mp_reader_is_text(v, SPAN("online"));
    return *place || mp_reader_is_text(v, SPAN("offline")) ? 0 : -1;
}

static int set_bool(bool *place, const struct mp_reader_value *v)
{
    *place = v->kind == MP_READER_BOOL && v->number;
    return v->kind == MP_READER_BOOL ? 0 : -1;
}

static int set_field(const struct field *fields, size_t count, void *base, seen_keys *seen, struct span key,
                     const struct mp_reader_value *value)
{
    size_t i = 0;
    char *place;
    while (i < count && !span_equal(fields[i].key, key))
        i++;
    if (i == count)
        return 0;
    if (*seen & 1u << i)
        return -1;
    *seen |= 1u << i;
    place = (char *)base + fields[i].offset;
    switch (fields[i].kind) {
    case FIELD_TEXT: return set_text((struct span *)place, value);
    case FIELD_STATUS: return set_status((bool *)place, value);
    case FIELD_BOOL: return set_bool((bool *)place, value);
    default: return set_number(place, fields[i].kind, value);
    }
}

/* Sets what `key` names to a scalar: 0, also for an unknown key; -1: a wrong type or the second of its name. Texts are borrowed
 * from the value. */
static int set_state_field(struct client_state *s, seen_keys *seen, struct span key,
                           const struct mp_reader_value *value)
{
    return set_field(state_fields, COUNT(state_fields), s, seen, key, value);
}

static int set_payload_field(struct client_message *m, seen_keys *seen, struct span key,
                             const struct mp_reader_value *value)
{
    m->answers_since |= span_equal(key, SPAN("resumed"));
    return set_field(payload_fields, COUNT(payload_fields), m, seen, key, value);
}

/* userId and status, without which nothing is said. */
static bool is_complete(const struct client_state *s, seen_keys seen)
{
    return s->user.len != 0 && (seen & SEEN_STATUS);
}

/* Doubles at each power of two; what a message declares is not trusted. */
static struct client_state *add_state(struct client_message *m)
{
    size_t count = m->state_count;
    if ((count & (count - 1)) == 0)
        m->states = mem_realloc(m->states, (count ? 2 * count : 1) * sizeof(*m->states));
    m->states[count] = (struct client_state){0};
    m->state_count++;
    return &m->states[count];
}

/* The key under which states stand in a message of this type; SPAN_NONE: under none. */
static struct span list_key_of(int64_t type)
{
    if (type == MESSAGE_SNAPSHOT)
        return SPAN("users");
    return type == MESSAGE_BATCH ? SPAN("updates") : SPAN_NONE;
}

static bool is_known(int64_t type)
{
    return type == MESSAGE_UPDATE || type == MESSAGE_SNAPSHOT || type == MESSAGE_BATCH ||
           type == MESSAGE_HELLO;
}

static int set_message_id(const struct mp_reader_value *value, uint64_t *ret)
{
    if (value->kind == MP_READER_STR)
        return span_to_u64(value->text, UINT64_MAX, ret);
    return value->kind == MP_READER_NIL ? 0 : set_number(ret, FIELD_REV, value);
}

/* Another program's message may carry any id. */
static int set_head(struct client_message *m, int64_t type, const struct mp_reader_value *to,
                    const struct mp_reader_value *message_id)
{
    m->type = type;
    m->to = to->kind == MP_READER_STR ? to->text : SPAN_NONE;
    return set_message_id(message_id, &m->message_id) < 0 && is_known(type) ? -1 : 0;
}

/* A scalar as the fields take it; nothing is nil. Its text moves to m->text, which has the room already,
 * since the parsed value goes away. A container counts as a map: unknown keys don't care, known ones refuse
 * it. */
static struct mp_reader_value scalar(const json_t *json, struct client_message *m)
{
    struct mp_reader_value v = {.kind = MP_READER_NIL};
    size_t start = m->text.len;
    if (!json)
        return v;
    switch (json_typeof(json)) {
    case JSON_INTEGER:
        v.kind = MP_READER_INT;
        v.number = json_integer_value(json);
        break;
    case JSON_STRING:
        bytes_append_span(&m->text, json_reader_span(json));
        v.kind = MP_READER_STR;
        v.text = (struct span){m->text.data + start, m->text.len - start};
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        v.kind = MP_READER_BOOL;
        v.number = json_is_true(json);
        break;
    case JSON_REAL: v.kind = MP_READER_FLOAT; break;
    case JSON_ARRAY:
    case JSON_OBJECT: v.kind = MP_READER_MAP; break;
    case JSON_NULL: break;
    }
    return v;
}

static int read_state(json_t *map, struct client_message *m)
{
    struct client_state *s = add_state(m);
    seen_keys seen = 0;
    const char *key;
    json_t *json;

    json_object_foreach(map, key, json)
    {
        struct mp_reader_value value = scalar(json, m);
        if (set_state_field(s, &seen, span_of(key), &value) < 0)
            return -1;
    }
    return is_complete(s, seen) ? 0 : -1;
}

static int read_list(const json_t *list, struct client_message *m)
{
    json_t *state;
    size_t i;
    if (!json_is_array(list))
        return -1;
    json_array_foreach(list, i, state)
    {
        if (!json_is_object(state) || read_state(state, m) < 0)
            return -1;
    }
    return 0;
}

static int read_payload(json_t *payload, struct client_message *m)
{
    const struct span list_key = list_key_of(m->type);
    seen_keys seen = 0;
    const char *key;
    json_t *json;

    if (list_key.len && read_list(json_object_get(payload, list_key.data), m) < 0)
        return -1;
    json_object_foreach(payload, key, json)
    {
        struct mp_reader_value value = scalar(json, m);
        if (set_payload_field(m, &seen, span_of(key), &value) < 0)
            return -1;
    }
    return 0;
}

static int read_head(const struct envelope_json *shape, struct client_message *m)
{
    struct mp_reader_value to = scalar(shape->to, m);
    struct mp_reader_value id = scalar(shape->message_id, m);
    return set_head(m, shape->type, &to, &id);
}

/* The two readers fill a zeroed message: 0, or -1 with it partly filled. */
static int read_json(struct span message, struct client_message *m)
{
    json_reader_auto *root = json_reader_load(message);
    struct envelope_json shape;
    bytes_reserve(&m->text, message.len);
    if (envelope_json(root, &shape) < 0 || read_head(&shape, m) < 0)
        return -1;
    if (!is_known(m->type))
        return 0;
    if (!json_is_object(shape.payload))
        return -1;
    return m->type == MESSAGE_UPDATE ? read_state(shape.payload, m) : read_payload(shape.payload, m);
}

/* Levels of containers below the one that is being read. */
#define DEPTH_IN_STATE (ENVELOPE_DEPTH - 2)

static int skip(struct mp_reader *c, unsigned depth)
{
    return mp_reader_skip(c, depth) == MP_READER_OK ? 0 : -1;
}

/* A scalar's value; a container is skipped and counts as nil under keys that no one knows. */
static int take_value(struct mp_reader *c, unsigned depth, struct mp_reader_value *ret)
{
    const struct mp_reader before = *c;
    if (mp_reader_next(c, ret) != MP_READER_OK)
        return -1;
    if (ret->kind < MP_READER_ARRAY)
        return 0;
    *c = before;
    return skip(c, depth);
}

static int take_state(struct mp_reader *c, uint32_t count, struct client_message *m)
{
    struct client_state *s = add_state(m);
    seen_keys seen = 0;
    struct mp_reader_value key, value;
    while (count--) {
        if (mp_reader_next(c, &key) != MP_READER_OK || key.kind != MP_READER_STR ||
            take_value(c, DEPTH_IN_STATE, &value) < 0 || set_state_field(s, &seen, key.text, &value) < 0)
            return -1;
    }
    return is_complete(s, seen) ? 0 : -1;
}

static int take_list(struct mp_reader *c, struct client_message *m)
{
    struct mp_reader_value list, state;
    if (mp_reader_next(c, &list) != MP_READER_OK || list.kind != MP_READER_ARRAY)
        return -1;
    while (list.count--) {
        if (mp_reader_next(c, &state) != MP_READER_OK || state.kind != MP_READER_MAP ||
            take_state(c, state.count, m) < 0)
            return -1;
    }
    return 0;
}

static int take_payload(struct mp_reader *c, uint32_t count, struct client_message *m)
{
    const struct span list_key = list_key_of(m->type);
    seen_keys seen = 0;
    bool has_list = !list_key.len;
    struct mp_reader_value key, value;
    while (count--) {
        if (mp_reader_next(c, &key) != MP_READER_OK || key.kind != MP_READER_STR)
            return -1;
        if (list_key.len && mp_reader_is_text(&key, list_key)) {
            if (m->state_count || take_list(c, m) < 0)
                return -1;
            has_list = true;
        } else if (take_value(c, ENVELOPE_DEPTH, &value) < 0 ||
                   set_payload_field(m, &seen, key.text, &value) < 0) {
            return -1;
        }
    }
    return has_list ? 0 : -1;
}

static int read_msgpack(struct span message, struct client_message *m)
{
    struct mp_reader c;
    struct envelope shape;
    struct mp_reader_value payload;
    int result;
    mp_reader_init(&c, message, SIZE_MAX);
    if (envelope_msgpack(&c, &shape) < 0 || set_head(m, shape.type, &shape.to, &shape.message_id) < 0)
        return -1;
    if (!is_known(m->type))
        return skip(&c, MP_READER_DEPTH_MAX - 1) == 0 && mp_reader_left(&c) == 0 ? 0 : -1;
    if (mp_reader_next(&c, &payload) != MP_READER_OK || payload.kind != MP_READER_MAP)
        return -1;
    result =
        m->type == MESSAGE_UPDATE ? take_state(&c, payload.count, m) : take_payload(&c, payload.count, m);
    return result == 0 && mp_reader_left(&c) == 0 ? 0 : -1;
}

/* What a state shares with its message: an update is one state, a snapshot's users are all of its moment. */
static void share(struct client_message *m)
{
    if (m->type == MESSAGE_UPDATE && m->state_count) {
        m->rev = m->states[0].rev;
        m->timestamp_ms = m->states[0].timestamp_ms;
    }
    if (m->type != MESSAGE_SNAPSHOT)
        return;
    for (size_t i = 0; i < m->state_count; i++) {
        m->states[i].rev = m->rev;
        m->states[i].timestamp_ms = m->timestamp_ms;
    }
}

enum message_result client_read(enum encoding encoding, struct span message, struct client_message *ret)
{
    struct client_message m = {0};
    int result = encoding == ENCODING_JSON ? read_json(message, &m) : read_msgpack(message, &m);
    if (result < 0) {
        client_message_finish(&m);
        return MESSAGE_MALFORMED;
    }
    share(&m);
    *ret = m;
    return MESSAGE_OK;
}

void client_message_finish(struct client_message *m)
{
    free(m->states);
    bytes_finish(&m->text);
    *m = (struct client_message){0};
}

#define SHAPE_ITEMS 6 /* the array and what stands before the payload */

static int peek_msgpack(struct span message, int64_t *ret_type, uint64_t *ret_message_id)
{
    struct mp_reader c;
    struct envelope shape;
    struct client_message m = {0};
    mp_reader_init(&c, message, SHAPE_ITEMS);
    if (envelope_msgpack(&c, &shape) < 0 || set_head(&m, shape.type, &shape.to, &shape.message_id) < 0)
        return -1;
    *ret_type = m.type;
    *ret_message_id = m.message_id;
    return 0;
}

static int peek_json(struct span message, int64_t *ret_type, uint64_t *ret_message_id)
{
    struct json_peek s;
    struct json_peek_value channel, type, party;
    struct span id;
    uint64_t number = 0;
    json_peek_init(&s, message, true);
    if (json_peek_char(&s, '[') != JSON_PEEK_OK || json_peek_value(&s, &channel) != JSON_PEEK_OK ||
        !channel.integer || json_peek_char(&s, ',') != JSON_PEEK_OK ||
        json_peek_value(&s, &type) != JSON_PEEK_OK || !type.integer ||
        json_peek_char(&s, ',') != JSON_PEEK_OK || json_peek_value(&s, &party) != JSON_PEEK_OK ||
        json_peek_char(&s, ',') != JSON_PEEK_OK || json_peek_value(&s, &party) != JSON_PEEK_OK ||
        json_peek_char(&s, ',') != JSON_PEEK_OK)
        return -1;
    if (json_peek_string(&s, &id) == JSON_PEEK_OK && span_to_u64(id, UINT64_MAX, &number) < 0)
        return -1;
    *ret_type = type.number;
    *ret_message_id = number;
    return 0;
}

enum message_result client_peek(enum encoding encoding, struct span message, int64_t *ret_type,
                                uint64_t *ret_message_id)
{
    int result = encoding == ENCODING_JSON ? peek_json(message, ret_type, ret_message_id)
                                           : peek_msgpack(message, ret_type, ret_message_id);
    return result < 0 ? MESSAGE_MALFORMED : MESSAGE_OK;
}

/* A parsed value as MessagePack. Recurses to JSON_READER_DEPTH_MAX. */
static void put_json(struct encoder *e, const char *key, const json_t *value)
{
    msgpack_packer p = encoder_packer(e);
    const char *name;
    json_t *item;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        encoder_map(e, key, json_object_size(value));
        json_object_foreach((json_t *)value, name, item) put_json(e, name, item);
        return;
    case JSON_ARRAY:
        encoder_array(e, key, json_array_size(value));
        json_array_foreach(value, i, item) put_json(e, NULL, item);
        return;
    case JSON_STRING: encoder_str(e, key, json_reader_span(value)); return;
    case JSON_INTEGER:
        encoder_key(e, key, 0);
        msgpack_pack_int64(&p, json_integer_value(value));
        return;
    case JSON_REAL:
        encoder_key(e, key, 0);
        msgpack_pack_double(&p, json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE: encoder_bool(e, key, json_is_true(value)); return;
    case JSON_NULL: encoder_nil(e, key); return;
    }
}

static void put_metadata(struct encoder *e, struct span metadata)
{
    json_reader_auto *root = e->encoding == ENCODING_MSGPACK ? json_reader_load(metadata) : NULL;

    if (e->encoding == ENCODING_JSON)
        encoder_json_verbatim(e, "metadata", metadata);
    else if (root)
        put_json(e, "metadata", root);
    else
        encoder_nil(e, "metadata");
}

void client_write_heartbeat(enum encoding encoding, struct span user, int64_t timestamp_ms,
                            struct span metadata, struct bytes *out)
{
    struct encoder e = encoder_begin(encoding, out);
    encoder_array(&e, NULL, 5);
    encoder_uint(&e, NULL, 0);
    encoder_uint(&e, NULL, MESSAGE_HEARTBEAT);
    encoder_str(&e, NULL, user);
    encoder_uint(&e, NULL, 0);
    encoder_map(&e, NULL, metadata.len ? 3 : 2);
    encoder_text(&e, "type", "heartbeat");
    encoder_ms(&e, "timestamp", timestamp_ms);
    if (metadata.len)
        put_metadata(&e, metadata);
    encoder_end_map(&e);
    encoder_end_array(&e);
    encoder_finish(&e);
}

static void put_ids(struct encoder *e, const char *key, const struct span *ids, size_t count)
{
    if (!ids)
        return;
    encoder_array(e, key, count);
    for (size_t i = 0; i < count; i++)
        encoder_str(e, NULL, ids[i]);
    encoder_end_array(e);
}

void client_write_subscribe(enum encoding encoding, const struct client_interest *interest, struct bytes *out)
{
    struct encoder e = encoder_begin(encoding, out);
    encoder_array(&e, NULL, 5);
    encoder_uint(&e, NULL, 0);
    encoder_uint(&e, NULL, MESSAGE_SUBSCRIBE);
    encoder_uint(&e, NULL, 0);
    encoder_uint(&e, NULL, 0);
    encoder_map(&e, NULL, 1 + !!interest->groups + !!interest->users + !!interest->since_epoch.len);
    put_ids(&e, "groups", interest->groups, interest->group_count);
    put_ids(&e, "users", interest->users, interest->user_count);
    if (interest->since_epoch.len) {
        encoder_map(&e, "since", 2);
        encoder_str(&e, "epoch", interest->since_epoch);
        encoder_uint(&e, "rev", interest->since_rev);
        encoder_end_map(&e);
    }
    encoder_bool(&e, "batch", interest->batch);
    encoder_end_map(&e);
    encoder_end_array(&e);
    encoder_finish(&e);
}
