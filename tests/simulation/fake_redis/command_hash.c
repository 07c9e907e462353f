/* SPDX-License-Identifier: MIT */
/* Hashes and sets. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>

static void answer_field(struct call *c, const struct value *v, struct span name)
{
    const struct item *item = v ? value_item(v, name) : NULL;
    if (item)
        answer_bulk(c, item_value(item));
    else
        answer_nil(c);
}

static void run_hget(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_HASH, &wrong);
    if (!wrong)
        answer_field(c, v, c->args[2]);
}

static void run_hmget(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_HASH, &wrong);
    if (wrong)
        return;
    answer_array(c, c->count - 2);
    for (size_t i = 2; i < c->count; i++)
        answer_field(c, v, c->args[i]);
}

static void run_hgetall(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_HASH, &wrong);
    const struct item *item;
    size_t at = 0;
    if (wrong)
        return;
    answer_array(c, v ? 2 * v->items.count : 0);
    while (v && (item = map_next(&v->items, &at))) {
        answer_bulk(c, item_name(item));
        answer_bulk(c, item_value(item));
    }
}

static void run_hset(struct call *c)
{
    int64_t fresh = 0;
    if (c->count % 2) {
        answer_error(c, "ERR wrong number of arguments for 'hset' command");
        return;
    }
    struct value *v = call_obtain(c, 1, VALUE_HASH);
    if (!v)
        return;
    for (size_t i = 2; i < c->count; i += 2)
        fresh += value_put(v, c->args[i], c->args[i + 1]);
    answer_integer(c, fresh);
}

static void run_hincrby(struct call *c)
{
    int64_t by, now = 0;
    char text[32];
    struct value *v = call_obtain(c, 1, VALUE_HASH);
    if (!v || call_integer(c, 3, &by) < 0)
        return;
    const struct item *item = value_item(v, c->args[2]);
    if (item && sscanf(item_value(item).data, "%" SCNd64, &now) != 1) {
        answer_error(c, "ERR hash value is not an integer");
        return;
    }
    snprintf(text, sizeof(text), "%" PRId64, now + by);
    value_put(v, c->args[2], span_of(text));
    answer_integer(c, now + by);
}

static void run_hsetnx(struct call *c)
{
    struct value *v = call_obtain(c, 1, VALUE_HASH);
    if (v)
        answer_integer(c, !value_item(v, c->args[2]) && value_put(v, c->args[2], c->args[3]));
}

static void run_hdel(struct call *c)
{
    bool wrong;
    int64_t gone = 0;
    struct value *v = call_get(c, 1, VALUE_HASH, &wrong);
    if (wrong)
        return;
    for (size_t i = 2; v && i < c->count; i++)
        gone += value_take(v, c->args[i]);
    if (v)
        call_settle(c, v);
    answer_integer(c, gone);
}

static void run_hlen(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_HASH, &wrong);
    if (!wrong)
        answer_integer(c, v ? (int64_t)v->items.count : 0);
}

static void run_hexists(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_HASH, &wrong);
    if (!wrong)
        answer_integer(c, v && value_item(v, c->args[2]));
}

static void run_sadd(struct call *c)
{
    int64_t fresh = 0;
    struct value *v = call_obtain(c, 1, VALUE_SET);
    for (size_t i = 2; v && i < c->count; i++)
        fresh += value_put(v, c->args[i], SPAN_NONE);
    if (v)
        answer_integer(c, fresh);
}

static void run_srem(struct call *c)
{
    bool wrong;
    int64_t gone = 0;
    struct value *v = call_get(c, 1, VALUE_SET, &wrong);
    if (wrong)
        return;
    for (size_t i = 2; v && i < c->count; i++)
        gone += value_take(v, c->args[i]);
    if (v)
        call_settle(c, v);
    answer_integer(c, gone);
}

static void run_smembers(struct call *c)
{
    bool wrong;
    const struct value *v = call_get(c, 1, VALUE_SET, &wrong);
    const struct item *item;
    size_t at = 0;
    if (wrong)
        return;
    answer_array(c, v ? v->items.count : 0);
    while (v && (item = map_next(&v->items, &at)))
        answer_bulk(c, item_name(item));
}

const struct command commands_hash[] = {
    {"HGET", 3, 0, run_hget},
    {"HMGET", -3, 0, run_hmget},
    {"HGETALL", 2, 0, run_hgetall},
    {"HSET", -4, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_hset},
    {"HINCRBY", 4, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_hincrby},
    {"HSETNX", 4, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_hsetnx},
    {"HDEL", -3, COMMAND_WRITES, run_hdel},
    {"HLEN", 2, 0, run_hlen},
    {"HEXISTS", 3, 0, run_hexists},
    {"SADD", -3, COMMAND_WRITES | COMMAND_NEEDS_ROOM, run_sadd},
    {"SREM", -3, COMMAND_WRITES, run_srem},
    {"SMEMBERS", 2, 0, run_smembers},
    {NULL, 0, 0, NULL},
};
