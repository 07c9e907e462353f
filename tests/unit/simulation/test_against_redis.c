/* SPDX-License-Identifier: MIT */
/* The model and a real Redis, given the same random commands and scripts, answer alike and end with the same
 * keys. */
#include "support/redis_server.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../simulation/fake_redis/redis_model.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "redis/resp.h"
#include "store/commands.h"
#include "store/scripts.h"

#define AHEAD_US   3600000000LL
#define CLOCK_KEY  "test:clock"
#define SLACK      250     /* between two times that each side takes from its own clock */
#define TIME_LEAST 1000000 /* numbers above may be times */
#define ITEMS_MAX  8192

/* The scripts' own time comes from a key here instead of TIME, an hour ahead of the real one: so both sides
 * reckon with the same moment, and no key expires while a test runs. What is left of the real clock (PTTL)
 * may differ by a few ms. */
struct pair {
    struct redis_server server;
    struct redis_model *model;
    struct redis_client *client;
    struct bytes command, answer;
    int64_t now_us; /* of the scripts */
};

static int64_t pair_wall_us(void *arg)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void pair_start(struct pair *p, uint64_t seed)
{
    memset(p, 0, sizeof(*p));
    map_set_hash_key(seed);
    redis_server_start(&p->server);
    p->model = redis_model_create("0123456789012345678901234567890123456789", pair_wall_us, NULL);
    p->client = redis_client_create(p->model, NULL, NULL);
    p->now_us = pair_wall_us(NULL) + AHEAD_US;
}

static void pair_stop(struct pair *p)
{
    redis_client_destroy(p->client);
    redis_model_destroy(p->model);
    bytes_finish(&p->command);
    bytes_finish(&p->answer);
    redis_server_stop(&p->server);
}

/* An answer as one line for each item, arrays flat. */
static void pair_flatten(const redisReply *r, struct bytes *lines, size_t *count)
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

static int pair_by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void pair_sort(struct bytes *lines)
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

static bool pair_alike(const char *a, const char *b)
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

static redisReply *pair_model_reply(struct pair *p)
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

static redisReply *pair_real_reply(struct pair *p)
{
    void *reply = NULL;
    redisContext *c = redis_server_connect(&p->server);
    if (redisAppendFormattedCommand(c, p->command.data, p->command.len) != REDIS_OK ||
        redisGetReply(c, &reply) != REDIS_OK)
        fail_msg("Redis gives no answer");
    return reply;
}

/* Sends p->command to both. `any_order`: items are compared as a bag. */
static void pair_run(struct pair *p, bool any_order, const char *what)
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
static void pair_words(struct pair *p, bool any_order, const char *format, ...)
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

static struct span pair_script_text(const char *sha1)
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
static void pair_replace_time(struct bytes *command)
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
static void pair_script(struct pair *p, bool any_order, const char *what)
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

static void pair_content(struct pair *p, const char *key)
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
static void pair_compare_all(struct pair *p)
{
    pair_words(p, true, "SCAN 0 COUNT 100000");
    redisReply *keys = redis_server_call(&p->server, "KEYS", "*", NULL);
    for (size_t i = 0; i < keys->elements; i++)
        pair_content(p, keys->element[i]->str);
    freeReplyObject(keys);
}

#define USERS 6
#define NODES 3
#define STEPS 1200
#define TTL   10000
#define OPS   6
#define LOG   50

struct play {
    struct pair pair;
    struct rng rng;
    struct store store;
    char texts[OPS][5][64];
};

static int64_t below(struct play *y, int64_t bound)
{
    return (int64_t)rng_below(&y->rng, (uint64_t)bound);
}

static const char *user_at(struct play *y)
{
    static const char *const users[USERS] = {"alice", "b:ob", "7", "d\"e\\f/g", "zoe", "\xc3\xa9lan"};
    return users[below(y, USERS)];
}

static int64_t now_ms(const struct play *y)
{
    return y->pair.now_us / 1000;
}

static void as_somebody(struct play *y)
{
    y->store = (struct store){.prefix = "presence:", .log_max = LOG, .generation = (uint64_t)below(y, 3)};
    snprintf(y->store.run_id, sizeof(y->store.run_id), "%s",
             below(y, 60) ? "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee"
                          : "1111111122222222333333334444444455555555");
    snprintf(y->store.node, sizeof(y->store.node), "n%d", (int)below(y, NODES));
    y->store.known_rev = below(y, 50) ? 0 : (uint64_t)y->pair.now_us + (uint64_t)below(y, 1000);
}

