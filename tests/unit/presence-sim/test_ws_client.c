/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "presence-sim/ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS 5000

/* A listening socket driven by hand from the test, and what the client's hooks said. */
struct rig {
    struct loop *loop;
    struct loop_timer *timer;
    struct ws_pool *pool;
    struct ws_target target;
    struct ws_client *client;
    int listening, peer;
    bool stop_at_open, stop_at_message, stop_at_close;
    bool abort_in_message;
    struct bytes log;
};

static void on_opened(void *arg, struct span protocol)
{
    struct rig *rig = arg;
    bytes_append_text(&rig->log, "opened:");
    bytes_append_span(&rig->log, protocol);
    bytes_append_char(&rig->log, ';');
    if (rig->stop_at_open)
        loop_stop(rig->loop);
}

static void on_message(void *arg, struct span data, bool binary)
{
    struct rig *rig = arg;
    bytes_append_text(&rig->log, binary ? "binary:" : "text:");
    bytes_append_span(&rig->log, data);
    bytes_append_char(&rig->log, ';');
    if (rig->abort_in_message)
        ws_client_abort(rig->client);
    if (rig->stop_at_message)
        loop_stop(rig->loop);
}

static void on_closed(void *arg, enum ws_end end, int code, struct span reason)
{
    static const char *const names[] = {"unreachable", "refused", "closed", "lost", "broken"};
    struct rig *rig = arg;
    bytes_printf(&rig->log, "%s:%d:", names[end], code);
    bytes_append_span(&rig->log, reason);
    bytes_append_char(&rig->log, ';');
    rig->client = NULL;
    if (rig->stop_at_close)
        loop_stop(rig->loop);
}

static const struct ws_client_hooks hooks = {.opened = on_opened, .message = on_message, .closed = on_closed};

static void on_tick(void *arg)
{
    struct rig *rig = arg;
    loop_stop(rig->loop);
}

static void turn(struct rig *rig, int64_t ms)
{
    loop_timer_start(rig->timer, ms, 0);
    loop_run(rig->loop);
}

static int setup(void **state)
{
    static struct rig rig;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    char url[64], error[256];
    rig = (struct rig){.loop = loop_create(), .peer = -1};
    rig.timer = loop_timer_create(rig.loop, on_tick, &rig);
    rig.pool = ws_pool_create(rig.loop, 1 << 20);
    rig.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(rig.listening, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(rig.listening, 8), 0);
    getsockname(rig.listening, (struct sockaddr *)&addr, &len);
    snprintf(url, sizeof(url), "ws://127.0.0.1:%d", ntohs(addr.sin_port));
    assert_int_equal(ws_target_parse(url, &rig.target, error, sizeof(error)), 0);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    if (rig->client)
        ws_client_abort(rig->client);
    loop_timer_destroy(rig->timer);
    loop_destroy(rig->loop);
    ws_pool_destroy(rig->pool);
    close(rig->listening);
    if (rig->peer >= 0)
        close(rig->peer);
    bytes_finish(&rig->log);
    return 0;
}

static void open_client(struct rig *rig, const struct sockaddr_storage *source)
{
    const struct ws_request request = {
        .token = "token-1", .device = "device-1", .protocols = "presence.v1.json"};

    assert_int_equal(ws_client_open(rig->pool, &rig->target, source, &request, &hooks, rig, &rig->client), 0);
    rig->peer = accept(rig->listening, NULL, NULL);
    assert_true(rig->peer >= 0);
    turn(rig, 20);
}

static void answer(struct rig *rig, const char *text, size_t len)
{
    assert_int_equal(send(rig->peer, text, len, MSG_NOSIGNAL), len);
}

