/* SPDX-License-Identifier: MIT */
#include "wire/envelope.h"
#include "wire/json_peek.h"
#include "wire/message.h"

static bool is_ours(int64_t type)
{
    return type == MESSAGE_HEARTBEAT || type == MESSAGE_SUBSCRIBE;
}

/* Results of cursor and scan are the same numbers as those of messages. */
_Static_assert((int)MP_READER_SHORT == (int)MESSAGE_MORE && (int)MP_READER_BAD == (int)MESSAGE_MALFORMED &&
                   (int)JSON_PEEK_SHORT == (int)MESSAGE_MORE && (int)JSON_PEEK_BAD == (int)MESSAGE_MALFORMED,
               "results");

/* A whole value with nothing behind it. */
static enum message_result peek_value_msgpack(struct span head)
{
    struct mp_reader c;
    enum mp_reader_result result;
    mp_reader_init(&c, head, SIZE_MAX);
    if ((result = mp_reader_pass(&c)) != MP_READER_OK)
        return (enum message_result)result;
    return mp_reader_left(&c) == 0 ? MESSAGE_OTHER : MESSAGE_MALFORMED;
}

static enum message_result peek_msgpack(struct span head, int64_t *ret_type)
{
    struct mp_reader c, before;
    struct mp_reader_value array, channel, type;
    enum mp_reader_result result;
    int64_t number;
    mp_reader_init(&c, head, SIZE_MAX);
    if ((result = mp_reader_head(&c, &array)) != MP_READER_OK)
        return (enum message_result)result;
    if (array.kind != MP_READER_ARRAY || array.count < 2)
        return peek_value_msgpack(head);
    before = c;
    if ((result = mp_reader_pass(&c)) != MP_READER_OK ||
        (result = mp_reader_head(&before, &channel)) != MP_READER_OK ||
        (result = mp_reader_head(&c, &type)) != MP_READER_OK)
        return (enum message_result)result;
    if (!mp_reader_integer(&type, &number) || !is_ours(number))
        return MESSAGE_OTHER;
    if (array.count < ENVELOPE_ELEMENTS_MIN || array.count > ENVELOPE_ELEMENTS_MAX ||
        !mp_reader_integer(&channel, &(int64_t){0}))
        return MESSAGE_MALFORMED;
    *ret_type = number;
    return MESSAGE_OK;
}

static enum message_result peek_value_json(struct span head, bool whole)
{
    struct json_peek s;
    struct json_peek_value value;
    enum json_peek_result result;
    json_peek_init(&s, head, whole);
    if ((result = json_peek_value(&s, &value)) != JSON_PEEK_OK)
        return (enum message_result)result;
    return json_peek_at_end(&s) ? MESSAGE_OTHER : MESSAGE_MALFORMED;
}

static enum message_result peek_json(struct span head, bool whole, int64_t *ret_type)
{
    struct json_peek s;
    struct json_peek_value channel, type;
    enum json_peek_result result;
    json_peek_init(&s, head, whole);
    if (json_peek_char(&s, '[') == JSON_PEEK_BAD || json_peek_char(&s, ']') == JSON_PEEK_OK)
        return peek_value_json(head, whole);
    if ((result = json_peek_value(&s, &channel)) != JSON_PEEK_OK)
        return (enum message_result)result;
    if (json_peek_char(&s, ']') == JSON_PEEK_OK)
        return peek_value_json(head, whole);
    if ((result = json_peek_char(&s, ',')) != JSON_PEEK_OK ||
        (result = json_peek_value(&s, &type)) != JSON_PEEK_OK)
        return (enum message_result)result;
    if (!type.integer || !is_ours(type.number))
        return MESSAGE_OTHER;
    if ((result = json_peek_char(&s, ',')) != JSON_PEEK_OK)
        return (enum message_result)result;
    if (!channel.integer)
        return MESSAGE_MALFORMED;
    *ret_type = type.number;
    return MESSAGE_OK;
}

enum message_result message_peek(enum encoding encoding, struct span head, bool whole, int64_t *ret_type)
{
    bool reached = head.len >= MESSAGE_HEAD_MAX;
    enum message_result result;
    if (head.len == 0)
        return whole ? MESSAGE_OTHER : MESSAGE_MORE;
    if (head.len > MESSAGE_HEAD_MAX) {
        head.len = MESSAGE_HEAD_MAX;
        whole = false;
    }
    result = encoding == ENCODING_JSON ? peek_json(head, whole, ret_type) : peek_msgpack(head, ret_type);
    if (result != MESSAGE_MORE)
        return result;
    if (whole)
        return MESSAGE_MALFORMED;
    return reached ? MESSAGE_OTHER : MESSAGE_MORE;
}

bool message_is_presence(int64_t type)
{
    return type >= MESSAGE_HEARTBEAT && type <= MESSAGE_HELLO;
}

static enum message_result type_of_msgpack(struct span head, int64_t *ret_type)
{
    struct mp_reader c;
    struct mp_reader_value array, channel, type;
    enum mp_reader_result result;
    mp_reader_init(&c, head, SIZE_MAX);
    if ((result = mp_reader_head(&c, &array)) != MP_READER_OK)
        return (enum message_result)result;
    if (array.kind != MP_READER_ARRAY || array.count < 2)
        return MESSAGE_OTHER;
    if ((result = mp_reader_head(&c, &channel)) != MP_READER_OK)
        return (enum message_result)result;
    if (!mp_reader_integer(&channel, &(int64_t){0}))
        return MESSAGE_OTHER;
    if ((result = mp_reader_head(&c, &type)) != MP_READER_OK)
        return (enum message_result)result;
    return mp_reader_integer(&type, ret_type) ? MESSAGE_OK : MESSAGE_OTHER;
}

static enum message_result type_of_json(struct span head, bool whole, int64_t *ret_type)
{
    struct json_peek s;
    struct json_peek_value channel, type;
    enum json_peek_result result;
    json_peek_init(&s, head, whole);
    if ((result = json_peek_char(&s, '[')) != JSON_PEEK_OK ||
        (result = json_peek_value(&s, &channel)) != JSON_PEEK_OK)
        return (enum message_result)result;
    if (!channel.integer)
        return MESSAGE_OTHER;
    if ((result = json_peek_char(&s, ',')) != JSON_PEEK_OK ||
        (result = json_peek_value(&s, &type)) != JSON_PEEK_OK)
        return (enum message_result)result;
    if (!type.integer)
        return MESSAGE_OTHER;
    *ret_type = type.number;
    return MESSAGE_OK;
}

enum message_result message_peek_type(enum encoding encoding, struct span head, bool whole, int64_t *ret_type)
{
    bool reached = head.len >= MESSAGE_TYPE_MAX;
    enum message_result result;
    if (head.len > MESSAGE_TYPE_MAX) {
        head.len = MESSAGE_TYPE_MAX;
        whole = false;
    }
    if (head.len == 0)
        return whole ? MESSAGE_OTHER : MESSAGE_MORE;
    result =
        encoding == ENCODING_JSON ? type_of_json(head, whole, ret_type) : type_of_msgpack(head, ret_type);
    if (result == MESSAGE_OK || (result == MESSAGE_MORE && !whole && !reached))
        return result;
    return MESSAGE_OTHER;
}
