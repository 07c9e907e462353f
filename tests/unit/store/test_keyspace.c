/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/store_redis.h"

#include "base/mem.h"
#include "store/keyspace.h"

static void test_flags(void **state)
{
    static const struct {
        const char *flags, *added; /* NULL: they suffice */
    } cases[] = {
        {"", "Ex"},     {"Ex", NULL}, {"xE", NULL}, {"AKE", NULL},   {"AK", "AKE"},
        {"K$", "K$Ex"}, {"E", "Ex"},  {"x", "xE"},  {"KEg", "KEgx"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bytes_auto out = BYTES_INIT, expected = BYTES_INIT;
        print_message("%s\n", cases[i].flags);
        assert_int_equal(keyspace_suffices(span_of(cases[i].flags)), cases[i].added == NULL);
        if (!cases[i].added)
            continue;
        keyspace_add(span_of(cases[i].flags), &out);
        bytes_printf(&expected,
                     "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$22\r\nnotify-keyspace-events\r\n$%zu\r\n%s\r\n",
                     strlen(cases[i].added), cases[i].added);
        assert_string_equal(bytes_text(&out), bytes_text(&expected));
    }
}

static void test_on_redis(void **state)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    struct span flags;
    bytes_auto ask = BYTES_INIT, add = BYTES_INIT;
    store_redis_start(t);
    redis_server_do(&t->server, "CONFIG", "SET", "notify-keyspace-events", "Kg");
    keyspace_ask(&ask);
    struct redisReply *r = store_redis_send(t, &ask);
    assert_int_equal(keyspace_read(r, &flags), 0);
    assert_false(keyspace_suffices(flags));
    keyspace_add(flags, &add);
    freeReplyObject(r);
    freeReplyObject(store_redis_send(t, &add));
    r = store_redis_send(t, &ask);
    assert_int_equal(keyspace_read(r, &flags), 0);
    assert_true(keyspace_suffices(flags));
    assert_int_equal(flags.len, 4);
    freeReplyObject(r);
    redis_server_do(&t->server, "ACL", "SETUSER", "default", "-config");
    r = store_redis_send(t, &ask);
    assert_int_equal(keyspace_read(r, &flags), -1);
    freeReplyObject(r);
    store_redis_stop(t);
    free(t);
}

static void test_channel(void **state)
{
    char channel[KEYSPACE_CHANNEL_SIZE];
    keyspace_channel(3, channel);
    assert_string_equal(channel, "__keyevent@3__:expired");
    keyspace_channel(INT64_MAX, channel);
    assert_string_equal(channel, "__keyevent@9223372036854775807__:expired");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_on_redis),
        cmocka_unit_test(test_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
