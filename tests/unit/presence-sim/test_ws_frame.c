/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "presence-sim/ws_frame.h"
#include "presence-sim/ws_handshake.h"

#define MESSAGE_MAX 70000

static void note_event(const struct ws_event *event, struct bytes *out)
{
    switch (event->opcode) {
    case FRAME_TEXT: bytes_append_text(out, "text:"); break;
    case FRAME_BINARY: bytes_append_text(out, "binary:"); break;
    case FRAME_PING: bytes_append_text(out, "ping:"); break;
    case FRAME_PONG: bytes_append_text(out, "pong:"); break;
    default: bytes_printf(out, "close:%u:", event->close_code);
    }
    if (event->payload.len > 200)
        bytes_printf(out, "<%zu>", event->payload.len);
    else
        bytes_append_span(out, event->payload);
    bytes_append_char(out, ';');
}

/* Feeds in pieces of `step` bytes and writes down what comes out. */
static void read_all(struct span input, size_t step, struct bytes *out)
{
    struct ws_reader reader = {.message_max = MESSAGE_MAX};
    struct ws_event event;
    int result = 0;
    while (input.len && result >= 0) {
        struct span piece = {input.data, input.len < step ? input.len : step};
        input.data += piece.len;
        input.len -= piece.len;
        while ((result = ws_reader_next(&reader, &piece, &event)) > 0)
            note_event(&event, out);
    }
    if (result < 0)
        bytes_printf(out, "!%d", -result);
    ws_reader_finish(&reader);
}

static void check_in_pieces(const char *name, struct span input, const char *expected)
{
    static const size_t steps[] = {1, 2, 3, 7, 11, 1000, SIZE_MAX};
    print_message("%s\n", name);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        bytes_auto out = BYTES_INIT;
        read_all(input, steps[i], &out);
        assert_string_equal(bytes_text(&out), expected);
    }
}