static void fill(struct play *y, struct session_op *op, char texts[5][64])
{
    static const char kinds[] = "oooobbbbbbbbrreegddfu";
    static const char *const groups[] = {"", "[\"red\"]", "[\"red\",\"blue\"]", "[\"a\\\"b\"]"};
    static const char *const reasons[] = {"disconnected", "kicked", "forced"};
    op->kind = (enum session_op_kind)kinds[below(y, sizeof(kinds) - 1)];
    op->user = span_of(user_at(y));
    snprintf(texts[0], 64, "n%d/%d", (int)below(y, NODES), (int)below(y, 3));
    op->session = span_of(texts[0]);
    snprintf(texts[1], 64, "dev%d", (int)below(y, 2));
    op->device = below(y, 5) ? span_of(texts[1]) : SPAN_NONE;
    op->beat_ms = below(y, 3) ? now_ms(y) - below(y, TTL + 2000) : 0;
    op->opened_ms = now_ms(y) - below(y, 3000);
    op->groups = span_of(groups[below(y, 4)]);
    if (op->kind == OP_END || op->kind == OP_GRACE || op->kind == OP_FORCE_OFFLINE)
        op->extra = span_of(reasons[below(y, 3)]);
    if (op->kind == OP_GRACE)
        op->grace_ms = below(y, 2) ? 500 : 0;
    if (op->kind == OP_DRAIN)
        op->extra = SPAN("15000");
    else if (op->kind == OP_BEAT && below(y, 3) == 0)
        op->extra = SPAN("{\"battery\":7}");
    if (op->kind == OP_REFUSED) {
        op->extra = SPAN("3\tfrom");
        op->metadata = SPAN("A\tB");
    }
    if ((op->kind == OP_END || op->kind == OP_GRACE) && below(y, 3) == 0)
        op->metadata = SPAN("{\"battery\":6}");
}

static void step_apply(struct play *y)
{
    struct session_op ops[OPS] = {0};
    size_t count = 1 + (size_t)below(y, OPS);
    for (size_t i = 0; i < count; i++)
        fill(y, &ops[i], y->texts[i]);
    store_apply(&y->store, TTL, ops, count, &y->pair.command);
    pair_script(&y->pair, false, "apply");
}

static void step_expire(struct play *y)
{
    store_expire(&y->store, 1 + below(y, 5), 50 * below(y, 3), 1000, &y->pair.command);
    pair_script(&y->pair, false, "expire");
}

static void step_node(struct play *y)
{
    struct node_says says = {.program = "presence-ws",
                             .address = "127.0.0.1:3000",
                             .offset_ms = below(y, 9) - 4,
                             .asserted = "epoch",
                             .forget_ms = 5000,
                             .leave = below(y, 8) == 0,
                             .number = (uint64_t)below(y, 9),
                             .answered = (uint64_t)below(y, 9),
                             .epoch = "epoch",
                             .ahead_s = below(y, 61),
                             .ttl_ms = below(y, 2) * TTL};
    store_node(&y->store, &says, &y->pair.command);
    pair_script(&y->pair, true, "node");
}

static void step_revoke(struct play *y)
{
    char name[80];
    struct revocations list;
    revocations_init(&list);
    for (int64_t i = below(y, 3); i > 0; i--) {
        snprintf(name, sizeof(name), "%c:%s%s", "utd"[below(y, 3)], user_at(y), below(y, 2) ? "\tdev1" : "");
        revocations_put(&list, span_of(name), now_ms(y) / 1000 - below(y, 10),
                        now_ms(y) + below(y, TTL) - 1000);
    }
    store_revoke(&y->store, &list, &y->pair.command);
    pair_script(&y->pair, false, "revoke");
    revocations_finish(&list);
}

static void step_trial(struct play *y)
{
    store_trial(&y->store, below(y, 2), &y->pair.command);
    pair_script(&y->pair, false, "trial");
}

static void step_repair(struct play *y)
{
    struct span users[3];
    for (size_t i = 0; i < 3; i++)
        users[i] = span_of(user_at(y));
    store_repair(&y->store, TTL, users, 3, &y->pair.command);
    pair_script(&y->pair, false, "repair");
}

static void step_read(struct play *y)
{
    if (below(y, 2)) {
        store_load(&y->store, SPAN("0"), 1000, &y->pair.command);
        pair_script(&y->pair, true, "load");
    } else {
        store_audit(&y->store, SPAN("0"), 1000, &y->pair.command);
        pair_script(&y->pair, true, "audit");
    }
}

