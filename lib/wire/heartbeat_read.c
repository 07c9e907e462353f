#include "wire/metadata.h"
#include "wire/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 2048 /* METADATA_SIZE_MAX holds half as many at most */

/* An id sent as an integer is the same user as its decimal text (contract section 2). */
static void set_number(struct heartbeat *h, int64_t number)
{
    int len = snprintf(h->from_text, sizeof(h->from_text), "%" PRId64, number);

    h->from = (struct span){h->from_text, (size_t)len};
}

static int take_from(const struct cursor_value *v, struct heartbeat *h)
{
    if (v->kind == CURSOR_STR)
        h->from = v->text;
    else if (v->kind == CURSOR_INT)
        set_number(h, v->number);
    else
        return -1;
    return 0;
}

/* The phone's own clock, for diagnosis only: what is no time counts as not given. */
static int64_t time_of_real(double ms)
{
    return ms >= 0 && ms < 9e15 ? (int64_t)ms : 0;
}

static int take_timestamp(struct cursor *c, struct heartbeat *h)
{
    const struct cursor before = *c;
    struct cursor_value v;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (v.kind == CURSOR_INT)
        h->timestamp_ms = v.number < 0 ? 0 : v.number;
    else if (v.kind == CURSOR_FLOAT)
        h->timestamp_ms = time_of_real(v.real);
    else if (v.kind >= CURSOR_ARRAY) {
        *c = before;
        return cursor_skip(c, SHAPE_DEPTH) == CURSOR_OK ? 0 : -1;
    }
    return 0;
}

static int take_entry(struct cursor *c, struct bytes *scratch, struct heartbeat *h)
{
    struct cursor_value key;

    if (cursor_next(c, &key) != CURSOR_OK || key.kind != CURSOR_STR)
        return -1;
    if (cursor_is_text(&key, SPAN("timestamp")))
        return take_timestamp(c, h);
    if (cursor_is_text(&key, SPAN("metadata")))
        return metadata_from_msgpack(c, SHAPE_DEPTH, scratch);
    return cursor_skip(c, SHAPE_DEPTH) == CURSOR_OK ? 0 : -1;
}

static int take_payload(struct cursor *c, struct bytes *scratch, struct heartbeat *h)
{
    struct cursor_value v;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (cursor_is_nothing(&v))
        return 0;
    if (v.kind != CURSOR_MAP)
        return -1;
    while (v.count--)
        if (take_entry(c, scratch, h) < 0)
            return -1;
    return 0;
}

static int read_msgpack(struct span message, struct bytes *scratch, struct heartbeat *h)
{
    struct cursor c;
    struct shape shape;

    cursor_init(&c, message, ITEMS_MAX);
    if (shape_msgpack(&c, &shape) < 0 || shape.type != MESSAGE_HEARTBEAT || take_from(&shape.from, h) < 0)
        return -1;
    if (take_payload(&c, scratch, h) < 0 || cursor_left(&c) != 0)
        return -1;
    h->metadata = bytes_span(scratch);
    return 0;
}

/* The text of the parsed value goes away with it, so it moves to the scratch. */
static int read_from_json(const json_t *from, struct bytes *scratch, struct heartbeat *h)
{
    if (json_is_integer(from))
        set_number(h, json_integer_value(from));
    else if (json_is_string(from))
        bytes_append_span(scratch, jsontext_span(from));
    else
        return -1;
    return 0;
}

static int read_payload_json(const json_t *payload, struct bytes *scratch, struct heartbeat *h)
{
    const json_t *timestamp = json_object_get(payload, "timestamp");

    if (!json_is_object(payload) && !json_is_null(payload))
        return -1;
    if (json_is_integer(timestamp) && json_integer_value(timestamp) > 0)
        h->timestamp_ms = json_integer_value(timestamp);
    else if (json_is_real(timestamp))
        h->timestamp_ms = time_of_real(json_real_value(timestamp));
    return metadata_from_json(json_object_get(payload, "metadata"), scratch);
}

static int read_json(struct span message, struct bytes *scratch, struct heartbeat *h)
{
    jsontext_auto *root = jsontext_load(message);
    struct shape_json shape;
    size_t from_len;

    if (shape_json(root, &shape) < 0 || shape.type != MESSAGE_HEARTBEAT ||
        read_from_json(shape.from, scratch, h) < 0)
        return -1;
    from_len = scratch->len;
    if (read_payload_json(shape.payload, scratch, h) < 0)
        return -1;
    if (json_is_string(shape.from))
        h->from = (struct span){scratch->data, from_len};
    h->metadata = SPAN_NONE;
    if (scratch->len > from_len)
        h->metadata = (struct span){scratch->data + from_len, scratch->len - from_len};
    return 0;
}

enum message_result message_read_heartbeat(enum encoding encoding, struct span message, struct bytes *scratch,
                                           struct heartbeat *ret)
{
    struct heartbeat h;
    int result;

    if (message.len > HEARTBEAT_SIZE_MAX)
        return MESSAGE_MALFORMED;
    h.timestamp_ms = 0;
    bytes_reset(scratch);
    result = encoding == ENCODING_JSON ? read_json(message, scratch, &h) : read_msgpack(message, scratch, &h);
    if (result < 0)
        return MESSAGE_MALFORMED;
    *ret = h;
    if (h.from.data == h.from_text)
        ret->from.data = ret->from_text;
    return MESSAGE_OK;
}
