/* SPDX-License-Identifier: MIT */
/* Sentinels: the list, the question, the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "redis/redis_config.h"
#include "redis/reply.h"
#include "support/answer.h"

static void test_lists(void **state)
{
    static const struct {
        const char *text;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"a", "a 26379;"},
        {"a:1", "a 1;"},
        {"a:1,b:65535, c ", "a 1;b 65535;c 26379;"},
        {"[::1]", "::1 26379;"},
        {"[::1]:7,127.0.0.1:8", "::1 7;127.0.0.1 8;"},
        {"", NULL},
        {",", NULL},
        {"a,", NULL},
        {"a,,b", NULL},
        {"a:", NULL},
        {":1", NULL},
        {"a:0", NULL},
        {"a:65536", NULL},
        {"a:1x", NULL},
        {"a:1:2", NULL},
        {"a b:1", NULL},
        {"u@a:1", NULL},
        {"redis://a:1", NULL},
        {"[::1", NULL},
        {"[]:1", NULL},
        {"[::1]1", NULL},
        {"[::1]:", NULL},
        {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_sentinels list = {.count = 99};
        bytes_auto said = BYTES_INIT;
        int result = redis_sentinels_parse(cases[i].text, &list);
        print_message("'%s'\n", cases[i].text);
        assert_int_equal(result, cases[i].expected ? 0 : -1);
        for (size_t k = 0; result == 0 && k < list.count; k++)
            bytes_printf(&said, "%s %d;", list.at[k].host, (int)list.at[k].port);
        if (cases[i].expected)
            assert_string_equal(bytes_text(&said), cases[i].expected);
        else
            assert_int_equal(list.count, 99);
    }
}

static void test_described(void **state)
{
    char text[REDIS_ENDPOINT_TEXT_SIZE];
    redis_endpoint_describe(&(struct redis_endpoint){"10.0.0.5", 6379}, text);
    assert_string_equal(text, "10.0.0.5:6379");
    redis_endpoint_describe(&(struct redis_endpoint){"fe80::1%eth0", 65535}, text);
    assert_string_equal(text, "[fe80::1%eth0]:65535");
}

static void test_questions(void **state)
{
    struct redis_config config = {.master = "main"};
    bytes_auto out = BYTES_INIT;
    assert_true(redis_sentinel_ask(&config, 0, &out));
    assert_string_equal(bytes_text(&out),
                        "*3\r\n$8\r\nSENTINEL\r\n$23\r\nget-master-addr-by-name\r\n$4\r\nmain\r\n");
    assert_false(redis_sentinel_ask(&config, 1, &out));
    config.sentinel_password = "p";
    bytes_reset(&out);
    assert_true(redis_sentinel_ask(&config, 0, &out));
    assert_string_equal(bytes_text(&out), "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n");
    assert_true(redis_sentinel_ask(&config, 1, &out));
    assert_false(redis_sentinel_ask(&config, 2, &out));
}

static void test_answers(void **state)
{
    static const struct {
        const char *text, *host, *why;
        int64_t port;
    } cases[] = {
        {"*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6379\r\n", "10.0.0.1", NULL, 6379},
        {"*2\r\n$3\r\n::1\r\n$1\r\n1\r\n", "::1", NULL, 1},
        {"*-1\r\n", NULL, "no master of that name", 0},
        {"*0\r\n", NULL, "no master of that name", 0},
        {"-NOAUTH Authentication required.\r\n", NULL, "refuses", 0},
        {"*2\r\n$0\r\n\r\n$4\r\n6379\r\n", NULL, "no address", 0},
        {"*2\r\n$3\r\na b\r\n$4\r\n6379\r\n", NULL, "no address", 0},
        {"*2\r\n$1\r\na\r\n$1\r\n0\r\n", NULL, "no address", 0},
        {"*2\r\n$1\r\na\r\n$6\r\n123456\r\n", NULL, "no address", 0},
        {"*2\r\n:1\r\n:2\r\n", NULL, "no address", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_endpoint master = {.port = 0};
        const char *why = NULL;
        struct redisReply *reply = answer_read(span_of(cases[i].text));
        int result = redis_sentinel_read(reply, &master, &why);
        print_message("%zu: %s\n", i, cases[i].text);
        assert_int_equal(result, cases[i].host ? 0 : -1);
        if (cases[i].host) {
            assert_string_equal(master.host, cases[i].host);
            assert_int_equal(master.port, cases[i].port);
        } else {
            assert_non_null(strstr(why, cases[i].why));
        }
        reply_free(reply);
    }
}

static void test_shares(void **state)
{
    struct redis_config config = {.timeout_ms = 2000, .sentinels.count = 4};
    assert_int_equal(redis_sentinel_share_ms(&config), 500);
    config.timeout_ms = 100;
    assert_int_equal(redis_sentinel_share_ms(&config), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_described), cmocka_unit_test(test_questions),
        cmocka_unit_test(test_answers), cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
