/* SPDX-License-Identifier: MIT */
/* What servers say to the trial, and what is made of it; and the trial itself on a real Redis. */
#include "support/redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "redis/reply.h"
#include "store/commands.h"
#include "store/redis_fit.h"

static struct redisReply *read_answer(const char *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, text, strlen(text));
    if (redisReaderGetReply(reader, &reply) != REDIS_OK || !reply)
        fail_msg("no answer: %s", text);
    redisReaderFree(reader);
    return reply;
}

/* A text, or an error as it stands. */
static struct redisReply *read_info(const char *text)
{
    bytes_auto answer = BYTES_INIT;
    if (*text == '-')
        return read_answer(text);
    bytes_printf(&answer, "$%zu\r\n%s\r\n", strlen(text), text);
    return read_answer(bytes_text(&answer));
}

#define FITS     "*2\r\n$1\r\n5\r\n*0\r\n"
#define LACKS(e) "*2\r\n$1\r\n5\r\n*4\r\n$4\r\nXADD\r\n" e "$5\r\nZSCAN\r\n" e

static void test_answers(void **state)
{
    static const struct {
        const char *name, *answer;
        enum redis_fault fault;
        bool ask_who;
        const char *part;
    } cases[] = {
        {"fits", FITS, REDIS_FAULT_NONE, false, ""},
        {"moved", "-MOVED 1234 10.0.0.1:6379\r\n", REDIS_FAULT_CLUSTER, false, "node of a Redis Cluster"},
        {"slots", "-CROSSSLOT Keys in request don't hash to the same slot\r\n", REDIS_FAULT_CLUSTER, false,
         "node of a Redis Cluster"},
        {"no slots", "-CLUSTERDOWN Hash slot not served\r\n", REDIS_FAULT_CLUSTER, false, "Cluster"},
        {"asking", "-ASK 1 10.0.0.1:6379\r\n", REDIS_FAULT_CLUSTER, false, "Cluster"},
        {"in a script", "-ERR Script attempted to access a non local key in a cluster node\r\n",
         REDIS_FAULT_CLUSTER, false, "Cluster"},
        {"a replica", "-READONLY You can't write against a read only replica.\r\n", REDIS_FAULT_REPLICA,
         false, "read-only replica"},
        {"no EVAL", "-ERR unknown command `EVALSHA`, with args beginning with: `846f`\r\n",
         REDIS_FAULT_NO_SCRIPTS, true,
         "no scripting (EVAL, EVALSHA); is it a proxy?: ERR unknown command `EVALSHA`"},
        {"twemproxy-like", "-ERR unsupported command\r\n", REDIS_FAULT_NO_SCRIPTS, true, "no scripting"},
        {"Redis 6",
         "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'\r\n",
         REDIS_FAULT_NO_SCRIPTS, true, "Redis 7.0 or Valkey is needed"},
        {"no flags", "-ERR Unexpected flag in script shebang: allow-oom\r\n", REDIS_FAULT_NO_SCRIPTS, true,
         "Redis 7.0 or Valkey is needed"},
        {"not permitted", "-NOPERM User small has no permissions to run the 'evalsha' command\r\n",
         REDIS_FAULT_LACKS, true, "may not run scripts"},
        {"busy", "-BUSY Redis is busy running a script\r\n", REDIS_FAULT_REFUSES, true,
         "Redis refuses scripts: BUSY"},
        {"a command not permitted",
         LACKS("$66\r\nERR The user executing the script can't run this command or subcom\r\n"),
         REDIS_FAULT_LACKS, false, "not permitted to user small: XADD, ZSCAN: ERR The user"},
        {"a command not known", LACKS("$44\r\nERR Unknown Redis command called from script\r\n"),
         REDIS_FAULT_LACKS, true, "this server can't run XADD, ZSCAN: ERR Unknown"},
        {"another slot", LACKS("$52\r\nERR Script attempted to access keys of the same slot\r\n"),
         REDIS_FAULT_CLUSTER, false, "Cluster"},
        {"a foreign key", "*2\r\n$1\r\n5\r\n*2\r\n$7\r\nFOREIGN\r\n$24\r\npresence:due is a string\r\n",
         REDIS_FAULT_FOREIGN, false, "of one of presence's: presence:due is a string"},
        {"another shape", ":1\r\n", REDIS_FAULT_REFUSES, true, "unexpected form"},
        {"another shape inside", "*2\r\n:1\r\n:2\r\n", REDIS_FAULT_REFUSES, true, "unexpected form"},
        {"an odd list", "*2\r\n:1\r\n*1\r\n:2\r\n", REDIS_FAULT_NONE, false, ""},
        {"nil", "*-1\r\n", REDIS_FAULT_REFUSES, true, "unexpected form"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_fit fit;
        struct redisReply *reply = read_answer(cases[i].answer);
        redis_fit_read(reply, "small", &fit);
        if (fit.fault != cases[i].fault || fit.ask_who != cases[i].ask_who || !strstr(fit.why, cases[i].part))
            fail_msg("%s: %d %d '%s'", cases[i].name, fit.fault, fit.ask_who, fit.why);
        assert_null(strstr(fit.why, "846f"));
        assert_true(fit.fault == REDIS_FAULT_NONE || redis_fault_mend(fit.fault));
        reply_free(reply);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *info, *part;
        enum redis_fault fault;
    } cases[] = {
        {"# Server\r\nredis_version:6.3.4\r\nkeydb_version:6.3.4\r\n", "; this is KeyDB 6.3.4",
         REDIS_FAULT_NO_SCRIPTS},
        {"redis_version:7.2.4\r\nvalkey_version:8.1.1\r\n", "; this is Valkey 8.1.1", REDIS_FAULT_NO_SCRIPTS},
        {"redis_version:6.0.16\r\n", "; this is Redis 6.0.16", REDIS_FAULT_NO_SCRIPTS},
        {"redis_mode:sentinel\r\n", "this is a Sentinel, and no Redis", REDIS_FAULT_IS_SENTINEL},
        {"-NOPERM no\r\n", "is it a proxy?", REDIS_FAULT_NO_SCRIPTS},
        {"", "is it a proxy?", REDIS_FAULT_NO_SCRIPTS},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_fit fit;
        struct redisReply *trial = read_answer("-ERR unknown command 'EVALSHA'\r\n");
        struct redisReply *info = read_info(cases[i].info);
        redis_fit_read(trial, NULL, &fit);
        redis_fit_who(info, &fit);
        if (fit.fault != cases[i].fault || !strstr(fit.why, cases[i].part))
            fail_msg("%s: %d '%s'", cases[i].info, fit.fault, fit.why);
        assert_false(fit.ask_who);
        reply_free(trial);
        reply_free(info);
    }
}

static void test_long_texts_fit(void **state)
{
    bytes_auto answer = BYTES_INIT;
    struct redis_fit fit;

    bytes_printf(&answer, "*2\r\n:1\r\n*200\r\n");
    for (int i = 0; i < 100; i++)
        bytes_printf(&answer, "$400\r\n%0400d\r\n$900\r\n%0900d\r\n", i, i);
    struct redisReply *reply = read_answer(bytes_text(&answer));
    redis_fit_read(reply, "a-user-with-a-name-that-is-longer-than-anybody-has-ever-needed-one-to-be", &fit);
    assert_int_equal(fit.fault, REDIS_FAULT_LACKS);
    assert_non_null(strstr(fit.why, "and 94 more"));
    reply_free(reply);
}

static struct redisReply *trial(struct redis_server *s, bool all)
{
    struct store store = {.prefix = "presence:", .log_max = 10, .node = "n1"};
    bytes_auto command = BYTES_INIT;
    redisContext *c = redis_server_connect(s);
    void *loaded = NULL, *reply = NULL;
    store_load_script(SCRIPT_TRIAL, &command);
    store_trial(&store, all, &command);
    if (!c || redisAppendFormattedCommand(c, command.data, command.len) != REDIS_OK ||
        redisGetReply(c, &loaded) != REDIS_OK || redisGetReply(c, &reply) != REDIS_OK)
        fail_msg("no answer");
    freeReplyObject(loaded);
    return reply;
}

static void assert_trial(struct redis_server *s, bool all, enum redis_fault fault, const char *part)
{
    struct redis_fit fit;
    struct redisReply *reply = trial(s, all);
    redis_fit_read(reply, NULL, &fit);
    if (fit.fault != fault || !strstr(fit.why, part))
        fail_msg("%d '%s'", fit.fault, fit.why);
    reply_free(reply);
}

/* The whole Redis, one that lacks each command in turn, one that is full: and no key is left. */
static void test_on_redis(void **state)
{
    static const char *const commands[] = {
        "set",    "get",     "type",   "hset",      "hget",          "hmget",   "hgetall", "hdel",
        "zcard",  "publish", "del",    "pexpireat", "pttl",          "hexists", "hlen",    "hincrby",
        "hsetnx", "zadd",    "zscore", "zrange",    "zrangebyscore", "zscan",   "zrem",    "xadd"};
    const size_t registering = 11;
    struct redis_server s = {0};
    redis_server_start(&s);
    assert_trial(&s, true, REDIS_FAULT_NONE, "");
    redis_server_do(&s, "CONFIG", "SET", "maxmemory", "1");
    assert_trial(&s, true, REDIS_FAULT_NONE, "");
    redis_server_do(&s, "CONFIG", "SET", "maxmemory", "0");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char denied[32], name[32];
        snprintf(denied, sizeof(denied), "-%s", commands[i]);
        for (size_t k = 0; k <= strlen(commands[i]); k++)
            name[k] = (char)(commands[i][k] >= 'a' ? commands[i][k] - 32 : commands[i][k]);
        redis_server_do(&s, "ACL", "SETUSER", "default", denied);
        assert_trial(&s, true, REDIS_FAULT_LACKS, name);
        assert_trial(&s, false, i < registering ? REDIS_FAULT_LACKS : REDIS_FAULT_NONE, "");
        redis_server_do(&s, "ACL", "SETUSER", "default", "+@all");
    }
    assert_trial(&s, true, REDIS_FAULT_NONE, "");
    struct redisReply *size = redis_server_call(&s, "DBSIZE", NULL);
    assert_int_equal(reply_integer(size, -1), 0);
    reply_free(size);
    redis_server_stop(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_texts_fit),
        cmocka_unit_test(test_on_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