/* Other writers, kind and unkind. */
static void step_foreign(struct play *y)
{
    const char *user = user_at(y);
    struct pair *p = &y->pair;
    switch (below(y, 22)) {
    case 0:
        pair_words(p, false, "SET presence:user:%s 1 PXAT %lld", user,
                   (long long)(now_ms(y) + below(y, TTL) - 1000));
        break;
    case 1: pair_words(p, false, "DEL presence:user:%s", user); break;
    case 2: pair_words(p, false, "DEL presence:meta:%s presence:sessions:%s", user, user); break;
    case 3:
        pair_words(p, false, "ZADD presence:due %lld %s", (long long)(now_ms(y) + below(y, 3 * TTL) - TTL),
                   user);
        break;
    case 4: pair_words(p, false, "ZREM presence:due %s", user); break;
    case 5:
        pair_words(p, false, "HSET presence:meta:%s status online lastSeen %lld", user, (long long)now_ms(y));
        break;
    case 6: pair_words(p, false, "HSET presence:sessions:%s n1/1 rubbish", user); break;
    case 7: pair_words(p, false, "SET presence:meta:%s text", user); break;
    case 8: pair_words(p, false, "SET presence:sessions:%s text", user); break;
    case 9: pair_words(p, false, "DEL presence:rev"); break;
    case 10: pair_words(p, false, "SET presence:rev %s", below(y, 2) ? "oops" : "17"); break;
    case 11:
        pair_words(p, false, "PEXPIREAT presence:user:%s %lld%s", user,
                   (long long)(now_ms(y) + below(y, 2 * TTL)), below(y, 2) ? " GT" : "");
        break;
    case 12: pair_words(p, false, "ZADD presence:due XX %lld %s", (long long)now_ms(y), user); break;
    case 15: pair_words(p, false, "HSET presence:revoked u:%s rubbish", user); break;
    case 16: pair_words(p, false, below(y, 2) ? "SET presence:revoked text" : "DEL presence:revoked"); break;
    case 13: pair_words(p, false, "HDEL presence:meta:%s status lastSeen", user); break;
    case 14: pair_words(p, false, "DEL presence:epoch presence:log"); break;
    case 17: pair_words(p, false, below(y, 3) ? "DEL presence:due" : "SET presence:due text"); break;
    case 18: pair_words(p, false, below(y, 3) ? "DEL presence:fence" : "SET presence:fence text"); break;
    case 19: pair_words(p, false, below(y, 3) ? "DEL presence:log" : "SET presence:log text"); break;
    case 20: pair_words(p, false, below(y, 3) ? "DEL presence:epoch" : "SET presence:epoch text"); break;
    default: pair_words(p, false, below(y, 3) ? "DEL presence:nodes" : "SET presence:nodes text"); break;
    }
}

/* Plain commands with their errors, on keys of all types. */
static void step_plain(struct play *y)
{
    static const char *const keys[] = {"k:string", "k:hash", "k:zset",       "k:set",
                                       "k:stream", "k:none", "presence:due", "presence:log"};
    const char *key = keys[below(y, 8)];
    long long n = below(y, 40);
    struct pair *p = &y->pair;
    switch (below(y, 24)) {
    case 0: pair_words(p, false, "SET k:string v%lld", n); break;
    case 1: pair_words(p, false, "HSET k:hash f%lld v%lld g%lld w", n, n, n % 3); break;
    case 2: pair_words(p, false, "ZADD k:zset %lld m%lld %lld.5 m%lld", n % 7, n, n, n % 5); break;
    case 3: pair_words(p, false, "SADD k:set m%lld m%lld", n, n % 4); break;
    case 4:
        pair_words(p, false, "XADD k:stream MAXLEN ~ 1000 %lld-0 event %lld", n * 100 + below(y, 100), n);
        break;
    case 5: pair_words(p, true, "HGETALL %s", key); break;
    case 6: pair_words(p, false, "HMGET %s f1 g1 nothing", key); break;
    case 7: pair_words(p, false, "HDEL %s f%lld g%lld", key, n, n % 3); break;
    case 8: pair_words(p, false, "ZRANGE %s %lld %lld WITHSCORES", key, n - 20, below(y, 40) - 20); break;
    case 9: pair_words(p, false, "ZRANGEBYSCORE %s -inf %lld WITHSCORES LIMIT 0 3", key, n); break;
    case 10: pair_words(p, false, "ZREM %s m%lld", key, n); break;
    case 11: pair_words(p, true, "SMEMBERS %s", key); break;
    case 12: pair_words(p, false, "SREM %s m%lld", key, n); break;
    case 13: pair_words(p, false, "XRANGE %s %lld + COUNT 4", key, n * 90); break;
    case 14: pair_words(p, false, "TYPE %s", key); break;
    case 15: pair_words(p, false, "EXISTS %s k:none k:set", key); break;
    case 16: pair_words(p, false, "ZSCORE %s m%lld", key, n); break;
    case 17: pair_words(p, false, "HLEN %s", key); break;
    case 18: pair_words(p, false, "HSETNX %s f%lld x", key, n); break;
    case 19: pair_words(p, false, "GET %s", key); break;
    case 20: pair_words(p, false, "HEXISTS %s f%lld", key, n); break;
    case 21: pair_words(p, false, "ZCARD %s", key); break;
    case 22: pair_words(p, true, "ZSCAN %s 0 COUNT 1000", key); break;
    default: pair_words(p, false, n % 2 ? "HSET k:hash odd" : "ZADD k:zset one m"); break;
    }
}

