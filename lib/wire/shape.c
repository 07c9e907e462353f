#include "wire/shape.h"

static int skip_scalar(struct cursor *c)
{
    return cursor_skip(c, 0) == CURSOR_OK ? 0 : -1;
}

int shape_msgpack(struct cursor *c, enum message_type type, struct cursor_value *ret_from)
{
    struct cursor_value array, v;

    if (cursor_next(c, &array) != CURSOR_OK || array.kind != CURSOR_ARRAY || array.count < 5 ||
        array.count > 6)
        return -1;
    if (cursor_next(c, &v) != CURSOR_OK || v.kind != CURSOR_INT)
        return -1;
    if (cursor_next(c, &v) != CURSOR_OK || v.kind != CURSOR_INT || v.number != type)
        return -1;
    if (cursor_next(c, ret_from) != CURSOR_OK || ret_from->kind >= CURSOR_ARRAY)
        return -1;
    if (skip_scalar(c) < 0 || (array.count == 6 && skip_scalar(c) < 0))
        return -1;
    return 0;
}

static bool is_container(const json_t *value)
{
    return json_is_array(value) || json_is_object(value);
}

int shape_json(const json_t *root, enum message_type type, json_t **ret_from, json_t **ret_payload)
{
    size_t count = json_array_size(root);

    if (count < 5 || count > 6)
        return -1;
    if (!json_is_integer(json_array_get(root, 0)) || !json_is_integer(json_array_get(root, 1)) ||
        json_integer_value(json_array_get(root, 1)) != type)
        return -1;
    for (size_t i = 2; i < count - 1; i++)
        if (is_container(json_array_get(root, i)))
            return -1;
    *ret_from = json_array_get(root, 2);
    *ret_payload = json_array_get(root, count - 1);
    return 0;
}
