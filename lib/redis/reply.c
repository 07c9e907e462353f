/* SPDX-License-Identifier: MIT */
#include "redis/reply.h"

#include "base/mem.h"

#include <hiredis/hiredis.h>
#include <string.h>

static bool reply_is(const struct redisReply *r, int type)
{
    return r && r->type == type;
}

bool reply_is_error(const struct redisReply *r)
{
    return reply_is(r, REDIS_REPLY_ERROR);
}

struct span reply_error(const struct redisReply *r)
{
    return reply_is_error(r) ? (struct span){r->str, r->len} : SPAN_NONE;
}

bool reply_error_is(const struct redisReply *r, const char *code)
{
    struct span text = reply_error(r);
    return text.data && span_equal(span_split(&text, ' '), span_of(code));
}

bool reply_is_nil(const struct redisReply *r)
{
    return !r || r->type == REDIS_REPLY_NIL;
}

bool reply_is_array(const struct redisReply *r)
{
    return reply_is(r, REDIS_REPLY_ARRAY);
}

size_t reply_count(const struct redisReply *r)
{
    return reply_is_array(r) ? (size_t)r->elements : 0;
}

const struct redisReply *reply_at(const struct redisReply *r, size_t i)
{
    return i < reply_count(r) ? r->element[i] : NULL;
}

const struct redisReply *reply_field(const struct redisReply *pairs, struct span name)
{
    for (size_t i = 0; i + 1 < reply_count(pairs); i += 2)
        if (span_equal(reply_text(pairs->element[i]), name))
            return pairs->element[i + 1];
    return NULL;
}

struct span reply_text(const struct redisReply *r)
{
    if (!reply_is(r, REDIS_REPLY_STRING) && !reply_is(r, REDIS_REPLY_STATUS))
        return SPAN_NONE;
    return (struct span){r->str, r->len};
}

static int64_t integer_of_text(struct span text, int64_t otherwise)
{
    bool negative = text.len && text.data[0] == '-';
    struct span digits = negative ? (struct span){text.data + 1, text.len - 1} : text;
    uint64_t value;
    if (span_to_u64(digits, (uint64_t)INT64_MAX + negative, &value) < 0)
        return otherwise;
    return negative ? (int64_t)(0 - value) : (int64_t)value;
}

int64_t reply_integer(const struct redisReply *r, int64_t otherwise)
{
    if (reply_is(r, REDIS_REPLY_INTEGER))
        return r->integer;
    struct span text = reply_text(r);
    return text.data ? integer_of_text(text, otherwise) : otherwise;
}

struct redisReply *reply_copy(const struct redisReply *r)
{
    redisReply *copy = mem_alloc(sizeof(*copy));
    *copy = *r;
    if (r->str)
        copy->str = memcpy(mem_alloc(r->len + 1), r->str, r->len + 1);
    if (reply_is_array(r)) {
        copy->element = mem_alloc((r->elements + 1) * sizeof(copy->element[0]));
        for (size_t i = 0; i < r->elements; i++)
            copy->element[i] = reply_copy(r->element[i]);
    }
    return copy;
}

void reply_free(struct redisReply *r)
{
    freeReplyObject(r);
}
