/* SPDX-License-Identifier: MIT */
/* The model beside a real Redis: each command goes to both, and the answers must be alike.
 *
 * The scripts' own time comes from a key here instead of TIME, an hour ahead of the real one: so both sides
 * reckon with the same moment, and no key expires while a test runs. What is left of the real clock (PTTL)
 * may differ by a few ms. */
#ifndef TESTS_MODEL_PAIR_H
#define TESTS_MODEL_PAIR_H

#include "../redis_server.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "../../simulation/fake_redis/redis_model.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "redis/resp.h"
#include "store/commands.h"
#include "store/scripts.h"

#define AHEAD_US   3600000000LL
#define CLOCK_KEY  "test:clock"
#define SLACK      250     /* between two times that each side takes from its own clock */
#define TIME_LEAST 1000000 /* numbers above may be times */
#define ITEMS_MAX  8192

struct pair {
    struct redis_server server;
    struct redis_model *model;
    struct redis_client *client;
    struct bytes command, answer;
    int64_t now_us; /* of the scripts */
};

static inline int64_t pair_wall_us(void *arg)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static inline void pair_start(struct pair *p, uint64_t seed)
{
    memset(p, 0, sizeof(*p));
    map_set_hash_key(seed);
    redis_server_start(&p->server);
    p->model = redis_model_create("0123456789012345678901234567890123456789", pair_wall_us, NULL);
    p->client = redis_client_create(p->model, NULL, NULL);
    p->now_us = pair_wall_us(NULL) + AHEAD_US;
}

static inline void pair_stop(struct pair *p)
{
    redis_client_destroy(p->client);
    redis_model_destroy(p->model);
    bytes_finish(&p->command);
    bytes_finish(&p->answer);
    redis_server_stop(&p->server);
}

