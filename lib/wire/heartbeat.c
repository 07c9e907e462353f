/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "wire/envelope.h"
#include "wire/json_peek.h"
#include "wire/message.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ITEMS_MAX   2048 /* METADATA_SIZE_MAX holds half as many at most */
#define REAL_DIGITS 15   /* what a double surely keeps, so that 0.1 stays 0.1 */

/* Metadata as compact JSON of at most METADATA_SIZE_MAX bytes, whatever it came as. What JSON cannot carry
 * (NaN, binary, extensions) becomes null, as JSON.stringify does it. What is refused in JSON is refused in
 * MessagePack too: a NUL in a text, a key twice; so the result always reads as JSON again. */

static int write_value(struct mp_reader *c, unsigned depth, struct bytes *out);

static int write_array(struct mp_reader *c, uint32_t count, unsigned depth, struct bytes *out)
{
    bytes_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            bytes_append_char(out, ',');
        if (write_value(c, depth, out) < 0)
            return -1;
    }
    bytes_append_char(out, ']');
    return 0;
}

/* Readers of JSON refuse it (jansson) or cut there. */
static bool has_nul(struct span text)
{
    return text.len && memchr(text.data, '\0', text.len);
}

/* Whether a map that starts at `c` has the key among its first `count` ones: walked again, since nothing is
 * kept. */
static bool has_key(struct mp_reader c, uint32_t count, unsigned depth, struct span key)
{
    struct mp_reader_value v;
    while (count--) {
        if (mp_reader_next(&c, &v) != MP_READER_OK || mp_reader_is_text(&v, key))
            return true;
        if (mp_reader_skip(&c, depth) != MP_READER_OK)
            return true;
    }
    return false;
}

/* As in JSON, a key is valid UTF-8 and stands once. */
static int write_map(struct mp_reader *c, uint32_t count, unsigned depth, struct bytes *out)
{
    const struct mp_reader start = *c;
    struct mp_reader_value key;
    bytes_append_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (mp_reader_next(c, &key) != MP_READER_OK || key.kind != MP_READER_STR || has_nul(key.text) ||
            !utf8_valid(key.text) || has_key(start, i, depth, key.text))
            return -1;
        if (i)
            bytes_append_char(out, ',');
        bytes_append_json(out, key.text);
        bytes_append_char(out, ':');
        if (write_value(c, depth, out) < 0)
            return -1;
    }
    bytes_append_char(out, '}');
    return 0;
}

static void write_scalar(const struct mp_reader_value *v, struct bytes *out)
{
    switch (v->kind) {
    case MP_READER_BOOL: bytes_append_text(out, v->number ? "true" : "false"); return;
    case MP_READER_INT: bytes_append_i64(out, v->number); return;
    /* Above what readers of JSON take for an integer. */
    case MP_READER_UINT64: bytes_printf(out, "%.*g", REAL_DIGITS, (double)(uint64_t)v->number); return;
    case MP_READER_STR: bytes_append_json(out, v->text); return;
    case MP_READER_FLOAT:
        if (isfinite(v->real)) {
            bytes_printf(out, "%.*g", REAL_DIGITS, v->real);
            return;
        }
        break;
    default: break;
    }
    bytes_append_text(out, "null");
}

static int write_container(struct mp_reader *c, const struct mp_reader_value *v, unsigned depth,
                           struct bytes *out)
{
    if (depth == 0)
        return -1;
    if (v->kind == MP_READER_MAP)
        return write_map(c, v->count, depth - 1, out);
    return write_array(c, v->count, depth - 1, out);
}

/* Recurses to `depth`. */
static int write_value(struct mp_reader *c, unsigned depth, struct bytes *out)
{
    struct mp_reader_value v;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (v.kind >= MP_READER_ARRAY)
        return write_container(c, &v, depth, out);
    if (v.kind == MP_READER_STR && has_nul(v.text))
        return -1;
    write_scalar(&v, out);
    return out->len > METADATA_SIZE_MAX ? -1 : 0;
}

