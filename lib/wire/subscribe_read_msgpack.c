#include "wire/shape.h"
#include "wire/subscribe_read.h"

#define ITEMS_MAX 8192 /* users, groups and twice as much for what later versions may say */

static int skip(struct cursor *c, unsigned depth)
{
    return cursor_skip(c, depth) == CURSOR_OK ? 0 : -1;
}

static int take_id(struct cursor *c, enum subscribe_list list, struct subscribe *s)
{
    struct cursor_value v;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (v.kind == CURSOR_STR)
        return subscribe_add_text(s, list, v.text);
    return v.kind == CURSOR_INT ? subscribe_add_number(s, list, v.number) : -1;
}

static int take_list(struct cursor *c, enum subscribe_list list, struct subscribe *s)
{
    struct cursor_value v;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (cursor_is_nothing(&v))
        return 0;
    if (v.kind != CURSOR_ARRAY || subscribe_open_list(s, list, v.count) < 0)
        return -1;
    while (v.count--)
        if (take_id(c, list, s) < 0)
            return -1;
    return 0;
}

static int take_batch(struct cursor *c, struct subscribe *s)
{
    struct cursor_value v;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (cursor_is_nothing(&v))
        return 0;
    if (v.kind != CURSOR_BOOL || s->has_batch)
        return -1;
    s->has_batch = true;
    s->batch = v.number != 0;
    return 0;
}

/* A number, or decimal text as in messageId: JavaScript keeps only 53 bits of a number. */
static int take_rev(const struct cursor_value *v, struct subscribe *s)
{
    if (v->kind == CURSOR_STR)
        return span_to_u64(v->text, INT64_MAX, &s->since_rev);
    if (v->kind != CURSOR_INT || v->number < 0)
        return -1;
    s->since_rev = (uint64_t)v->number;
    return 0;
}

static int take_since_entry(struct cursor *c, struct subscribe *s, bool *has_rev)
{
    struct cursor_value key, v;

    if (cursor_next(c, &key) != CURSOR_OK || key.kind != CURSOR_STR)
        return -1;
    if (!cursor_is_text(&key, SPAN("epoch")) && !cursor_is_text(&key, SPAN("rev")))
        return skip(c, SHAPE_DEPTH - 1);
    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (cursor_is_text(&key, SPAN("epoch")))
        return v.kind == CURSOR_STR && !s->since_epoch.len ? subscribe_set_epoch(s, v.text) : -1;
    if (*has_rev)
        return -1;
    *has_rev = true;
    return take_rev(&v, s);
}

static int take_since(struct cursor *c, struct subscribe *s)
{
    struct cursor_value v;
    bool has_rev = false;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (cursor_is_nothing(&v))
        return 0;
    if (v.kind != CURSOR_MAP || s->has_since)
        return -1;
    while (v.count--)
        if (take_since_entry(c, s, &has_rev) < 0)
            return -1;
    s->has_since = true;
    return has_rev && s->since_epoch.len ? 0 : -1;
}

static int take_entry(struct cursor *c, struct subscribe *s)
{
    struct cursor_value key;

    if (cursor_next(c, &key) != CURSOR_OK || key.kind != CURSOR_STR)
        return -1;
    if (cursor_is_text(&key, SPAN("groups")))
        return take_list(c, SUBSCRIBE_GROUPS, s);
    if (cursor_is_text(&key, SPAN("users")))
        return take_list(c, SUBSCRIBE_USERS, s);
    if (cursor_is_text(&key, SPAN("batch")))
        return take_batch(c, s);
    if (cursor_is_text(&key, SPAN("since")))
        return take_since(c, s);
    return skip(c, SHAPE_DEPTH);
}

int subscribe_read_msgpack(struct span message, struct subscribe *s)
{
    struct cursor c;
    struct cursor_value payload;
    struct shape shape;

    cursor_init(&c, message, ITEMS_MAX);
    if (shape_msgpack(&c, &shape) < 0 || shape.type != MESSAGE_SUBSCRIBE)
        return -1;
    if (cursor_next(&c, &payload) != CURSOR_OK || payload.kind != CURSOR_MAP)
        return -1;
    while (payload.count--)
        if (take_entry(&c, s) < 0)
            return -1;
    return cursor_left(&c) == 0 ? 0 : -1;
}
