/* SPDX-License-Identifier: MIT */
#include "relay/upstream_request.h"
#include "support/cases.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static void test_request(void **state)
{
    static const struct {
        const char *name, *via, *headers, *expected;
    } cases[] = {
        {"all that names the client", "192.0.2.7",
         "token: t\r\nVoicePingToken: v\r\ndevice_id: d\r\nDeviceId: e\r\nAuthorization: Bearer a\r\n"
         "Sec-WebSocket-Protocol: a, b\r\nOrigin: https://x\r\nCookie: c=1\r\nUser-Agent: u\r\nX-App: 1\r\n",
         "token: t\r\nVoicePingToken: v\r\ndevice_id: d\r\nDeviceId: e\r\nAuthorization: Bearer a\r\n"
         "Sec-WebSocket-Protocol: a, b\r\nOrigin: https://x\r\nCookie: c=1\r\nUser-Agent: u\r\nX-App: 1\r\n"
         "X-Forwarded-For: 192.0.2.7\r\n"},
        {"nothing of the hop", "192.0.2.7",
         "Sec-WebSocket-Extensions: permessage-deflate\r\nKeep-Alive: 5\r\nTE: x\r\nContent-Length: 0\r\n"
         "X-Secret: s\r\nProxy-Authorization: p\r\n",
         "X-Forwarded-For: 192.0.2.7\r\n"},
        {"behind proxies", "10.0.0.1", "X-Forwarded-For: 192.0.2.7\r\nx-forwarded-for: 10.0.0.2\r\n",
         "X-Forwarded-For: 192.0.2.7, 10.0.0.2, 10.0.0.1\r\n"},
        {"behind proxies that say Forwarded", "2001:db8::1", "Forwarded: for=192.0.2.7\r\n",
         "X-Forwarded-For: 2001:db8::1\r\nForwarded: for=192.0.2.7, for=\"[2001:db8::1]\"\r\n"},
        {"on a unix socket", "unix", "", ""},
        {"of a proxy on a unix socket", "unix", "X-Forwarded-For: 192.0.2.7\r\n",
         "X-Forwarded-For: 192.0.2.7\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gate_head head;
        bytes_auto text = BYTES_INIT, out = BYTES_INIT, expected = BYTES_INIT;
        bytes_printf(&text,
                     "GET /ptt?a=b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, "
                     "Upgrade, x-secret\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s\r\n",
                     cases[i].headers);
        bytes_printf(&expected,
                     "GET /ptt?a=b HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: h\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s\r\n",
                     cases[i].expected);
        assert_int_equal(gate_head_parse(bytes_span(&text), &head), 0);
        upstream_request_write(&head, cases[i].via, &out);
        if (strcmp(bytes_text(&out), bytes_text(&expected)) != 0)
            fail_msg("%s:\n%s", cases[i].name, out.data);
    }
}

static void test_refusal(void **state)
{
    static const struct {
        const char *name, *head, *body;
        bool ended, complete;
        const char *expected;
    } cases[] = {
        {"whole", "401 Unauthorized\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n",
         "no", false, true,
         "401 Unauthorized\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"},
        {"more to come", "401 U\r\nContent-Length: 5\r\n", "no", false, false,
         "401 U\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"},
        {"cut", "401 U\r\nContent-Length: 5\r\n", "no", true, true,
         "401 U\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"},
        {"longer than it says", "403 F\r\nContent-Length: 1\r\n", "no", false, true,
         "403 F\r\nContent-Length: 1\r\nConnection: close\r\n\r\nn"},
        {"until its end", "503 S\r\nRetry-After: 3\r\n", "busy", false, false,
         "503 S\r\nRetry-After: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"},
        {"chunks", "404 N\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\n",
         "3\r\nnon\r\nB;x=y\r\ne at all!!\n\r\n0\r\n\r\n", false, true,
         "404 N\r\nSet-Cookie: a\r\nContent-Length: 14\r\nConnection: close\r\n\r\nnone at all!!\n"},
        {"chunks that have not come", "404 N\r\nTransfer-Encoding: chunked\r\n", "3\r\nnon\r\n3\r\ne", false,
         false, "404 N\r\nContent-Length: 3\r\nConnection: close\r\n\r\nnon"},
        {"no chunks", "404 N\r\nTransfer-Encoding: chunked\r\n", "xyz\r\n", false, false,
         "404 N\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
        {"none", "304 N\r\n", "", false, true, "304 N\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct handshake_answer answer;
        bytes_auto head = BYTES_INIT, out = BYTES_INIT;
        bytes_printf(&head, "HTTP/1.1 %s\r\n", cases[i].head);
        assert_int_equal(handshake_answer_read(bytes_span(&head), SPAN(KEY), &answer), 1);
        expect_int(cases[i].name, upstream_refusal_complete(&answer, span_of(cases[i].body), cases[i].ended),
                   cases[i].complete);
        upstream_refusal_write(&answer, span_of(cases[i].body), &out);
        if (strncmp(bytes_text(&out), "HTTP/1.1 ", 9) != 0 || strcmp(out.data + 9, cases[i].expected) != 0)
            fail_msg("%s:\n%s", cases[i].name, out.data);
    }
}

static void test_bound(void **state)
{
    struct handshake_answer answer;
    bytes_auto body = BYTES_INIT, out = BYTES_INIT;
    assert_int_equal(handshake_answer_read(SPAN("HTTP/1.1 500 X\r\n\r\n"), SPAN(KEY), &answer), 1);
    while (body.len < UPSTREAM_REFUSAL_MAX)
        bytes_append_char(&body, 'x');
    assert_true(upstream_refusal_complete(&answer, bytes_span(&body), false));
    for (int i = 0; i < 1000; i++)
        bytes_append_char(&body, 'x');
    upstream_refusal_write(&answer, bytes_span(&body), &out);
    assert_in_range(out.len, UPSTREAM_REFUSAL_MAX, UPSTREAM_REFUSAL_MAX + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_request), cmocka_unit_test(test_refusal),
                                       cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