/* Reads one value, a map of at most `depth` levels or nil, and appends it to the empty `out`; nil appends
 * nothing. 0, or -1: another kind, malformed, too long, or a second one (out is not empty). */
static int metadata_from_msgpack(struct mp_reader *c, unsigned depth, struct bytes *out)
{
    struct mp_reader_value v;
    if (out->len != 0 || mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (mp_reader_is_nothing(&v))
        return 0;
    if (v.kind != MP_READER_MAP || write_container(c, &v, depth, out) < 0)
        return -1;
    return out->len > METADATA_SIZE_MAX ? -1 : 0;
}

/* Likewise; NULL and null append nothing, and `out` need not be empty. */
static int metadata_from_json(const json_t *value, struct bytes *out)
{
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS);
    size_t len;
    if (json_reader_is_nothing(value))
        return 0;
    if (!json_is_object(value))
        return -1;
    len = json_dumpb(value, bytes_reserve(out, METADATA_SIZE_MAX), METADATA_SIZE_MAX, flags);
    if (len == 0 || len > METADATA_SIZE_MAX)
        return -1;
    out->len += len;
    return 0;
}

/* An id sent as an integer is the same user as its decimal text (PROTOCOL.md). */
static void set_number(struct heartbeat *h, int64_t number)
{
    int len = snprintf(h->from_text, sizeof(h->from_text), "%" PRId64, number);
    h->from = (struct span){h->from_text, (size_t)len};
}

static int take_from(const struct mp_reader_value *v, struct heartbeat *h)
{
    int64_t number;
    if (v->kind == MP_READER_STR)
        h->from = v->text;
    else if (mp_reader_integer(v, &number))
        set_number(h, number);
    else
        return -1;
    return 0;
}

/* The phone's own clock, for diagnosis only: what is no time counts as not given. */
static int64_t time_of_real(double ms)
{
    return ms >= 0 && ms < 9e15 ? (int64_t)ms : 0;
}

static int take_timestamp(struct mp_reader *c, struct heartbeat *h)
{
    const struct mp_reader before = *c;
    struct mp_reader_value v;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (v.kind == MP_READER_INT)
        h->timestamp_ms = v.number < 0 ? 0 : v.number;
    else if (v.kind == MP_READER_FLOAT)
        h->timestamp_ms = time_of_real(v.real);
    else if (v.kind >= MP_READER_ARRAY) {
        *c = before;
        return mp_reader_skip(c, ENVELOPE_DEPTH) == MP_READER_OK ? 0 : -1;
    }
    return 0;
}

/* Metadata never costs the beat: what can't be kept is passed over, however deep and long it is. */
static int take_metadata(struct mp_reader *c, struct bytes *scratch, struct heartbeat *h)
{
    struct mp_reader behind = *c;
    behind.budget = SIZE_MAX; /* the message's size bounds it */
    if (mp_reader_pass(&behind) != MP_READER_OK)
        return -1;
    behind.budget = c->budget;
    if (metadata_from_msgpack(c, ENVELOPE_DEPTH, scratch) < 0)
        h->metadata_dropped = true;
    if (h->metadata_dropped)
        bytes_reset(scratch);
    *c = behind;
    return 0;
}

static int take_entry(struct mp_reader *c, struct bytes *scratch, struct heartbeat *h)
{
    struct mp_reader_value key;
    if (mp_reader_next(c, &key) != MP_READER_OK || key.kind != MP_READER_STR)
        return -1;
    if (mp_reader_is_text(&key, SPAN("timestamp")))
        return take_timestamp(c, h);
    if (mp_reader_is_text(&key, SPAN("metadata")))
        return take_metadata(c, scratch, h);
    return mp_reader_skip(c, ENVELOPE_DEPTH) == MP_READER_OK ? 0 : -1;
}

static int take_payload(struct mp_reader *c, struct bytes *scratch, struct heartbeat *h)
{
    struct mp_reader_value v;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (mp_reader_is_nothing(&v))
        return 0;
    if (v.kind != MP_READER_MAP)
        return -1;
    while (v.count--)
        if (take_entry(c, scratch, h) < 0)
            return -1;
    return 0;
}

