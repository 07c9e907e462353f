/* SPDX-License-Identifier: MIT */
#include "store_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void store_redis_fail(const char *what)
{
    print_error("%s\n", what);
    fail();
}

struct redisReply *store_redis_send(struct store_redis *t, const struct bytes *command)
{
    redisContext *c = redis_server_connect(&t->server);
    void *reply = NULL;
    if (!c || redisAppendFormattedCommand(c, command->data, command->len) != REDIS_OK ||
        redisGetReply(c, &reply) != REDIS_OK)
        store_redis_fail("no answer");
    return reply;
}

struct redisReply *store_redis_next(struct store_redis *t)
{
    void *reply = NULL;
    if (redisGetReply(t->server.control, &reply) != REDIS_OK)
        store_redis_fail("no further answer");
    return reply;
}

const char *store_redis_text(struct store_redis *t, int argc, const char *const *argv)
{
    static char text[8192];
    redisContext *c = redis_server_connect(&t->server);
    redisReply *r = redisCommandArgv(c, argc, (const char **)argv, NULL);
    if (!r || r->type == REDIS_REPLY_ERROR)
        store_redis_fail(r ? r->str : "no answer");
    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(text, sizeof(text), "(nil)");
    else
        snprintf(text, sizeof(text), "%s", r->str ? r->str : "(array)");
    freeReplyObject(r);
    return text;
}

int64_t store_redis_now(struct store_redis *t)
{
    redisReply *r = redis_server_call(&t->server, "TIME", NULL);
    int64_t now = atoll(r->element[0]->str) * 1000 + atoll(r->element[1]->str) / 1000;
    freeReplyObject(r);
    return now;
}

void store_redis_wait_until(struct store_redis *t, int64_t redis_ms)
{
    for (int64_t left; (left = redis_ms - store_redis_now(t)) > 0;)
        usleep((useconds_t)left * 1000);
}

static void store_redis_subscribe(struct store_redis *t)
{
    t->heard = redisConnectUnix(t->server.path);
    if (!t->heard || t->heard->err)
        store_redis_fail("no second connection");
    redisSetTimeout(t->heard, (struct timeval){10, 0});
    redisReply *r = redisCommand(t->heard, "PSUBSCRIBE presence:*");
    if (!r || r->type != REDIS_REPLY_ARRAY)
        store_redis_fail("PSUBSCRIBE");
    freeReplyObject(r);
}

static void store_redis_begin(struct store_redis *t)
{
    t->store = (struct store){.prefix = "presence:",
                              .log_max = 100000,
                              .run_id = "1111111122222222333333334444444455555555",
                              .node = "n1"};
    t->ttl_ms = STORE_REDIS_TTL;
    t->gap_ms = INT32_MAX;
    t->limit = 500;
}

void store_redis_load_scripts(struct store_redis *t)
{
    for (int i = 0; i < SCRIPTS; i++) {
        bytes_auto out = BYTES_INIT;
        store_load_script((enum script)i, &out);
        redisReply *r = store_redis_send(t, &out);
        if (r->type != REDIS_REPLY_NIL)
            store_redis_fail(r->str ? r->str : "a script does something without arguments");
        freeReplyObject(r);
    }
}

void store_redis_start(struct store_redis *t)
{
    memset(t, 0, sizeof(*t));
    store_redis_begin(t);
    redis_server_start(&t->server);
    store_redis_subscribe(t);
    store_redis_load_scripts(t);
}

void store_redis_forget(struct store_redis *t)
{
    for (size_t i = 0; i < t->message_count; i++) {
        free(t->messages[i].channel);
        free(t->messages[i].payload);
    }
    t->message_count = 0;
}

void store_redis_stop(struct store_redis *t)
{
    freeReplyObject(t->reply);
    store_redis_forget(t);
    redisFree(t->heard);
    redis_server_stop(&t->server);
}

void store_redis_hear(struct store_redis *t)
{
    redisReply *r = NULL;
    redisAppendCommand(t->heard, "PING");
    while (redisGetReply(t->heard, (void **)&r) == REDIS_OK && r->type == REDIS_REPLY_ARRAY &&
           strcmp(r->element[0]->str, "pong") != 0) {
        if (t->message_count == STORE_REDIS_MESSAGES)
            store_redis_fail("too many messages");
        t->messages[t->message_count++] =
            (struct store_redis_message){mem_strdup(r->element[2]->str), mem_strdup(r->element[3]->str)};
        freeReplyObject(r);
        r = NULL;
    }
    if (!r)
        store_redis_fail("the subscription is gone");
    freeReplyObject(r);
}

void store_redis_clear(struct store_redis *t)
{
    redis_server_do(&t->server, "FLUSHALL");
    store_redis_hear(t);
    store_redis_forget(t);
    store_redis_begin(t);
    t->holdback_ms = 0;
}

void store_redis_keep(struct store_redis *t, struct redisReply *reply)
{
    freeReplyObject(t->reply);
    t->reply = reply;
}

struct session_op store_redis_op(char kind, const char *user, const char *session, const char *device)
{
    return (struct session_op){.kind = (enum session_op_kind)kind,
                               .user = span_of(user),
                               .session = span_of(session),
                               .device = span_of(device),
                               .role = ROLE_MOBILE,
                               .opened_ms = 1000,
                               .groups = SPAN(""),
                               .extra = SPAN("")};
}

int store_redis_apply(struct store_redis *t, const struct session_op *ops, size_t count)
{
    bytes_auto out = BYTES_INIT;
    store_apply(&t->store, t->ttl_ms, ops, count, &out);
    store_redis_keep(t, store_redis_send(t, &out));
    t->result = store_read_apply(t->reply, &t->answer);
    if (t->result == STORE_ERROR)
        print_error("%s\n", t->reply->str ? t->reply->str : "wrong shape");
    return t->result;
}

void store_redis_beats(struct store_redis *t, const struct session_op *ops, size_t count, char *outcomes)
{
    bytes_auto out = BYTES_INIT, epoch = BYTES_INIT;
    size_t commands = store_beats(&t->store, t->ttl_ms, ops, count, &out);
    struct redisReply **replies = mem_array(commands, sizeof(*replies));
    bytes_append_text(&epoch, STORE_REDIS_TEXT(t, "HGET", "presence:epoch", "id"));
    replies[0] = store_redis_send(t, &out);
    for (size_t i = 1; i < commands; i++)
        replies[i] = store_redis_next(t);
    store_read_beats((const struct redisReply *const *)replies, bytes_span(&epoch), ops, count, outcomes);
    for (size_t i = 0; i < commands; i++)
        freeReplyObject(replies[i]);
    free(replies);
}

int store_redis_repair(struct store_redis *t, const struct span *users, size_t count)
{
    bytes_auto out = BYTES_INIT;
    store_repair(&t->store, t->ttl_ms, users, count, &out);
    store_redis_keep(t, store_redis_send(t, &out));
    return t->result = store_read_repair(t->reply, &t->answer);
}

int store_redis_sweep(struct store_redis *t)
{
    bytes_auto out = BYTES_INIT;
    store_expire(&t->store, t->limit, t->holdback_ms, t->gap_ms, &out);
    store_redis_keep(t, store_redis_send(t, &out));
    t->result = store_read_expire(t->reply, &t->swept);
    if (t->result == STORE_ERROR)
        print_error("%s\n", t->reply->str ? t->reply->str : "wrong shape");
    return t->result;
}
