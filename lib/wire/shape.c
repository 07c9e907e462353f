#include "wire/shape.h"

static int take(struct cursor *c, struct cursor_value *ret)
{
    return cursor_next(c, ret) == CURSOR_OK && ret->kind < CURSOR_ARRAY ? 0 : -1;
}

static int take_int(struct cursor *c, int64_t *ret)
{
    struct cursor_value v;

    if (take(c, &v) < 0 || v.kind != CURSOR_INT)
        return -1;
    *ret = v.number;
    return 0;
}

int shape_msgpack(struct cursor *c, struct shape *ret)
{
    struct cursor_value array;
    int64_t channel;

    if (cursor_next(c, &array) != CURSOR_OK || array.kind != CURSOR_ARRAY || array.count < 5 ||
        array.count > 6)
        return -1;
    if (take_int(c, &channel) < 0 || take_int(c, &ret->type) < 0 || take(c, &ret->from) < 0 ||
        take(c, &ret->to) < 0)
        return -1;
    ret->message_id.kind = CURSOR_NIL;
    return array.count == 6 ? take(c, &ret->message_id) : 0;
}

static bool is_container(const json_t *value)
{
    return json_is_array(value) || json_is_object(value);
}

int shape_json(const json_t *root, struct shape_json *ret)
{
    size_t count = json_array_size(root);

    if (count < 5 || count > 6 || !json_is_integer(json_array_get(root, 0)) ||
        !json_is_integer(json_array_get(root, 1)))
        return -1;
    for (size_t i = 2; i < count - 1; i++)
        if (is_container(json_array_get(root, i)))
            return -1;
    ret->type = json_integer_value(json_array_get(root, 1));
    ret->from = json_array_get(root, 2);
    ret->to = json_array_get(root, 3);
    ret->message_id = count == 6 ? json_array_get(root, 4) : NULL;
    ret->payload = json_array_get(root, count - 1);
    return 0;
}