static void test_reader(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        const char *expected;
    } cases[] = {
        {"binary",
         SPAN("\x82\x03"
              "abc"),
         "binary:abc;"},
        {"two in one piece",
         SPAN("\x82\x01"
              "a\x81\x02"
              "bc"),
         "binary:a;text:bc;"},
        {"empty message", SPAN("\x82\x00"), "binary:;"},
        {"fragments with a ping between",
         SPAN("\x02\x01"
              "a\x89\x01p\x00\x01"
              "b\x80\x01"
              "c"),
         "ping:p;binary:abc;"},
        {"fragmented text, cut inside a character", SPAN("\x01\x01\xc3\x80\x01\xa4"), "text:\xc3\xa4;"},
        {"pong", SPAN("\x8a\x00"), "pong:;"},
        {"close with code and reason",
         SPAN("\x88\x05\x03\xf0"
              "bye"),
         "close:1008:bye;"},
        {"close without code", SPAN("\x88\x00"), "close:1005:;"},
        {"close with half a code", SPAN("\x88\x01\x03"), "!1002"},
        {"close with a bad reason", SPAN("\x88\x03\x03\xe8\xff"), "!1007"},
        {"masked",
         SPAN("\x82\x81\x01\x02\x03\x04"
              "a"),
         "!1002"},
        {"rsv bit",
         SPAN("\xc2\x01"
              "a"),
         "!1002"},
        {"opcode 3",
         SPAN("\x83\x01"
              "a"),
         "!1002"},
        {"opcode 11",
         SPAN("\x8b\x01"
              "a"),
         "!1002"},
        {"fragmented ping",
         SPAN("\x09\x01"
              "a"),
         "!1002"},
        {"continuation of nothing",
         SPAN("\x80\x01"
              "a"),
         "!1002"},
        {"new message inside another",
         SPAN("\x02\x01"
              "a\x82\x01"
              "b"),
         "!1002"},
        {"long ping", SPAN("\x89\x7e\x00\x80"), "!1002"},
        {"length in more bytes than needed", SPAN("\x82\x7e\x00\x7d"), "!1002"},
        {"64 bit length in more bytes than needed", SPAN("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
         "!1002"},
        {"top bit of the length", SPAN("\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00"), "!1002"},
        {"over the bound, before its bytes", SPAN("\x82\x7f\x00\x00\x00\x00\x7f\x00\x00\x00"), "!1009"},
        {"text that is no UTF-8", SPAN("\x81\x01\xff"), "!1007"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_in_pieces(cases[i].name, cases[i].input, cases[i].expected);
}

static void append_server_frame(uint8_t first, size_t len, struct bytes *out)
{
    bytes_append_char(out, (char)first);
    bytes_append_char(out, len < 65536 ? 126 : 127);
    for (size_t i = len < 65536 ? 2 : 8; i-- > 0;)
        bytes_append_char(out, (char)((uint64_t)len >> (8 * i)));
    for (size_t i = 0; i < len; i++)
        bytes_append_char(out, 'x');
}

static void test_reader_large(void **state)
{
    bytes_auto input = BYTES_INIT, fragments = BYTES_INIT;

    append_server_frame(0x82, 300, &input);
    append_server_frame(0x82, MESSAGE_MAX, &input);
    check_in_pieces("16 and 64 bit lengths", bytes_span(&input), "binary:<300>;binary:<70000>;");
    append_server_frame(0x82, MESSAGE_MAX + 1, &input);
    check_in_pieces("one byte over", bytes_span(&input), "binary:<300>;binary:<70000>;!1009");
    append_server_frame(0x02, 40000, &fragments);
    append_server_frame(0x80, 40000, &fragments);
    check_in_pieces("fragments over the bound together", bytes_span(&fragments), "!1009");
}

static void test_write(void **state)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    bytes_auto out = BYTES_INIT, large = BYTES_INIT;

    /* RFC 6455, 5.7: a single-frame masked text message. */
    ws_frame_write(FRAME_TEXT, SPAN("Hello"), mask, &out);
    assert_int_equal(out.len, 11);
    assert_memory_equal(out.data, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    bytes_reserve(&large, 65536);
    memset(large.data, 0, 65536);
    bytes_reset(&out);
    ws_frame_write(FRAME_BINARY, (struct span){large.data, 126}, mask, &out);
    assert_memory_equal(out.data, "\x82\xfe\x00\x7e\x37\xfa\x21\x3d\x37\xfa\x21\x3d", 12);
    bytes_reset(&out);
    ws_frame_write(FRAME_BINARY, (struct span){large.data, 65536}, mask, &out);
    assert_memory_equal(out.data, "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x37\xfa\x21\x3d", 14);
}

/* RFC 6455, 1.3: the example's key and its answer. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void test_request(void **state)
{
    const struct ws_request request = {.token = "t", .device = "d 1", .query = "role=web"};
    bytes_auto out = BYTES_INIT;
    struct ws_target target;
    char error[256];

    assert_int_equal(ws_target_parse("ws://127.0.0.1:3000/x?a=b", &target, error, sizeof(error)), 0);
    ws_request_write(&target, &request, KEY, &out);
    assert_string_equal(bytes_text(&out),
                        "GET /x?a=b&role=web HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
                        "token: t\r\ndevice_id: d 1\r\n\r\n");
}

static void test_target(void **state)
{
    static const struct {
        const char *input;
        int result;
        const char *host, *path, *error;
    } cases[] = {
        {"ws://127.0.0.1:3000", 0, "127.0.0.1:3000", "/", NULL},
        {"127.0.0.1:3000", 0, "127.0.0.1:3000", "/", NULL},
        {"ws://[::1]:3000/a/b?c", 0, "[::1]:3000", "/a/b?c", NULL},
        {"ws://127.0.0.1", 0, "127.0.0.1", "/", NULL},
        {"unix:/run/x.sock", 0, "localhost", "/", NULL},
        {"unix:", -1, "", "", "1 to 107 bytes"},
        {"wss://127.0.0.1", -1, "", "", "stunnel"},
        {"ws://127.0.0.1:0", -1, "", "", "1-65535"},
        {"ws://127.0.0.1:70000", -1, "", "", "1-65535"},
        {"ws://[::1:3000", -1, "", "", "in brackets"},
        {"ws://::1:3000", -1, "", "", "in brackets"},
        {"ws://:3000", -1, "", "", "host is missing"},
        {"ws://127.0.0.1:3000/a b", -1, "", "", "no URL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ws_target target = {0};
        char error[300] = "";
        print_message("%s\n", cases[i].input);
        assert_int_equal(ws_target_parse(cases[i].input, &target, error, sizeof(error)), cases[i].result);
        assert_string_equal(target.host, cases[i].host);
        assert_string_equal(target.path, cases[i].path);
        if (cases[i].error)
            assert_non_null(strstr(error, cases[i].error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),  cmocka_unit_test(test_reader_large), cmocka_unit_test(test_write),
        cmocka_unit_test(test_request), cmocka_unit_test(test_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
