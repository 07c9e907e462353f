/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/gate.h"
#include "http/gate_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "Host: x\r\n"

/* Literals with a NUL in them need their length. */
#define ROW(name, text, status)                                                                              \
    {                                                                                                        \
        name, {text, sizeof(text) - 1}, status                                                               \
    }

static const struct {
    const char *name;
    struct span text;
    int status;
} rows[] = {
    ROW("a whole head", "GET / HTTP/1.1\r\n" HOST "\r\n", 0),
    ROW("bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", 0),
    ROW("an empty line before", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0),
    ROW("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("bytes behind", "GET / HTTP/1.1\r\n" HOST "\r\n\x81\x80", 0),
    ROW("no host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0),
    ROW("1.2 is a 1.x", "GET / HTTP/1.2\r\n" HOST "\r\n", 0),
    ROW("an empty value", "GET / HTTP/1.1\r\n" HOST "A:\r\n\r\n", 0),
    ROW("above ASCII in a value", "GET / HTTP/1.1\r\n" HOST "A: \xc3\xa4\r\n\r\n", 0),
    ROW("absolute form", "GET http://x/y?z HTTP/1.1\r\n" HOST "\r\n", 0),
    ROW("nothing yet", "", -1),
    ROW("a carriage return", "\r", -1),
    ROW("half a method", "GE", -1),
    ROW("half a request line", "GET / HTT", -1),
    ROW("half a header", "GET / HTTP/1.1\r\nHos", -1),
    ROW("all but the last line feed", "GET / HTTP/1.1\r\n" HOST "\r", -1),
    ROW("TLS", "\x16\x03\x01\x02", 400),
    ROW("a method without end", "GETGETGETGETGETGETGETGETGETGETGETGET", 400),
    ROW("a space first", " GET / HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("a carriage return, then a letter", "\rG", 400),
    ROW("no target", "GET HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("a space behind", "GET / HTTP/1.1 \r\n" HOST "\r\n", 400),
    ROW("HTTP/0.9", "GET /\r\n\r\n", 400),
    ROW("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ROW("http/1.1", "GET / http/1.1\r\n" HOST "\r\n", 400),
    ROW("HTTP/1.x", "GET / HTTP/1.x\r\n" HOST "\r\n", 400),
    ROW("a fragment", "GET /#a HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("authority form", "CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("asterisk form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("absolute form without a path", "GET http://x HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("above ASCII in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    ROW("two hosts", "GET / HTTP/1.1\r\n" HOST "host: y\r\n\r\n", 400),
    ROW("two hosts in 1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400),
    ROW("no colon", "GET / HTTP/1.1\r\n" HOST "abc\r\n\r\n", 400),
    ROW("no name", "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400),
    ROW("a space before the colon", "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400),
    ROW("a folded line", "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400),
    ROW("a folded line with a tab", "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n", 400),
    ROW("a NUL in a value", "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n", 400),
    ROW("a NUL in a name", "GET / HTTP/1.1\r\n" HOST "A\0: b\r\n\r\n", 400),
    ROW("a carriage return in a value", "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400),
    ROW("DEL in a value", "GET / HTTP/1.1\r\n" HOST "A: \x7f\r\n\r\n", 400),
    ROW("a bad line ahead of what is missing", "GET / HTTP/1.1\r\nA b\r\nHost", 400),
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gate_head head;
        int status = gate_head_parse(rows[i].text, &head);
        if (status != rows[i].status)
            fail_msg("%s: %d instead of %d", rows[i].name, status, rows[i].status);
    }
}

static void assert_span(struct span got, const char *expected)
{
    if (!span_equal(got, span_of(expected)))
        fail_msg("'%.*s' instead of '%s'", (int)got.len, got.data ? got.data : "", expected);
}

static void test_parts(void **state)
{
    static const char text[] =
        "GET /a/b?token=x&y HTTP/1.1\r\nHost:x\r\nToken: \t one \r\ntOKEN: two\r\n\r\nrest";
    struct gate_head head;

    assert_int_equal(gate_head_parse(SPAN(text), &head), 0);
    assert_span(head.method, "GET");
    assert_span(head.target, "/a/b?token=x&y");
    assert_span(head.path, "/a/b");
    assert_span(head.query, "token=x&y");
    assert_int_equal(head.minor_version, 1);
    assert_int_equal(head.header_count, 3);
    assert_int_equal(head.length, sizeof(text) - 1 - 4);
    assert_span(gate_head_get(&head, "token"), "one");
    assert_null(gate_head_get(&head, "tok").data);
    assert_int_equal(gate_head_parse(SPAN("GET http://u/p?q HTTP/1.1\nHost: x\n\n"), &head), 0);
    assert_span(head.path, "/p");
    assert_span(head.query, "q");
}

/* However it is cut, only the whole head is one. */
static void test_every_cut(void **state)
{
    static const char text[] = "\r\nGET /?token=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n";
    struct gate_head head;

    for (size_t len = 0; len < sizeof(text) - 1; len++)
        assert_int_equal(gate_head_parse((struct span){text, len}, &head), -1);
}

static void test_bounds(void **state)
{
    bytes_auto text = BYTES_INIT;
    struct gate_head head;

    bytes_append_text(&text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 63; i++)
        bytes_printf(&text, "h%d: x\r\n", i);
    bytes_append_text(&text, "\r\n");
    assert_int_equal(gate_head_parse(bytes_span(&text), &head), 0);
    assert_int_equal(head.header_count, 64);
    text.len -= 2;
    bytes_append_text(&text, "one-more: x\r\n\r\n");
    assert_int_equal(gate_head_parse(bytes_span(&text), &head), 431);
}

/* A head of exactly `length` bytes. */
static int parse_long(size_t length)
{
    bytes_auto text = BYTES_INIT;
    struct gate_head head;

    bytes_append_text(&text, "GET / HTTP/1.1\r\n" HOST "Long: ");
    while (text.len < length - 4)
        bytes_append_char(&text, 'x');
    bytes_append_text(&text, "\r\n\r\n");
    return gate_head_parse(bytes_span(&text), &head);
}

static void test_length(void **state)
{
    bytes_auto text = BYTES_INIT;
    struct gate_head head;

    assert_int_equal(parse_long(GATE_HEAD_MAX), 0);
    assert_int_equal(parse_long(GATE_HEAD_MAX + 1), 431);
    bytes_append_text(&text, "GET /");
    while (text.len < GATE_HEAD_MAX - 1)
        bytes_append_char(&text, 'x');
    assert_int_equal(gate_head_parse(bytes_span(&text), &head), -1);
    bytes_append_char(&text, 'x');
    assert_int_equal(gate_head_parse(bytes_span(&text), &head), 431);
}

static const struct {
    const char *query, *name;
    int rc;
    const char *value;
} queries[] = {
    {"token=abc", "token", 0, "abc"},
    {"a=1&token=abc&token=def", "token", 0, "abc"},
    {"groups=a%2Cb+c%25", "groups", 0, "a,b c%"},
    {"token=", "token", 0, ""},
    {"token", "token", 0, ""},
    {"token=a=b", "token", 0, "a=b"},
    {"", "token", 1, NULL},
    {"tokens=1&xtoken=2", "token", 1, NULL},
    {"token=%", "token", -1, NULL},
    {"token=%4", "token", -1, NULL},
    {"token=%zz", "token", -1, NULL},
    {"token=%c3%a4", "token", 0, "\xc3\xa4"},
    {"a=%zz&token=x", "token", 0, "x"},
};

static void test_queries(void **state)
{
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        bytes_auto scratch = BYTES_INIT;
        struct span value = SPAN_NONE;
        assert_int_equal(gate_query_get(span_of(queries[i].query), queries[i].name, &scratch, &value),
                         queries[i].rc);
        if (queries[i].rc == 0)
            assert_span(value, queries[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_parts),  cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_length), cmocka_unit_test(test_queries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
