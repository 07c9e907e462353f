/* SPDX-License-Identifier: MIT */
#include "wire/envelope.h"

static int take(struct mp_reader *c, struct mp_reader_value *ret)
{
    return mp_reader_next(c, ret) == MP_READER_OK && ret->kind < MP_READER_ARRAY ? 0 : -1;
}

static int take_int(struct mp_reader *c, int64_t *ret)
{
    struct mp_reader_value v;
    return take(c, &v) == 0 && mp_reader_integer(&v, ret) ? 0 : -1;
}

int envelope_msgpack(struct mp_reader *c, struct envelope *ret)
{
    struct mp_reader_value array;
    int64_t channel;
    if (mp_reader_next(c, &array) != MP_READER_OK || array.kind != MP_READER_ARRAY ||
        array.count < ENVELOPE_ELEMENTS_MIN || array.count > ENVELOPE_ELEMENTS_MAX)
        return -1;
    if (take_int(c, &channel) < 0 || take_int(c, &ret->type) < 0 || take(c, &ret->from) < 0 ||
        take(c, &ret->to) < 0)
        return -1;
    ret->message_id.kind = MP_READER_NIL;
    return array.count == ENVELOPE_ELEMENTS_MAX ? take(c, &ret->message_id) : 0;
}

static bool is_container(const json_t *value)
{
    return json_is_array(value) || json_is_object(value);
}

int envelope_json(const json_t *root, struct envelope_json *ret)
{
    size_t count = json_array_size(root);
    int64_t channel;
    if (count < ENVELOPE_ELEMENTS_MIN || count > ENVELOPE_ELEMENTS_MAX ||
        !json_reader_integer(json_array_get(root, 0), &channel) ||
        !json_reader_integer(json_array_get(root, 1), &ret->type))
        return -1;
    for (size_t i = 2; i < count - 1; i++)
        if (is_container(json_array_get(root, i)))
            return -1;
    ret->from = json_array_get(root, 2);
    ret->to = json_array_get(root, 3);
    ret->message_id = count == ENVELOPE_ELEMENTS_MAX ? json_array_get(root, 4) : NULL;
    ret->payload = json_array_get(root, count - 1);
    return 0;
}
