/* SPDX-License-Identifier: MIT */
#include "dataset.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct span value_name(const struct value *v)
{
    return (struct span){v->name, v->name_len};
}

struct span item_name(const struct item *item)
{
    return (struct span){item->name, item->name_len};
}

struct span item_value(const struct item *item)
{
    return (struct span){item->value ? item->value : "", item->value_len};
}

static struct span key_of_value(const void *object)
{
    return value_name(object);
}

static struct span key_of_item(const void *object)
{
    return item_name(object);
}

void dataset_init(struct dataset *d)
{
    map_init(&d->keys, key_of_value);
}

static void item_destroy(struct item *item)
{
    free(item->value);
    free(item);
}

static void value_destroy(struct value *v)
{
    struct item *item;
    size_t at = 0;
    while ((item = map_next(&v->items, &at)))
        item_destroy(item);
    map_finish(&v->items);
    for (size_t i = 0; i < v->entry_count; i++)
        free(v->entries[v->entry_first + i].fields);
    free(v->entries);
    free(v->sorted);
    bytes_finish(&v->text);
    free(v);
}

void dataset_finish(struct dataset *d)
{
    struct value *v;
    size_t at = 0;
    while ((v = map_next(&d->keys, &at)))
        value_destroy(v);
    map_finish(&d->keys);
}

struct value *dataset_get(const struct dataset *d, struct span name)
{
    return map_get(&d->keys, name);
}

struct value *dataset_obtain(struct dataset *d, struct span name, enum value_type type)
{
    struct value *v = map_get(&d->keys, name);
    if (v)
        return v;
    v = mem_zalloc(sizeof(*v) + name.len);
    v->type = type;
    v->expires_ms = NEVER_EXPIRES;
    v->name_len = name.len;
    memcpy(v->name, name.data, name.len);
    map_init(&v->items, key_of_item);
    map_put(&d->keys, v);
    return v;
}

void dataset_remove(struct dataset *d, struct value *v)
{
    map_remove(&d->keys, value_name(v));
    value_destroy(v);
}

static void copy_value(const struct value *from, struct value *to)
{
    struct item *item;
    size_t at = 0;
    to->expires_ms = from->expires_ms;
    bytes_append_span(&to->text, bytes_span(&from->text));
    while (from->type != VALUE_ZSET && (item = map_next(&from->items, &at)))
        value_put(to, item_name(item), item_value(item));
    for (size_t i = 0; from->type == VALUE_ZSET && i < from->items.count; i++)
        zset_put(to, item_name(from->sorted[i]), from->sorted[i]->score);
    for (size_t i = 0; i < from->entry_count; i++) {
        const struct stream_entry *e = stream_at(from, i);
        stream_append(to, e->id, (struct span){e->fields, e->fields_len}, e->field_count);
    }
    to->last_id = from->last_id;
}

void dataset_copy(const struct dataset *from, struct dataset *ret)
{
    struct value *v;
    size_t at = 0;
    dataset_init(ret);
    while ((v = map_next(&from->keys, &at)))
        copy_value(v, dataset_obtain(ret, value_name(v), v->type));
}

size_t value_count(const struct value *v)
{
    /* A stream lives on without entries, and an empty string is one. */
    return v->type == VALUE_STRING || v->type == VALUE_STREAM ? 1 : v->items.count;
}

struct item *value_item(const struct value *v, struct span name)
{
    return map_get(&v->items, name);
}

static struct item *item_create(struct span name)
{
    struct item *item = mem_zalloc(sizeof(*item) + name.len);
    item->name_len = name.len;
    memcpy(item->name, name.data, name.len);
    return item;
}

bool value_put(struct value *v, struct span name, struct span text)
{
    struct item *item = value_item(v, name);
    bool fresh = !item;
    if (fresh) {
        item = item_create(name);
        map_put(&v->items, item);
    }
    free(item->value);
    item->value = text.len > 0 ? mem_strndup(text.data, text.len) : NULL;
    item->value_len = text.len;
    return fresh;
}

bool value_take(struct value *v, struct span name)
{
    struct item *item = map_remove(&v->items, name);
    if (!item)
        return false;
    item_destroy(item);
    return true;
}

static int compare(double score, struct span name, const struct item *item)
{
    if (score != item->score)
        return score < item->score ? -1 : 1;
    size_t least = name.len < item->name_len ? name.len : item->name_len;
    int order = memcmp(name.data, item->name, least);
    return order ? order : (name.len > item->name_len) - (name.len < item->name_len);
}

/* Where such a member stands, or would. */
static size_t place(const struct value *v, size_t count, double score, struct span name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(score, name, v->sorted[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void pull(struct value *v, size_t count, struct item *item)
{
    size_t at = place(v, count, item->score, item_name(item));
    memmove(v->sorted + at, v->sorted + at + 1, (count - at - 1) * sizeof(*v->sorted));
}

static void push(struct value *v, size_t count, struct item *item)
{
    size_t at = place(v, count, item->score, item_name(item));
    if (count == v->sorted_cap) {
        v->sorted_cap = v->sorted_cap ? 2 * v->sorted_cap : 8;
        v->sorted = mem_realloc(v->sorted, v->sorted_cap * sizeof(*v->sorted));
    }
    memmove(v->sorted + at + 1, v->sorted + at, (count - at) * sizeof(*v->sorted));
    v->sorted[at] = item;
}

bool zset_put(struct value *v, struct span name, double score)
{
    struct item *item = value_item(v, name);
    size_t count = v->items.count;
    bool fresh = !item;
    if (fresh)
        item = item_create(name);
    else
        pull(v, count--, item);
    item->score = score;
    push(v, count, item);
    if (fresh)
        map_put(&v->items, item);
    return fresh;
}

bool zset_take(struct value *v, struct span name)
{
    struct item *item = value_item(v, name);
    if (!item)
        return false;
    pull(v, v->items.count, item);
    map_remove(&v->items, name);
    item_destroy(item);
    return true;
}

size_t zset_lower(const struct value *v, double least)
{
    return place(v, v->items.count, least, SPAN(""));
}

void stream_append(struct value *v, uint64_t id, struct span fields, size_t field_count)
{
    if (v->entry_first + v->entry_count == v->entry_cap) {
        v->entry_cap = v->entry_cap ? 2 * v->entry_cap : 16;
        v->entries = mem_realloc(v->entries, v->entry_cap * sizeof(*v->entries));
    }
    v->entries[v->entry_first + v->entry_count++] =
        (struct stream_entry){id, mem_strndup(fields.data, fields.len), fields.len, field_count};
    v->last_id = id;
}

void stream_trim(struct value *v, size_t most)
{
    while (v->entry_count > most) {
        free(v->entries[v->entry_first++].fields);
        v->entry_count--;
    }
    if (v->entry_first > v->entry_count) {
        memmove(v->entries, v->entries + v->entry_first, v->entry_count * sizeof(*v->entries));
        v->entry_first = 0;
    }
}

size_t stream_lower(const struct value *v, uint64_t least)
{
    size_t low = 0, high = v->entry_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (stream_at(v, middle)->id < least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct stream_entry *stream_at(const struct value *v, size_t i)
{
    return &v->entries[v->entry_first + i];
}

uint32_t scan_place(struct span name)
{
    uint32_t place = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        place = (place ^ (unsigned char)name.data[i]) * 16777619u;
    return place;
}