/* Reads the request and answers 101, with `early` in the same segment. */
static void upgrade(struct rig *rig, struct span early)
{
    char request[4096], text[128];
    unsigned char digest[SHA_DIGEST_LENGTH];
    bytes_auto out = BYTES_INIT;

    ssize_t n = recv(rig->peer, request, sizeof(request) - 1, 0);
    assert_true(n > 0);
    request[n] = '\0';
    assert_non_null(strstr(request, "\r\ntoken: token-1\r\n"));
    assert_non_null(strstr(request, "\r\ndevice_id: device-1\r\n"));
    const char *key = strstr(request, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    SHA1((const unsigned char *)text, strlen(text), digest);
    bytes_append_text(&out,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Protocol: presence.v1.json\r\nSec-WebSocket-Accept: ");
    base64_encode((struct span){(const char *)digest, sizeof(digest)}, &out);
    bytes_append_text(&out, "\r\n\r\n");
    bytes_append_span(&out, early);
    answer(rig, out.data, out.len);
}

static void open_upgraded(struct rig *rig)
{
    open_client(rig, NULL);
    upgrade(rig, SPAN(""));
    rig->stop_at_open = true;
    turn(rig, TIMEOUT_MS);
    assert_string_equal(bytes_text(&rig->log), "opened:presence.v1.json;");
    bytes_reset(&rig->log);
}

/* The unmasked payload of the next frame the client sent, "opcode:payload". */
static void receive_frame(struct rig *rig, char *out, size_t size)
{
    unsigned char frame[256];
    assert_int_equal(recv(rig->peer, frame, 6, MSG_WAITALL), 6);
    size_t len = frame[1] & 0x7f;
    assert_true(frame[1] & 0x80);
    assert_true(len < 126 && len + 16 < size);
    assert_int_equal(recv(rig->peer, frame + 6, len, len ? MSG_WAITALL : MSG_DONTWAIT),
                     len ? (ssize_t)len : -1);
    int at = snprintf(out, size, "%d:", frame[0]);
    for (size_t i = 0; i < len; i++)
        out[at++] = (char)(frame[6 + i] ^ frame[2 + (i & 3)]);
    out[at] = '\0';
}

static void test_early_frames_and_ping(void **state)
{
    struct rig *rig = *state;
    char frame[256];
    open_client(rig, NULL);
    upgrade(rig, SPAN("\x89\x02hi\x82\x03"
                      "abc"));
    rig->stop_at_message = true;
    turn(rig, TIMEOUT_MS);
    assert_string_equal(bytes_text(&rig->log), "opened:presence.v1.json;binary:abc;");
    receive_frame(rig, frame, sizeof(frame));
    assert_string_equal(frame, "138:hi"); /* 0x8a: the pong */
    assert_int_equal(ws_client_send(rig->client, SPAN("beat"), true), 0);
    receive_frame(rig, frame, sizeof(frame));
    assert_string_equal(frame, "130:beat");
}

static void test_server_ends(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        const char *expected;
    } cases[] = {
        {"close frame",
         SPAN("\x88\x05\x03\xf0"
              "bye"),
         "closed:1008:bye;"},
        {"close frame without code", SPAN("\x88\x00"), "closed:1005:;"},
        {"FIN", SPAN(""), "lost:0:;"},
        {"FIN inside a frame",
         SPAN("\x82\x05"
              "ab"),
         "lost:0:;"},
        {"masked frame",
         SPAN("\x82\x81\x00\x00\x00\x00"
              "a"),
         "broken:1002:;"},
    };
    struct rig *rig = *state;

    rig->stop_at_close = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].name);
        open_upgraded(rig);
        answer(rig, cases[i].input.data, cases[i].input.len);
        shutdown(rig->peer, SHUT_WR);
        turn(rig, TIMEOUT_MS);
        assert_string_equal(bytes_text(&rig->log), cases[i].expected);
        bytes_reset(&rig->log);
        close(rig->peer);
        rig->peer = -1;
    }
}

static void test_close_before_reset_is_read(void **state)
{
    struct rig *rig = *state;
    const struct linger now = {.l_onoff = 1};
    rig->stop_at_close = true;
    open_upgraded(rig);
    answer(rig, "\x88\x02\x03\xe9", 4);
    setsockopt(rig->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(rig->peer);
    rig->peer = -1;
    turn(rig, TIMEOUT_MS);
    assert_string_equal(bytes_text(&rig->log), "closed:1001:;");
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    rig->stop_at_close = true;
    open_client(rig, NULL);
    answer(rig, "HTTP/1.1 401 Unauthorized\r\n\r\n{\"success\":false}", 46);
    turn(rig, TIMEOUT_MS);
    assert_string_equal(bytes_text(&rig->log), "refused:401:{\"success\":false};");
}

static void test_unreachable(void **state)
{
    struct rig *rig = *state;
    const struct ws_request request = {0};
    char expected[64];
    rig->stop_at_close = true;
    close(rig->listening);
    rig->listening = -1;
    assert_int_equal(ws_client_open(rig->pool, &rig->target, NULL, &request, &hooks, rig, &rig->client), 0);
    turn(rig, TIMEOUT_MS);
    snprintf(expected, sizeof(expected), "unreachable:%d:;", ECONNREFUSED);
    assert_string_equal(bytes_text(&rig->log), expected);
}

static void test_unix_path_missing(void **state)
{
    struct rig *rig = *state;
    const struct ws_request request = {0};
    char error[256];
    assert_int_equal(ws_target_parse("unix:/nowhere/x.sock", &rig->target, error, sizeof(error)), 0);
    assert_int_equal(ws_client_open(rig->pool, &rig->target, NULL, &request, &hooks, rig, &rig->client),
                     -ENOENT);
}

/* What the peer's socket says: 'd' data, 'f' FIN, 'r' RST, 't' nothing yet. */
static char peer_state(struct rig *rig)
{
    struct pollfd p = {.fd = rig->peer, .events = POLLIN};
    char byte;
    if (poll(&p, 1, 50) <= 0)
        return 't';
    ssize_t n = recv(rig->peer, &byte, 1, 0);
    return n > 0 ? 'd' : n == 0 ? 'f' : errno == ECONNRESET ? 'r' : '?';
}

static void test_own_ends(void **state)
{
    static const struct {
        const char *name;
        void (*end)(struct ws_client *c);
        char expected;
        bool gone;
    } cases[] = {
        {"abort", ws_client_abort, 'r', true},
        {"drop", ws_client_drop, 'f', true},
        {"half close", ws_client_half_close, 'f', false},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].name);
        open_upgraded(rig);
        cases[i].end(rig->client);
        assert_int_equal(peer_state(rig), cases[i].expected);
        if (!cases[i].gone) {
            rig->stop_at_message = true;
            answer(rig, "\x82\x01z", 3);
            turn(rig, TIMEOUT_MS);
            assert_string_equal(bytes_text(&rig->log), "binary:z;");
            ws_client_abort(rig->client);
        }
        rig->client = NULL;
        close(rig->peer);
        rig->peer = -1;
    }
}

