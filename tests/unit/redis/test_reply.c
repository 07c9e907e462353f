/* SPDX-License-Identifier: MIT */
#include "redis/reply.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct redisReply *parse(struct span text)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(reader, text.data, text.len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void assert_text(struct span got, const char *expected)
{
    assert_int_equal(got.data == NULL, expected == NULL);
    if (expected)
        assert_true(span_equal(got, span_of(expected)));
}

static void test_scalars(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        const char *text, *error;
        int64_t integer; /* -77: none */
        bool nil;
    } cases[] = {
        {"status", SPAN("+OK\r\n"), "OK", NULL, -77, false},
        {"bulk", SPAN("$3\r\nabc\r\n"), "abc", NULL, -77, false},
        {"empty bulk", SPAN("$0\r\n\r\n"), "", NULL, -77, false},
        {"nil", SPAN("$-1\r\n"), NULL, NULL, -77, true},
        {"integer", SPAN(":-12\r\n"), NULL, NULL, -12, false},
        {"error", SPAN("-NOSCRIPT No matching script\r\n"), NULL, "NOSCRIPT No matching script", -77, false},
        {"number as text", SPAN("$2\r\n42\r\n"), "42", NULL, 42, false},
        {"negative as text", SPAN("$3\r\n-42\r\n"), "-42", NULL, -42, false},
        {"highest", SPAN("$19\r\n9223372036854775807\r\n"), "9223372036854775807", NULL, INT64_MAX, false},
        {"lowest", SPAN("$20\r\n-9223372036854775808\r\n"), "-9223372036854775808", NULL, INT64_MIN, false},
        {"above", SPAN("$19\r\n9223372036854775808\r\n"), "9223372036854775808", NULL, -77, false},
        {"below", SPAN("$20\r\n-9223372036854775809\r\n"), "-9223372036854775809", NULL, -77, false},
        {"sign alone", SPAN("$1\r\n-\r\n"), "-", NULL, -77, false},
        {"fraction", SPAN("$3\r\n1.5\r\n"), "1.5", NULL, -77, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].name);
        struct redisReply *r = parse(cases[i].input);
        assert_text(reply_text(r), cases[i].text);
        assert_text(reply_error(r), cases[i].error);
        assert_int_equal(reply_is_error(r), cases[i].error != NULL);
        assert_int_equal(reply_integer(r, -77), cases[i].integer);
        assert_int_equal(reply_is_nil(r), cases[i].nil);
        assert_false(reply_is_array(r));
        assert_int_equal(reply_count(r), 0);
        assert_null(reply_at(r, 0));
        reply_free(r);
    }
}

static void test_error_codes(void **state)
{
    struct redisReply *r = parse(SPAN("-NOSCRIPT No matching script\r\n"));
    assert_true(reply_error_is(r, "NOSCRIPT"));
    assert_false(reply_error_is(r, "NOSCRIP"));
    assert_false(reply_error_is(r, "NOSCRIPTS"));
    reply_free(r);

    r = parse(SPAN("-ERR\r\n"));
    assert_true(reply_error_is(r, "ERR"));
    reply_free(r);

    r = parse(SPAN("+NOSCRIPT\r\n"));
    assert_false(reply_error_is(r, "NOSCRIPT"));
    reply_free(r);
}

static void test_arrays(void **state)
{
    struct redisReply *r = parse(SPAN("*3\r\n:1\r\n*1\r\n+in\r\n$-1\r\n"));
    assert_true(reply_is_array(r));
    assert_int_equal(reply_count(r), 3);
    assert_int_equal(reply_integer(reply_at(r, 0), 0), 1);
    assert_text(reply_text(reply_at(reply_at(r, 1), 0)), "in");
    assert_true(reply_is_nil(reply_at(r, 2)));
    assert_null(reply_at(r, 3));
    assert_text(reply_text(r), NULL);
    reply_free(r);
}

static void test_absent(void **state)
{
    assert_false(reply_is_error(NULL));
    assert_false(reply_error_is(NULL, "ERR"));
    assert_text(reply_error(NULL), NULL);
    assert_true(reply_is_nil(NULL));
    assert_false(reply_is_array(NULL));
    assert_int_equal(reply_count(NULL), 0);
    assert_null(reply_at(NULL, 0));
    assert_text(reply_text(NULL), NULL);
    assert_int_equal(reply_integer(NULL, 5), 5);
    reply_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_error_codes),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
