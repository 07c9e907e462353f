/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/handshake.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define OK     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static void test_answers(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        int result, status;
        const char *reason, *protocol;
    } cases[] = {
        {"accepted",
         SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: x, upgrade\r\n" ACCEPT
              "Sec-WebSocket-Protocol: presence.v1.json\r\n\r\n\x82"),
         1, 101, "Switching Protocols", "presence.v1.json"},
        {"more", SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), 0, 0, "", ""},
        {"nothing", SPAN(""), 0, 0, "", ""},
        {"wrong accept", SPAN(OK "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n\r\n"), -1, 0, "", ""},
        {"no upgrade", SPAN("HTTP/1.1 101 S\r\nConnection: upgrade\r\n" ACCEPT "\r\n"), -1, 0, "", ""},
        {"no connection", SPAN("HTTP/1.1 101 S\r\nUpgrade: websocket\r\n" ACCEPT "\r\n"), -1, 0, "", ""},
        {"an extension that nobody offered",
         SPAN(OK ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), -1, 0, "", ""},
        {"a protocol that is no token", SPAN(OK ACCEPT "Sec-WebSocket-Protocol: a, b\r\n\r\n"), -1, 0, "",
         ""},
        {"refused", SPAN("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), 1, 401, "Unauthorized",
         ""},
        {"no reason", SPAN("HTTP/1.0 503\r\n\r\n"), 1, 503, "", ""},
        {"no HTTP", SPAN("SSH-2.0-x\r\n\r\n"), -1, 0, "", ""},
        {"bad status", SPAN("HTTP/1.1 1x1 S\r\n\r\n"), -1, 0, "", ""},
        {"status 99", SPAN("HTTP/1.1 099 S\r\n\r\n"), -1, 0, "", ""},
        {"a header without a colon's name", SPAN("HTTP/1.1 401 S\r\n: x\r\n\r\n"), -1, 0, "", ""},
        {"a control character", SPAN("HTTP/1.1 401 S\r\nX: a\x01\r\n\r\n"), -1, 0, "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct handshake_answer answer = {0};
        print_message("%s\n", cases[i].name);
        assert_int_equal(handshake_answer_read(cases[i].input, SPAN(KEY), &answer), cases[i].result);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(span_equal(answer.reason, span_of(cases[i].reason)));
        assert_true(span_equal(answer.protocol, span_of(cases[i].protocol)));
    }
}

static void test_bound(void **state)
{
    struct handshake_answer answer;
    bytes_auto head = BYTES_INIT;
    bytes_append_text(&head, "HTTP/1.1 200 OK\r\nX: ");
    while (head.len < HANDSHAKE_ANSWER_MAX - 1)
        bytes_append_char(&head, 'x');
    assert_int_equal(handshake_answer_read(bytes_span(&head), SPAN(KEY), &answer), 0);
    bytes_append_text(&head, "\r\n\r\n");
    assert_int_equal(handshake_answer_read(bytes_span(&head), SPAN(KEY), &answer), -1);
}

static void test_headers(void **state)
{
    struct span rest = SPAN("A: 1\r\nb:2 \nC:\r\n"), name, value;
    bytes_auto seen = BYTES_INIT;
    while (handshake_header_next(&rest, &name, &value)) {
        bytes_append_span(&seen, name);
        bytes_append_char(&seen, '=');
        bytes_append_span(&seen, value);
        bytes_append_char(&seen, ';');
    }
    assert_string_equal(bytes_text(&seen), "A=1;b=2;C=;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_bound),
                                       cmocka_unit_test(test_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
