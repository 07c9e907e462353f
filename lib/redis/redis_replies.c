/* SPDX-License-Identifier: MIT */
#include "redis/redis_replies.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static redisReply *create(const redisReadTask *task, int type)
{
    redisReply *reply = arena_alloc(task->privdata, sizeof(*reply));
    memset(reply, 0, sizeof(*reply));
    reply->type = type;
    if (task->parent)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    redisReply *reply = create(task, task->type);
    reply->str = arena_alloc(task->privdata, len + 1);
    memcpy(reply->str, text, len);
    reply->str[len] = '\0';
    reply->len = len;
    return reply;
}

/* The reader has bounded the count. */
static void *create_array(const redisReadTask *task, element_count count)
{
    redisReply *reply = create(task, task->type);
    size_t size = (size_t)count * sizeof(reply->element[0]);
    reply->elements = (size_t)count;
    reply->element = memset(arena_alloc(task->privdata, size), 0, size);
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = create(task, task->type);
    reply->integer = value;
    return reply;
}

/* Of a string or an array that is none: the task has that type. */
static void *create_nil(const redisReadTask *task)
{
    return create(task, REDIS_REPLY_NIL);
}

static void leave_to_arena(void *reply)
{
}

/* RESP2 knows no other types, but who is at the other end may. */
#if HIREDIS_MAJOR >= 1
static void *create_double(const redisReadTask *task, double value, char *text, size_t len)
{
    return create_string(task, text, len);
}

static void *create_bool(const redisReadTask *task, int value)
{
    return create_integer(task, value);
}
#endif

static redisReplyObjectFunctions in_arena = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .freeObject = leave_to_arena,
};

struct redisReader *redis_replies_reader(struct arena *arena)
{
    struct redisReader *reader = redisReaderCreateWithFunctions(&in_arena);
    if (!reader)
        abort();
    reader->privdata = arena;
    return reader;
}
