#include "net/redis_replies.h"

#include <hiredis/hiredis.h>
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

/* RESP2 knows no other types. */
static redisReplyObjectFunctions in_arena = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = leave_to_arena,
};

struct redis_replies redis_replies_begin(struct redisContext *context, struct arena *arena)
{
    struct redisReader *reader = context->reader;
    struct redis_replies before = {reader, reader->fn, reader->privdata};
    reader->fn = &in_arena;
    reader->privdata = arena;
    return before;
}

void redis_replies_end(const struct redis_replies *before)
{
    before->reader->fn = before->functions;
    before->reader->privdata = before->data;
}
