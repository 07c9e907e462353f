/* SPDX-License-Identifier: MIT */
/* The data of the model: keys with values of Redis's types, and when they expire. */
#ifndef MODEL_DATASET_H
#define MODEL_DATASET_H

#include "base/map.h"

enum value_type { VALUE_STRING, VALUE_HASH, VALUE_SET, VALUE_ZSET, VALUE_STREAM };

#define NEVER_EXPIRES INT64_MAX

/* A member of a set or a sorted set, or a field with its value. */
struct item {
    double score;
    char *value; /* of a field */
    size_t value_len;
    size_t name_len;
    char name[];
};

struct stream_entry {
    uint64_t id;  /* before the '-'; behind it stands 0 */
    char *fields; /* RESP bulks, one after the other */
    size_t fields_len;
    size_t field_count;
};

struct value {
    enum value_type type;
    int64_t expires_ms;
    struct bytes text;    /* VALUE_STRING */
    struct map items;     /* VALUE_HASH, VALUE_SET, VALUE_ZSET */
    struct item **sorted; /* VALUE_ZSET: by score, then name */
    size_t sorted_cap;
    struct stream_entry *entries; /* VALUE_STREAM: by id, from `first` on */
    size_t entry_first, entry_count, entry_cap;
    uint64_t last_id;
    size_t name_len;
    char name[];
};

struct dataset {
    struct map keys;
};

void dataset_init(struct dataset *d);
void dataset_finish(struct dataset *d);
/* A copy, value for value. */
void dataset_copy(const struct dataset *from, struct dataset *ret);
struct value *dataset_get(const struct dataset *d, struct span name);
/* Finds, or makes an empty one of that type. */
struct value *dataset_obtain(struct dataset *d, struct span name, enum value_type type);
void dataset_remove(struct dataset *d, struct value *v);

struct span value_name(const struct value *v);
struct span item_name(const struct item *item);
struct span item_value(const struct item *item);
/* How many items, or entries: what is empty does not exist. */
size_t value_count(const struct value *v);

struct item *value_item(const struct value *v, struct span name);
/* Sets a field, or adds a member; whether it was not there. */
bool value_put(struct value *v, struct span name, struct span text);
bool value_take(struct value *v, struct span name);

/* Sorted sets: whether the member was not there. */
bool zset_put(struct value *v, struct span name, double score);
bool zset_take(struct value *v, struct span name);
/* Place of the first with a score of at least `least`. */
size_t zset_lower(const struct value *v, double least);

void stream_append(struct value *v, uint64_t id, struct span fields, size_t field_count);
/* Forgets the oldest beyond `most`. */
void stream_trim(struct value *v, size_t most);
/* Place of the first entry with an id of at least `least`, counted from the oldest. */
size_t stream_lower(const struct value *v, uint64_t least);
const struct stream_entry *stream_at(const struct value *v, size_t i);

/* Names in an order of their own, for SCAN and the like: complete for what stays, whatever comes and goes
 * between two pages. */
uint32_t scan_place(struct span name);

#endif