static int read_msgpack(struct span message, struct bytes *scratch, struct heartbeat *h)
{
    struct mp_reader c;
    struct envelope shape;
    mp_reader_init(&c, message, ITEMS_MAX);
    if (envelope_msgpack(&c, &shape) < 0 || shape.type != MESSAGE_HEARTBEAT || take_from(&shape.from, h) < 0)
        return -1;
    if (take_payload(&c, scratch, h) < 0 || mp_reader_left(&c) != 0)
        return -1;
    h->metadata = bytes_span(scratch);
    return 0;
}

/* The text of the parsed value goes away with it, so it moves to the scratch. */
static int read_from_json(const json_t *from, struct bytes *scratch, struct heartbeat *h)
{
    int64_t number;
    if (json_reader_integer(from, &number))
        set_number(h, number);
    else if (json_is_string(from))
        bytes_append_span(scratch, json_reader_span(from));
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
    if (metadata_from_json(json_object_get(payload, "metadata"), scratch) < 0)
        h->metadata_dropped = true;
    return 0;
}

/* Passes the entries of an object up to the value of `key`. */
static enum json_peek_result seek_value(struct json_peek *s, struct span key)
{
    struct json_peek_value value;
    struct span name;
    enum json_peek_result result = json_peek_char(s, '{');
    while (result == JSON_PEEK_OK) {
        if ((result = json_peek_string(s, &name)) != JSON_PEEK_OK ||
            (result = json_peek_char(s, ':')) != JSON_PEEK_OK || span_equal(name, key))
            return result;
        if ((result = json_peek_value(s, &value)) == JSON_PEEK_OK)
            result = json_peek_char(s, ',');
    }
    return result;
}

/* The payload's metadata as it stands in a message: nested too deep, with a key twice or with text that no
 * reader takes, it must not cost the beat. SPAN_NONE: there is none. */
static struct span find_metadata(struct span message)
{
    struct json_peek s;
    struct json_peek_value value;
    json_peek_init(&s, message, true);
    if (json_peek_char(&s, '[') != JSON_PEEK_OK)
        return SPAN_NONE;
    for (int i = 0; i < ENVELOPE_ELEMENTS_MAX; i++) {
        struct json_peek payload = s;
        const char *start;

        if (seek_value(&payload, SPAN("metadata")) == JSON_PEEK_OK) {
            start = payload.at;
            return json_peek_value(&payload, &value) == JSON_PEEK_OK
                       ? (struct span){start, (size_t)(payload.at - start)}
                       : SPAN_NONE;
        }
        if (json_peek_value(&s, &value) != JSON_PEEK_OK || json_peek_char(&s, ',') != JSON_PEEK_OK)
            return SPAN_NONE;
    }
    return SPAN_NONE;
}

static json_t *load_without_metadata(struct span message)
{
    bytes_auto text = BYTES_INIT;
    struct span metadata = find_metadata(message);

    if (!metadata.data)
        return NULL;
    bytes_append(&text, message.data, (size_t)(metadata.data - message.data));
    bytes_append_text(&text, "null");
    bytes_append(&text, metadata.data + metadata.len,
                 (size_t)(message.data + message.len - metadata.data - metadata.len));
    return json_reader_load(bytes_span(&text));
}

static int read_json(struct span message, struct bytes *scratch, struct heartbeat *h)
{
    json_reader_auto *root = json_reader_load(message);
    struct envelope_json shape;
    size_t from_len;

    if (!root && (root = load_without_metadata(message)))
        h->metadata_dropped = true;
    if (envelope_json(root, &shape) < 0 || shape.type != MESSAGE_HEARTBEAT ||
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
    h.metadata_dropped = false;
    bytes_reset(scratch);
    result = encoding == ENCODING_JSON ? read_json(message, scratch, &h) : read_msgpack(message, scratch, &h);
    if (result < 0)
        return MESSAGE_MALFORMED;
    *ret = h;
    if (h.from.data == h.from_text)
        ret->from.data = ret->from_text;
    return MESSAGE_OK;
}
