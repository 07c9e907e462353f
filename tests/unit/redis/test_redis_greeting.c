/* SPDX-License-Identifier: MIT */
#include "redis/redis_greeting.h"
#include "redis/reply.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RUN_ID "0123456789abcdef0123456789abcdef01234567"
#define INFO   "$71\r\n# Server\r\nrun_id:" RUN_ID "\r\ntcp_port:0\r\n\r\n"

static struct redis_config config_of(const char *username, const char *password, int64_t db)
{
    return (struct redis_config){.username = (char *)username, .password = (char *)password, .db = db};
}

static void test_commands(void **state)
{
    static const struct {
        const char *name, *username, *password;
        int64_t db;
        const char *expected;
    } cases[] = {
        {"plain", NULL, NULL, 0, "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"},
        {"empty password", "", "", 0, "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"},
        {"password", NULL, "p", 0,
         "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"},
        {"all", "u", "p", 15,
         "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n*1\r\n$4\r\nPING\r\n"
         "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_config config = config_of(cases[i].username, cases[i].password, cases[i].db);
        struct redis_greeting g;
        bytes_auto out = BYTES_INIT;
        print_message("%s\n", cases[i].name);
        redis_greeting_begin(&g, &config);
        while (redis_greeting_ask(&g, &config, &out))
            ;
        assert_string_equal(bytes_text(&out), cases[i].expected);
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *name;
        const char *answers; /* to AUTH, SELECT, PING, INFO */
        enum redis_greeting_result result;
        const char *run_id, *why;
    } cases[] = {
        {"good", "+OK\r\n+OK\r\n+PONG\r\n" INFO, REDIS_GREETING_DONE, RUN_ID, ""},
        {"wrong password", "-WRONGPASS invalid\r\n", REDIS_GREETING_REFUSED, "unknown", "WRONGPASS invalid"},
        {"no password set", "-ERR AUTH called without\r\n", REDIS_GREETING_REFUSED, "unknown",
         "ERR AUTH called without"},
        {"no such db", "+OK\r\n-ERR DB index\r\n", REDIS_GREETING_REFUSED, "unknown", "ERR DB index"},
        {"loading", "+OK\r\n+OK\r\n-LOADING wait\r\n", REDIS_GREETING_NOT_YET, "unknown", "LOADING wait"},
        {"orphaned", "+OK\r\n+OK\r\n-MASTERDOWN wait\r\n", REDIS_GREETING_NOT_YET, "unknown",
         "MASTERDOWN wait"},
        {"asks for a password", "+OK\r\n+OK\r\n-NOAUTH who\r\n", REDIS_GREETING_REFUSED, "unknown",
         "NOAUTH who"},
        {"disk full", "+OK\r\n+OK\r\n-MISCONF disk\r\n" INFO, REDIS_GREETING_DONE, RUN_ID, ""},
        {"nothing permitted", "+OK\r\n+OK\r\n-NOPERM no\r\n-NOPERM no\r\n", REDIS_GREETING_DONE, "unknown",
         ""},
        {"no run_id", "+OK\r\n+OK\r\n+PONG\r\n$8\r\n# Server\r\n", REDIS_GREETING_DONE, "unknown", ""},
        {"empty run_id", "+OK\r\n+OK\r\n+PONG\r\n$9\r\nrun_id:\r\n\r\n", REDIS_GREETING_DONE, "unknown", ""},
        {"run_id at the end", "+OK\r\n+OK\r\n+PONG\r\n$9\r\nrun_id:ab\r\n", REDIS_GREETING_DONE, "ab", ""},
        {"run_id too long", "+OK\r\n+OK\r\n+PONG\r\n$48\r\nrun_id:" RUN_ID "x\r\n", REDIS_GREETING_DONE,
         "unknown", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_config config = config_of("u", "p", 1);
        struct redis_greeting g;
        enum redis_greeting_result result = REDIS_GREETING_GOES_ON;
        redisReader *reader = redisReaderCreate();
        void *reply = NULL;
        print_message("%s\n", cases[i].name);
        redisReaderFeed(reader, cases[i].answers, strlen(cases[i].answers));
        redis_greeting_begin(&g, &config);
        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
            assert_int_equal(result, REDIS_GREETING_GOES_ON);
            result = redis_greeting_answer(&g, reply);
            reply_free(reply);
        }
        assert_int_equal(result, cases[i].result);
        assert_string_equal(g.run_id, cases[i].run_id);
        assert_string_equal(g.why, cases[i].why);
        redisReaderFree(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
