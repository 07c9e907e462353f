/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/envelope.h"
#include "wire/message.h"

#include <stdlib.h>

#define EPOCH_MAX 128
#define ITEMS_MAX 8192 /* users, groups and twice as much for what later versions may say */

/* A MessagePack integer of one byte is three characters at most, and so on down: 9 bytes, 20 characters. JSON
 * only shrinks. */
#define TEXT_GROWTH 3

enum list { LIST_GROUPS, LIST_USERS };

/* Makes room for `count` ids: 0, or -1 when the list was there already or is too long. */
static int open_list(struct subscribe *s, enum list list, size_t count)
{
    bool *seen = list == LIST_GROUPS ? &s->has_groups : &s->has_users;
    struct span **ids = list == LIST_GROUPS ? &s->groups : &s->users;
    if (*seen || count > (list == LIST_GROUPS ? GROUPS_MAX : SUBSCRIBE_USERS_MAX))
        return -1;
    *seen = true;
    if (count)
        *ids = mem_array(count, sizeof(**ids));
    return 0;
}

/* What was appended to the text since `start`. */
static struct span text_since(const struct subscribe *s, size_t start)
{
    return (struct span){s->text.data + start, s->text.len - start};
}

/* 0, or -1 when it is no id. The text has the room already, so that spans into it stay valid. */
static int add(struct subscribe *s, enum list list, struct span id)
{
    if (list == LIST_GROUPS) {
        s->groups[s->group_count++] = id;
        return identity_group_valid(id) ? 0 : -1;
    }
    s->users[s->user_count++] = id;
    return identity_user_valid(id) ? 0 : -1;
}

static int add_text(struct subscribe *s, enum list list, struct span id)
{
    size_t start = s->text.len;
    bytes_append_span(&s->text, id);
    return add(s, list, text_since(s, start));
}

/* An id sent as an integer, as decimal text. */
static int add_number(struct subscribe *s, enum list list, int64_t number)
{
    size_t start = s->text.len;
    bytes_append_i64(&s->text, number);
    return add(s, list, text_since(s, start));
}

static int set_epoch(struct subscribe *s, struct span epoch)
{
    size_t start = s->text.len;
    if (epoch.len == 0 || epoch.len > EPOCH_MAX || !utf8_valid_plain(epoch))
        return -1;
    bytes_append_span(&s->text, epoch);
    s->since_epoch = text_since(s, start);
    return 0;
}

static int skip(struct mp_reader *c, unsigned depth)
{
    return mp_reader_skip(c, depth) == MP_READER_OK ? 0 : -1;
}

static int take_id(struct mp_reader *c, enum list list, struct subscribe *s)
{
    struct mp_reader_value v;
    int64_t number;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (v.kind == MP_READER_STR)
        return add_text(s, list, v.text);
    return mp_reader_integer(&v, &number) ? add_number(s, list, number) : -1;
}

static int take_list(struct mp_reader *c, enum list list, struct subscribe *s)
{
    struct mp_reader_value v;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (mp_reader_is_nothing(&v))
        return 0;
    if (v.kind != MP_READER_ARRAY || open_list(s, list, v.count) < 0)
        return -1;
    while (v.count--)
        if (take_id(c, list, s) < 0)
            return -1;
    return 0;
}

static int take_batch(struct mp_reader *c, struct subscribe *s)
{
    struct mp_reader_value v;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (mp_reader_is_nothing(&v))
        return 0;
    if (v.kind != MP_READER_BOOL || s->has_batch)
        return -1;
    s->has_batch = true;
    s->batch = v.number != 0;
    return 0;
}

/* A number, or decimal text as in messageId: JavaScript keeps only 53 bits of a number. */
static int take_rev(const struct mp_reader_value *v, struct subscribe *s)
{
    int64_t number;
    if (v->kind == MP_READER_STR)
        return span_to_u64(v->text, INT64_MAX, &s->since_rev);
    if (!mp_reader_integer(v, &number) || number < 0)
        return -1;
    s->since_rev = (uint64_t)number;
    return 0;
}

static int take_since_entry(struct mp_reader *c, struct subscribe *s, bool *has_rev)
{
    struct mp_reader_value key, v;
    if (mp_reader_next(c, &key) != MP_READER_OK || key.kind != MP_READER_STR)
        return -1;
    if (!mp_reader_is_text(&key, SPAN("epoch")) && !mp_reader_is_text(&key, SPAN("rev")))
        return skip(c, ENVELOPE_DEPTH - 1);
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (mp_reader_is_text(&key, SPAN("epoch")))
        return v.kind == MP_READER_STR && !s->since_epoch.len ? set_epoch(s, v.text) : -1;
    if (*has_rev)
        return -1;
    *has_rev = true;
    return take_rev(&v, s);
}

