#include "wire/shape.h"
#include "wire/subscribe_read.h"

static int read_list(const json_t *value, enum subscribe_list list, struct subscribe *s)
{
    const json_t *id;
    size_t i;

    if (jsontext_is_nothing(value))
        return 0;
    if (!json_is_array(value) || subscribe_open_list(s, list, json_array_size(value)) < 0)
        return -1;
    json_array_foreach(value, i, id)
    {
        if (!json_is_string(id) && !json_is_integer(id))
            return -1;
        if ((json_is_string(id) ? subscribe_add_text(s, list, jsontext_span(id))
                                : subscribe_add_number(s, list, json_integer_value(id))) < 0)
            return -1;
    }
    return 0;
}

static int read_batch(const json_t *value, struct subscribe *s)
{
    if (jsontext_is_nothing(value))
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
    if (json_is_string(value))
        return span_to_u64(jsontext_span(value), INT64_MAX, &s->since_rev);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -1;
    s->since_rev = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_since(const json_t *value, struct subscribe *s)
{
    if (jsontext_is_nothing(value))
        return 0;
    if (!json_is_object(value) ||
        subscribe_set_epoch(s, jsontext_span(json_object_get(value, "epoch"))) < 0 ||
        read_rev(json_object_get(value, "rev"), s) < 0)
        return -1;
    s->has_since = true;
    return 0;
}

int subscribe_read_json(struct span message, struct subscribe *s)
{
    jsontext_auto *root = jsontext_load(message);
    struct shape_json shape;

    if (shape_json(root, &shape) < 0 || shape.type != MESSAGE_SUBSCRIBE || !json_is_object(shape.payload))
        return -1;
    if (read_list(json_object_get(shape.payload, "groups"), SUBSCRIBE_GROUPS, s) < 0 ||
        read_list(json_object_get(shape.payload, "users"), SUBSCRIBE_USERS, s) < 0 ||
        read_batch(json_object_get(shape.payload, "batch"), s) < 0)
        return -1;
    return read_since(json_object_get(shape.payload, "since"), s);
}
