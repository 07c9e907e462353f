#include "wire/client_field.h"
#include "wire/client_read.h"
#include "wire/shape.h"

/* Levels of containers below the one that is being read. */
#define DEPTH_IN_STATE (SHAPE_DEPTH - 2)

static int skip(struct cursor *c, unsigned depth)
{
    return cursor_skip(c, depth) == CURSOR_OK ? 0 : -1;
}

/* A scalar's value; a container is skipped and counts as nil under keys that no one knows. */
static int take_value(struct cursor *c, unsigned depth, struct cursor_value *ret)
{
    const struct cursor before = *c;

    if (cursor_next(c, ret) != CURSOR_OK)
        return -1;
    if (ret->kind < CURSOR_ARRAY)
        return 0;
    *c = before;
    return skip(c, depth);
}

static int take_state(struct cursor *c, uint32_t count, struct client_message *m)
{
    struct client_state *s = client_add_state(m);
    client_seen seen = 0;
    struct cursor_value key, value;

    while (count--) {
        if (cursor_next(c, &key) != CURSOR_OK || key.kind != CURSOR_STR ||
            take_value(c, DEPTH_IN_STATE, &value) < 0 || client_set_state(s, &seen, key.text, &value) < 0)
            return -1;
    }
    return client_state_complete(s, seen) ? 0 : -1;
}

static int take_list(struct cursor *c, struct client_message *m)
{
    struct cursor_value list, state;

    if (cursor_next(c, &list) != CURSOR_OK || list.kind != CURSOR_ARRAY)
        return -1;
    while (list.count--) {
        if (cursor_next(c, &state) != CURSOR_OK || state.kind != CURSOR_MAP ||
            take_state(c, state.count, m) < 0)
            return -1;
    }
    return 0;
}

static int take_payload(struct cursor *c, uint32_t count, struct client_message *m)
{
    const struct span list_key = client_list_key(m->type);
    client_seen seen = 0;
    bool has_list = !list_key.len;
    struct cursor_value key, value;

    while (count--) {
        if (cursor_next(c, &key) != CURSOR_OK || key.kind != CURSOR_STR)
            return -1;
        if (list_key.len && cursor_is_text(&key, list_key)) {
            if (m->state_count || take_list(c, m) < 0)
                return -1;
            has_list = true;
        } else if (take_value(c, SHAPE_DEPTH, &value) < 0 ||
                   client_set_payload(m, &seen, key.text, &value) < 0) {
            return -1;
        }
    }
    return has_list ? 0 : -1;
}

int client_read_msgpack(struct span message, struct client_message *m)
{
    struct cursor c;
    struct shape shape;
    struct cursor_value payload;
    int result;

    cursor_init(&c, message, SIZE_MAX);
    if (shape_msgpack(&c, &shape) < 0 || client_set_head(m, shape.type, &shape.to, &shape.message_id) < 0)
        return -1;
    if (!client_type_known(m->type))
        return skip(&c, CURSOR_DEPTH_MAX - 1) == 0 && cursor_left(&c) == 0 ? 0 : -1;
    if (cursor_next(&c, &payload) != CURSOR_OK || payload.kind != CURSOR_MAP)
        return -1;
    result =
        m->type == MESSAGE_UPDATE ? take_state(&c, payload.count, m) : take_payload(&c, payload.count, m);
    return result == 0 && cursor_left(&c) == 0 ? 0 : -1;
}