static void step(struct play *y)
{
    int64_t dice = below(y, 100);
    y->pair.now_us += 1 + below(y, below(y, 20) ? 200000 : 4000000);
    as_somebody(y);
    if (dice < 45)
        step_apply(y);
    else if (dice < 57)
        step_expire(y);
    else if (dice < 62)
        step_node(y);
    else if (dice < 68)
        step_repair(y);
    else if (dice < 71)
        step_revoke(y);
    else if (dice < 73)
        step_read(y);
    else if (dice < 74)
        step_trial(y);
    else if (dice < 84)
        step_foreign(y);
    else
        step_plain(y);
}

static void play(uint64_t seed)
{
    struct play *y = mem_zalloc(sizeof(*y));
    pair_start(&y->pair, seed);
    rng_init(&y->rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < STEPS; i++) {
        step(y);
        if (i % 100 == 99)
            pair_compare_all(&y->pair);
    }
    pair_stop(&y->pair);
    free(y);
}

static void known_seeds(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        play(seed);
}

static void a_new_seed(void **state)
{
    const char *given = getenv("PRESENCE_SEED");
    play(given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL));
}

/* Expiries that other writers may have put: at the end of time, beyond what a double holds, none. */
static void odd_expiries(void **state)
{
    static const char *const ends[] = {"9223372036854775807", "9007199254740993", "253402300799999", "0",
                                       "-1"};
    struct pair p;
    pair_start(&p, 1);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        pair_words(&p, false, "SET odd 1 PXAT %s", ends[i]);
        pair_words(&p, false, "PTTL odd");
        pair_words(&p, false, "DEL odd");
    }
    pair_stop(&p);
}

static uint64_t work_of(struct redis_model *m, struct redis_client *c, const char *command, const char *key)
{
    bytes_auto text = BYTES_INIT, answer = BYTES_INIT;
    uint64_t commands, elements, commands_before, elements_before;
    redis_model_work(m, &commands_before, &elements_before);
    resp_command(&text, command, key, NULL);
    redis_client_execute(c, bytes_span(&text), &answer);
    redis_model_work(m, &commands, &elements);
    return (commands - commands_before) * 1000 + elements - elements_before;
}

/* Whoever reads or removes many elements works more. */
static void work_is_counted(void **state)
{
    struct redis_model *m = redis_model_create("1", pair_wall_us, NULL);
    struct redis_client *c = redis_client_create(m, NULL, NULL);
    for (int i = 0; i < 100; i++) {
        bytes_auto text = BYTES_INIT, answer = BYTES_INIT;
        char field[16];
        snprintf(field, sizeof(field), "%d", i);
        resp_command(&text, "HSET", "many", field, "x", NULL);
        redis_client_execute(c, bytes_span(&text), &answer);
    }
    assert_int_equal(work_of(m, c, "HLEN", "many"), 1000);
    assert_int_equal(work_of(m, c, "HGETALL", "many"), 1200);
    assert_int_equal(work_of(m, c, "DEL", "many"), 1100);
    assert_int_equal(work_of(m, c, "HGETALL", "many"), 1000);
    redis_client_destroy(c);
    redis_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_seeds), cmocka_unit_test(a_new_seed),
                                       cmocka_unit_test(odd_expiries), cmocka_unit_test(work_is_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
