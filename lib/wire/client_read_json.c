#include "wire/client_field.h"
#include "wire/client_read.h"
#include "wire/shape.h"

/* A scalar as the fields take it; nothing is nil. Its text moves to m->text, which has the room already,
 * since the parsed value goes away. A container counts as a map: unknown keys don't care, known ones refuse
 * it. */
static struct cursor_value scalar(const json_t *json, struct client_message *m)
{
    struct cursor_value v = {.kind = CURSOR_NIL};
    size_t start = m->text.len;

    if (!json)
        return v;
    switch (json_typeof(json)) {
    case JSON_INTEGER:
        v.kind = CURSOR_INT;
        v.number = json_integer_value(json);
        break;
    case JSON_STRING:
        bytes_append_span(&m->text, jsontext_span(json));
        v.kind = CURSOR_STR;
        v.text = (struct span){m->text.data + start, m->text.len - start};
        break;
    case JSON_TRUE:
    case JSON_FALSE: v.kind = CURSOR_BOOL; break;
    case JSON_REAL: v.kind = CURSOR_FLOAT; break;
    case JSON_ARRAY:
    case JSON_OBJECT: v.kind = CURSOR_MAP; break;
    case JSON_NULL: break;
    }
    return v;
}

static int read_state(json_t *map, struct client_message *m)
{
    struct client_state *s = client_add_state(m);
    client_seen seen = 0;
    const char *key;
    json_t *json;

    json_object_foreach(map, key, json)
    {
        struct cursor_value value = scalar(json, m);

        if (client_set_state(s, &seen, span_of(key), &value) < 0)
            return -1;
    }
    return client_state_complete(s, seen) ? 0 : -1;
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
    const struct span list_key = client_list_key(m->type);
    client_seen seen = 0;
    const char *key;
    json_t *json;

    if (list_key.len && read_list(json_object_get(payload, list_key.data), m) < 0)
        return -1;
    json_object_foreach(payload, key, json)
    {
        struct cursor_value value = scalar(json, m);

        if (client_set_payload(m, &seen, span_of(key), &value) < 0)
            return -1;
    }
    return 0;
}

static int read_head(const struct shape_json *shape, struct client_message *m)
{
    struct cursor_value to = scalar(shape->to, m);
    struct cursor_value id = scalar(shape->message_id, m);

    return client_set_head(m, shape->type, &to, &id);
}

int client_read_json(struct span message, struct client_message *m)
{
    jsontext_auto *root = jsontext_load(message);
    struct shape_json shape;

    bytes_reserve(&m->text, message.len);
    if (shape_json(root, &shape) < 0 || read_head(&shape, m) < 0)
        return -1;
    if (!client_type_known(m->type))
        return 0;
    if (!json_is_object(shape.payload))
        return -1;
    return m->type == MESSAGE_UPDATE ? read_state(shape.payload, m) : read_payload(shape.payload, m);
}