static int take_since(struct mp_reader *c, struct subscribe *s)
{
    struct mp_reader_value v;
    bool has_rev = false;
    if (mp_reader_next(c, &v) != MP_READER_OK)
        return -1;
    if (mp_reader_is_nothing(&v))
        return 0;
    if (v.kind != MP_READER_MAP || s->has_since)
        return -1;
    while (v.count--)
        if (take_since_entry(c, s, &has_rev) < 0)
            return -1;
    s->has_since = true;
    return has_rev && s->since_epoch.len ? 0 : -1;
}

static int take_entry(struct mp_reader *c, struct subscribe *s)
{
    struct mp_reader_value key;
    if (mp_reader_next(c, &key) != MP_READER_OK || key.kind != MP_READER_STR)
        return -1;
    if (mp_reader_is_text(&key, SPAN("groups")))
        return take_list(c, LIST_GROUPS, s);
    if (mp_reader_is_text(&key, SPAN("users")))
        return take_list(c, LIST_USERS, s);
    if (mp_reader_is_text(&key, SPAN("batch")))
        return take_batch(c, s);
    if (mp_reader_is_text(&key, SPAN("since")))
        return take_since(c, s);
    return skip(c, ENVELOPE_DEPTH);
}

static int read_msgpack(struct span message, struct subscribe *s)
{
    struct mp_reader c;
    struct mp_reader_value payload;
    struct envelope shape;
    mp_reader_init(&c, message, ITEMS_MAX);
    if (envelope_msgpack(&c, &shape) < 0 || shape.type != MESSAGE_SUBSCRIBE)
        return -1;
    if (mp_reader_next(&c, &payload) != MP_READER_OK || payload.kind != MP_READER_MAP)
        return -1;
    while (payload.count--)
        if (take_entry(&c, s) < 0)
            return -1;
    return mp_reader_left(&c) == 0 ? 0 : -1;
}

static int read_list(const json_t *value, enum list list, struct subscribe *s)
{
    const json_t *id;
    int64_t number;
    size_t i;
    if (json_reader_is_nothing(value))
        return 0;
    if (!json_is_array(value) || open_list(s, list, json_array_size(value)) < 0)
        return -1;
    json_array_foreach(value, i, id)
    {
        if (!json_is_string(id) && !json_reader_integer(id, &number))
            return -1;
        if ((json_is_string(id) ? add_text(s, list, json_reader_span(id)) : add_number(s, list, number)) < 0)
            return -1;
    }
    return 0;
}

static int read_batch(const json_t *value, struct subscribe *s)
{
    if (json_reader_is_nothing(value))
        return 0;
    if (!json_is_boolean(value))
        return -1;
    s->has_batch = true;
    s->batch = json_is_true(value);
    return 0;
}

/* A number, or decimal text as in messageId: JavaScript keeps only 53 bits of a number. */
static int read_rev(const json_t *value, struct subscribe *s)
{
    int64_t number;
    if (json_is_string(value))
        return span_to_u64(json_reader_span(value), INT64_MAX, &s->since_rev);
    if (!json_reader_integer(value, &number) || number < 0)
        return -1;
    s->since_rev = (uint64_t)number;
    return 0;
}

static int read_since(const json_t *value, struct subscribe *s)
{
    if (json_reader_is_nothing(value))
        return 0;
    if (!json_is_object(value) || set_epoch(s, json_reader_span(json_object_get(value, "epoch"))) < 0 ||
        read_rev(json_object_get(value, "rev"), s) < 0)
        return -1;
    s->has_since = true;
    return 0;
}

static int read_json(struct span message, struct subscribe *s)
{
    json_reader_auto *root = json_reader_load(message);
    struct envelope_json shape;

    if (envelope_json(root, &shape) < 0 || shape.type != MESSAGE_SUBSCRIBE || !json_is_object(shape.payload))
        return -1;
    if (read_list(json_object_get(shape.payload, "groups"), LIST_GROUPS, s) < 0 ||
        read_list(json_object_get(shape.payload, "users"), LIST_USERS, s) < 0 ||
        read_batch(json_object_get(shape.payload, "batch"), s) < 0)
        return -1;
    return read_since(json_object_get(shape.payload, "since"), s);
}

enum message_result message_read_subscribe(enum encoding encoding, struct span message, struct subscribe *ret)
{
    struct subscribe s = {0};
    int result;
    if (message.len > SUBSCRIBE_SIZE_MAX)
        return MESSAGE_MALFORMED;
    bytes_reserve(&s.text, TEXT_GROWTH * message.len);
    result = encoding == ENCODING_JSON ? read_json(message, &s) : read_msgpack(message, &s);
    if (result < 0) {
        message_subscribe_finish(&s);
        return MESSAGE_MALFORMED;
    }
    *ret = s;
    return MESSAGE_OK;
}

void message_subscribe_finish(struct subscribe *s)
{
    free(s->groups);
    free(s->users);
    bytes_finish(&s->text);
    *s = (struct subscribe){0};
}