/* An answer as one line for each item, arrays flat. */
static inline void pair_flatten(const redisReply *r, struct bytes *lines, size_t *count)
{
    if (r->type == REDIS_REPLY_ARRAY) {
        bytes_printf(lines, "*%zu\n", r->elements);
        for (size_t i = 0; i < r->elements; i++)
            pair_flatten(r->element[i], lines, count);
        return;
    }
    ++*count;
    if (r->type == REDIS_REPLY_INTEGER)
        bytes_printf(lines, ":%lld\n", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        bytes_append_text(lines, "nil\n");
    else if (r->type == REDIS_REPLY_ERROR)
        bytes_printf(lines, "-%.*s\n", (int)strcspn(r->str, " "), r->str); /* its code */
    else
        bytes_printf(lines, "%.*s\n", (int)r->len, r->str);
}

static inline int pair_by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void pair_sort(struct bytes *lines)
{
    static char *items[ITEMS_MAX];
    size_t count = 0;
    bytes_auto sorted = BYTES_INIT;
    bytes_text(lines);
    for (char *line = strtok(lines->data, "\n"); line && count < ITEMS_MAX; line = strtok(NULL, "\n"))
        items[count++] = line;
    qsort(items, count, sizeof(items[0]), pair_by_text);
    for (size_t i = 0; i < count; i++)
        bytes_printf(&sorted, "%s\n", items[i]);
    bytes_reset(lines);
    bytes_append_span(lines, bytes_span(&sorted));
}

static inline bool pair_alike(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *end_a, *end_b;
            long long x = strtoll(a, &end_a, 10), y = strtoll(b, &end_b, 10);
            if (x != y && (x < TIME_LEAST || y < TIME_LEAST || llabs(x - y) > SLACK))
                return false;
            a = end_a;
            b = end_b;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

static inline redisReply *pair_model_reply(struct pair *p)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    bytes_reset(&p->answer);
    redis_client_execute(p->client, bytes_span(&p->command), &p->answer);
    redisReaderFeed(reader, p->answer.data, p->answer.len);
    if (redisReaderGetReply(reader, &reply) != REDIS_OK || !reply)
        fail_msg("the model's answer is no RESP: %s", bytes_text(&p->answer));
    redisReaderFree(reader);
    return reply;
}

static inline redisReply *pair_real_reply(struct pair *p)
{
    void *reply = NULL;
    redisContext *c = redis_server_connect(&p->server);
    if (redisAppendFormattedCommand(c, p->command.data, p->command.len) != REDIS_OK ||
        redisGetReply(c, &reply) != REDIS_OK)
        fail_msg("Redis gives no answer");
    return reply;
}

/* Sends p->command to both. `any_order`: items are compared as a bag. */
static inline void pair_run(struct pair *p, bool any_order, const char *what)
{
    bytes_auto ours = BYTES_INIT, real = BYTES_INIT;
    size_t count = 0;
    redisReply *a = pair_model_reply(p), *b = pair_real_reply(p);
    pair_flatten(a, &ours, &count);
    pair_flatten(b, &real, &count);
    freeReplyObject(a);
    freeReplyObject(b);
    if (any_order) {
        pair_sort(&ours);
        pair_sort(&real);
    }
    if (!pair_alike(bytes_text(&ours), bytes_text(&real)))
        fail_msg("%s: the model says\n%s\nRedis says\n%s\nto %s", what, bytes_text(&ours), bytes_text(&real),
                 bytes_text(&p->command));
    bytes_reset(&p->command);
}

/* A command of plain words, separated by spaces. */
static inline void pair_words(struct pair *p, bool any_order, const char *format, ...)
{
    char text[1024], *words[64];
    size_t count = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bytes_auto whole = BYTES_INIT;
    bytes_append_text(&whole, text);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    resp_begin(&p->command, count);
    for (size_t i = 0; i < count; i++)
        resp_text(&p->command, words[i]);
    pair_run(p, any_order, bytes_text(&whole));
}

static inline struct span pair_script_text(const char *sha1)
{
    for (int i = 0; i < SCRIPTS; i++) {
        const struct script_info *info = script_info((enum script)i);
        if (!strncmp(info->sha1, sha1, 40))
            return (struct span){info->text, *info->len};
    }
    fail_msg("no script of ours");
    return SPAN_NONE;
}

/* Brings the script as text, in which the key's time stands in TIME's place. */
static inline void pair_replace_time(struct bytes *command)
{
    static const char called[] = "$7\r\nEVALSHA\r\n$40\r\n", from[] = "call('TIME')",
                      to[] = "call('HMGET', '" CLOCK_KEY "', 's', 'us')";
    bytes_auto whole = BYTES_INIT, script = BYTES_INIT;
    bytes_append_span(&whole, bytes_span(command));
    const char *at = strstr(bytes_text(&whole), called), *sha1 = at + sizeof(called) - 1, *rest = sha1 + 42;
    struct span text = pair_script_text(sha1);
    const char *time = memmem(text.data, text.len, from, sizeof(from) - 1), *behind = time + sizeof(from) - 1;
    bytes_append(&script, text.data, (size_t)(time - text.data));
    bytes_append_text(&script, to);
    bytes_append(&script, behind, (size_t)(text.data + text.len - behind));
    bytes_reset(command);
    bytes_append(command, whole.data, (size_t)(at - whole.data));
    resp_text(command, "EVAL");
    resp_arg(command, bytes_span(&script));
    bytes_append(command, rest, (size_t)(whole.data + whole.len - rest));
}

/* A call of a script, as store/commands.h writes it. */
static inline void pair_script(struct pair *p, bool any_order, const char *what)
{
    bytes_auto command = BYTES_INIT;
    bytes_append_span(&command, bytes_span(&p->command));
    bytes_reset(&p->command);
    pair_words(p, false, "HSET " CLOCK_KEY " s %lld us %lld", (long long)(p->now_us / 1000000),
               (long long)(p->now_us % 1000000));
    pair_replace_time(&command);
    bytes_append_span(&p->command, bytes_span(&command));
    pair_run(p, any_order, what);
}

static inline void pair_content(struct pair *p, const char *key)
{
    static const char *const reads[][2] = {{"string", "GET %s"},
                                           {"hash", "HGETALL %s"},
                                           {"set", "SMEMBERS %s"},
                                           {"zset", "ZRANGE %s 0 -1 WITHSCORES"},
                                           {"stream", "XRANGE %s - +"}};
    redisReply *type = redis_server_call(&p->server, "TYPE", key, NULL);
    pair_words(p, false, "TYPE %s", key);
    pair_words(p, false, "PTTL %s", key);
    pair_words(p, false, "PEXPIRETIME %s", key);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        if (!strcmp(type->str, reads[i][0]))
            pair_words(p, strcmp(type->str, "zset") && strcmp(type->str, "stream"), reads[i][1], key);
    freeReplyObject(type);
}

/* Every key of either side, with type, time left and value. */
static inline void pair_compare_all(struct pair *p)
{
    pair_words(p, true, "SCAN 0 COUNT 100000");
    redisReply *keys = redis_server_call(&p->server, "KEYS", "*", NULL);
    for (size_t i = 0; i < keys->elements; i++)
        pair_content(p, keys->element[i]->str);
    freeReplyObject(keys);
}

#endif