static void test_close_handshake(void **state)
{
    struct rig *rig = *state;
    char frame[256];
    rig->stop_at_close = true;
    open_upgraded(rig);
    ws_client_close(rig->client, 1000, "done");
    assert_int_equal(ws_client_send(rig->client, SPAN("late"), true), -1);
    receive_frame(rig, frame, sizeof(frame));
    assert_string_equal(frame, "136:\x03\xe8"
                               "done");
    answer(rig, "\x88\x02\x03\xe8", 4);
    turn(rig, TIMEOUT_MS);
    assert_string_equal(bytes_text(&rig->log), "closed:1000:;");
}

static void test_freeze(void **state)
{
    struct rig *rig = *state;
    char frame[256];
    open_upgraded(rig);
    ws_client_freeze(rig->client);
    answer(rig, "\x82\x01z", 3);
    assert_int_equal(ws_client_send(rig->client, SPAN("held"), true), 0);
    turn(rig, 50);
    assert_int_equal(rig->log.len, 0);
    assert_int_equal(peer_state(rig), 't');
    rig->stop_at_message = true;
    ws_client_thaw(rig->client);
    turn(rig, TIMEOUT_MS);
    assert_string_equal(bytes_text(&rig->log), "binary:z;");
    receive_frame(rig, frame, sizeof(frame));
    assert_string_equal(frame, "130:held");
}

static void test_queue_is_bounded(void **state)
{
    struct rig *rig = *state;
    static char block[65536];
    int sent = 0;
    open_upgraded(rig);
    ws_client_freeze(rig->client);
    while (ws_client_send(rig->client, (struct span){block, sizeof(block)}, true) == 0)
        assert_true(++sent < 64);
    assert_in_range(sent, WS_QUEUE_MAX / sizeof(block) - 1, WS_QUEUE_MAX / sizeof(block));
}

static void test_abort_inside_hook(void **state)
{
    struct rig *rig = *state;
    open_upgraded(rig);
    rig->abort_in_message = true;
    answer(rig, "\x82\x01x\x82\x01y", 6);
    turn(rig, 100);
    assert_string_equal(bytes_text(&rig->log), "binary:x;");
    assert_int_equal(peer_state(rig), 'r');
    rig->client = NULL;
}

static void test_source_address(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_storage source = {.ss_family = AF_INET};
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    ((struct sockaddr_in *)&source)->sin_addr.s_addr = inet_addr("127.9.0.1");
    open_client(rig, &source);
    assert_int_equal(getpeername(rig->peer, (struct sockaddr *)&peer, &len), 0);
    assert_string_equal(inet_ntoa(peer.sin_addr), "127.9.0.1");
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(test_early_frames_and_ping),
        RIGGED(test_server_ends),
        RIGGED(test_close_before_reset_is_read),
        RIGGED(test_refused),
        RIGGED(test_unreachable),
        RIGGED(test_unix_path_missing),
        RIGGED(test_own_ends),
        RIGGED(test_close_handshake),
        RIGGED(test_freeze),
        RIGGED(test_queue_is_bounded),
        RIGGED(test_abort_inside_hook),
        RIGGED(test_source_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
