/* SPDX-License-Identifier: MIT */
#include "redis/resp.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_bytes(const struct bytes *got, struct span expected)
{
    assert_int_equal(got->len, expected.len);
    assert_memory_equal(got->data, expected.data, expected.len);
}

static void test_arguments(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        struct span expected;
    } cases[] = {
        {"plain", SPAN("SET"), SPAN("$3\r\nSET\r\n")},
        {"empty", SPAN(""), SPAN("$0\r\n\r\n")},
        {"none", SPAN_NONE, SPAN("$0\r\n\r\n")},
        {"binary", SPAN("a\0\r\nb"), SPAN("$5\r\na\0\r\nb\r\n")},
        {"ten bytes", SPAN("0123456789"), SPAN("$10\r\n0123456789\r\n")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bytes_auto out = BYTES_INIT;
        print_message("%s\n", cases[i].name);
        resp_arg(&out, cases[i].input);
        assert_bytes(&out, cases[i].expected);
    }
}

static void test_integers(void **state)
{
    static const struct {
        const char *name;
        int64_t input;
        struct span expected;
    } cases[] = {
        {"zero", 0, SPAN("$1\r\n0\r\n")},
        {"negative", -10, SPAN("$3\r\n-10\r\n")},
        {"milliseconds", 1702281234567, SPAN("$13\r\n1702281234567\r\n")},
        {"highest", INT64_MAX, SPAN("$19\r\n9223372036854775807\r\n")},
        {"lowest", INT64_MIN, SPAN("$20\r\n-9223372036854775808\r\n")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bytes_auto out = BYTES_INIT;
        print_message("%s\n", cases[i].name);
        resp_integer(&out, cases[i].input);
        assert_bytes(&out, cases[i].expected);
    }
}

static void test_commands(void **state)
{
    bytes_auto out = BYTES_INIT;
    resp_command(&out, "GET", "presence:user:7", NULL);
    assert_bytes(&out, SPAN("*2\r\n$3\r\nGET\r\n$15\r\npresence:user:7\r\n"));

    bytes_reset(&out);
    resp_begin(&out, 12);
    assert_bytes(&out, SPAN("*12\r\n"));

    bytes_reset(&out);
    resp_command(&out, "PING", NULL);
    resp_command(&out, "PING", NULL);
    assert_bytes(&out, SPAN("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"));
}

static void test_long_argument(void **state)
{
    enum { LEN = 100000 };
    bytes_auto arg = BYTES_INIT, out = BYTES_INIT;
    memset(bytes_reserve(&arg, LEN), 'x', LEN);
    arg.len = LEN;
    resp_arg(&out, bytes_span(&arg));
    assert_int_equal(out.len, LEN + sizeof("$100000\r\n\r\n") - 1);
    assert_memory_equal(out.data, "$100000\r\nx", 10);
    assert_memory_equal(out.data + out.len - 3, "x\r\n", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_long_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
