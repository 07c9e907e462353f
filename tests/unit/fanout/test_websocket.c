/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fanout/websocket.h"

#include "base/clock.h"
#include "base/mem.h"
#include "support/loop_until.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define PATIENCE_MS 5000

/* A gate and an endpoint, with one client that speaks bytes. */
struct scene {
    struct loop *loop;
    struct gate *gate;
    struct websocket_endpoint *endpoint;
    struct listen_set set;
    int client;
    struct bytes inbox; /* what the client got */
    bool eof;
    struct websocket *ws; /* NULL before opened and after closed */
    struct bytes message;
    char log[1024]; /* events: "open", "text 5 hello", "pong", "writable", "closed peer" … */
    int adopted;
    size_t to_flood, flooded;
    bool full;
};

static const char *const ends[] = {"peer", "cut", "closed", "dropped"};

static void note(struct scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct scene *s, const char *format, ...)
{
    size_t len = strlen(s->log);
    va_list args;

    va_start(args, format);
    vsnprintf(s->log + len, sizeof(s->log) - len, format, args);
    va_end(args);
}

static void *on_opened(void *arg, struct websocket *ws, struct gate_request *request)
{
    struct scene *s = arg;
    note(s, "open %s;", websocket_peer(ws));
    if (!strcmp(request->token.user, "nobody"))
        return NULL;
    if (!strcmp(request->token.user, "unwanted"))
        websocket_close(ws, 4001, "unwanted");
    if (!strcmp(request->token.user, "dropped"))
        websocket_drop(ws);
    s->ws = ws;
    return s;
}

/* Frames of 1,000 bytes that count up, so that a lost or torn one is seen. */
static void flood(struct scene *s)
{
    char frame[1004] = "\x82\x7e\x03\xe8";

    while (s->flooded < s->to_flood && !s->full) {
        memset(frame + 4, (int)(s->flooded % 251), 1000);
        s->full = websocket_write(s->ws, (struct span){frame, sizeof(frame)}) == WEBSOCKET_FULL;
        s->flooded++;
    }
}

static void obey(struct scene *s, struct span message)
{
    if (span_equal(message, SPAN("close")))
        websocket_close(s->ws, 4002, "as you say");
    else if (span_equal(message, SPAN("drop")))
        websocket_drop(s->ws);
    else if (span_equal(message, SPAN("flood")))
        flood(s);
}

static void on_received(void *owner, struct span piece, bool first, bool final, uint64_t remaining,
                        bool binary)
{
    struct scene *s = owner;
    assert_true(piece.len <= 128);
    assert_int_equal(first, s->message.len == 0);
    bytes_append_span(&s->message, piece);
    if (!final)
        return;
    assert_int_equal(remaining, 0);
    note(s, "%s %zu %.*s;", binary ? "binary" : "text", s->message.len,
         s->message.len < 16 ? (int)s->message.len : 16, s->message.len ? s->message.data : "");
    obey(s, bytes_span(&s->message));
    bytes_reset(&s->message);
}

static void on_pong(void *owner)
{
    note(owner, "pong;");
}

static void on_writable(void *owner)
{
    struct scene *s = owner;
    s->full = false;
    flood(s);
}

static void on_closed(void *owner, enum websocket_end end)
{
    struct scene *s = owner;
    if (s->ws && websocket_count(s->endpoint) == 0)
        websocket_drop(s->ws); /* too late: must do no harm */
    s->ws = NULL;
    note(s, "closed %s;", ends[end]);
}

static const struct websocket_hooks hooks = {on_opened, on_received, on_pong, NULL, on_writable, on_closed};

static void on_upgrade(void *arg, int fd, struct gate_request *request, struct span synthetic,
                       const char *protocol)
{
    struct scene *s = arg;
    s->adopted = websocket_adopt(s->endpoint, fd, request, synthetic, protocol);
}

static const struct gate_hooks gate_hooks = {.upgrade = on_upgrade};
static const struct gate_config config = {
    .auth_none = true, .head_timeout_ms = 5000, .pending_max = 8, .upgrades = true};

static void scene_begin(struct scene *s)
{
    char error[256];
    memset(s, 0, sizeof(*s));
    s->loop = loop_create();
    s->gate = gate_create(s->loop, &config, &gate_hooks, s);
    s->endpoint = websocket_endpoint_create(s->loop, &hooks, s);
    assert_non_null(s->endpoint);
    assert_int_equal(listener_open("127.0.0.1:0", false, &s->set, error, sizeof(error)), 0);
    s->client = -1;
}

static void scene_end(struct scene *s)
{
    gate_destroy(s->gate);
    websocket_endpoint_destroy(s->endpoint);
    listener_close_socket(&s->set);
    loop_destroy(s->loop);
    if (s->client >= 0)
        close(s->client);
    bytes_finish(&s->inbox);
    bytes_finish(&s->message);
}

static void say(struct scene *s, struct span text)
{
    assert_int_equal(send(s->client, text.data, text.len, MSG_NOSIGNAL), text.len);
}

/* A masked frame, as a client must send it. */
static void put_frame(struct bytes *out, unsigned first_byte, struct span payload)
{
    static const char mask[4] = {0x1f, 0x2e, 0x3d, 0x4c};
    uint8_t header[10];
    size_t len = frame_header((uint8_t)first_byte, payload.len, header);
    header[1] |= 0x80;
    bytes_append(out, header, len);
    bytes_append(out, mask, 4);
    for (size_t i = 0; i < payload.len; i++)
        bytes_append_char(out, (char)(payload.data[i] ^ mask[i & 3]));
}

static void say_frame(struct scene *s, unsigned first_byte, struct span payload)
{
    bytes_auto frame = BYTES_INIT;

    put_frame(&frame, first_byte, payload);
    say(s, bytes_span(&frame));
}

static void read_inbox(struct scene *s)
{
    ssize_t n;
    while ((n = recv(s->client, bytes_reserve(&s->inbox, 65536), 65536, MSG_DONTWAIT)) > 0)
        s->inbox.len += (size_t)n;
    if (n == 0 || errno != EAGAIN)
        s->eof = true;
}

static bool answered(void *arg)
{
    struct scene *s = arg;
    read_inbox(s);
    return s->eof || (s->inbox.len > 0 && memmem(s->inbox.data, s->inbox.len, "\r\n\r\n", 4));
}

/* Connects, upgrades with `early` behind the request, and takes the answer's head off the inbox. */
static void connect_with(struct scene *s, const char *user, const char *headers, struct span early,
                         int buffer)
{
    bytes_auto request = BYTES_INIT;
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    const char *end;

    s->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer)
        setsockopt(s->client, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    assert_int_equal(getsockname(s->set.fds[0], (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(s->client, (struct sockaddr *)&address, len), 0);
    bytes_printf(
        &request,
        "GET / HTTP/1.1\r\nHost: localhost\r\nToken: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%s"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        user, headers);
    bytes_append_span(&request, early);
    say(s, bytes_span(&request));
    gate_accept(s->gate, accept4(s->set.fds[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), "127.0.0.1");
    assert_true(loop_until(s->loop, answered, s, PATIENCE_MS));
    end = s->inbox.len ? memmem(s->inbox.data, s->inbox.len, "\r\n\r\n", 4) : NULL;
    assert_non_null(end);
    assert_memory_equal(s->inbox.data, "HTTP/1.1 101 ", 13);
    /* RFC 6455, 1.3: the answer to this very key. */
    assert_non_null(memmem(s->inbox.data, s->inbox.len, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28));
    if (*headers)
        assert_non_null(memmem(s->inbox.data, s->inbox.len, headers, strlen(headers)));
    bytes_consume(&s->inbox, (size_t)(end - s->inbox.data) + 4);
}

static void connect_as(struct scene *s, const char *user)
{
    connect_with(s, user, "", SPAN_NONE, 0);
}

struct wait {
    struct scene *scene;
    const char *text;
};

static bool log_has(void *arg)
{
    struct wait *w = arg;
    read_inbox(w->scene);
    return strstr(w->scene->log, w->text) != NULL;
}

static void await(struct scene *s, const char *text)
{
    struct wait w = {s, text};
    if (!loop_until(s->loop, log_has, &w, PATIENCE_MS))
        fail_msg("no '%s' in '%s'", text, s->log);
}

static bool at_eof(void *arg)
{
    struct scene *s = arg;
    read_inbox(s);
    return s->eof;
}

static void await_eof(struct scene *s)
{
    assert_true(loop_until(s->loop, at_eof, s, PATIENCE_MS));
}

static void assert_inbox(struct scene *s, struct span expected)
{
    assert_int_equal(s->inbox.len, expected.len);
    if (expected.len)
        assert_memory_equal(s->inbox.data, expected.data, expected.len);
}

static bool has_bytes(void *arg)
{
    struct wait *w = arg;
    read_inbox(w->scene);
    return w->scene->inbox.len >= strlen(w->text);
}

static void await_inbox(struct scene *s, const char *text)
{
    struct wait w = {s, text};
    assert_true(loop_until(s->loop, has_bytes, &w, PATIENCE_MS));
    assert_inbox(s, span_of(text));
    bytes_reset(&s->inbox);
}

static void test_messages(void **state)
{
    char large[1000];
    struct scene s;
    scene_begin(&s);
    connect_as(&s, "u");
    assert_int_equal(s.adopted, 0);
    assert_int_equal(websocket_count(s.endpoint), 1);
    say_frame(&s, 0x81, SPAN("hello"));
    say_frame(&s, 0x82, SPAN_NONE);
    memset(large, 'x', sizeof(large));
    say_frame(&s, 0x82, (struct span){large, sizeof(large)});
    say_frame(&s, 0x01, SPAN("in "));
    say_frame(&s, 0x89, SPAN("p"));
    say_frame(&s, 0x00, SPAN("three "));
    say_frame(&s, 0x80, SPAN("pieces"));
    await(&s, "text 15");
    assert_string_equal(s.log, "open 127.0.0.1;text 5 hello;binary 0 ;binary 1000 xxxxxxxxxxxxxxxx;"
                               "text 15 in three pieces;");
    await_inbox(&s, "\x8a\x01p");
    assert_int_equal(websocket_write(s.ws, SPAN("\x81\x02hi\x82\x03you")), WEBSOCKET_SENT);
    await_inbox(&s, "\x81\x02hi\x82\x03you");
    assert_int_equal(websocket_ping(s.ws), WEBSOCKET_SENT);
    await_inbox(&s, "\x89\x01p");
    say_frame(&s, 0x8a, SPAN("p"));
    await(&s, "pong;");
    scene_end(&s);
    assert_non_null(strstr(s.log, "closed dropped;"));
}

static void test_early_frames(void **state)
{
    bytes_auto early = BYTES_INIT;
    char large[3000];
    struct scene s;

    memset(large, 'y', sizeof(large));
    put_frame(&early, 0x81, SPAN("early"));
    put_frame(&early, 0x82, (struct span){large, sizeof(large)});
    put_frame(&early, 0x88, SPAN("\x03\xe8"));
    scene_begin(&s);
    connect_with(&s, "u", "", bytes_span(&early), 0);
    await(&s, "closed");
    assert_string_equal(s.log, "open 127.0.0.1;text 5 early;binary 3000 yyyyyyyyyyyyyyyy;closed peer;");
    assert_int_equal(s.adopted, 0);
    await_eof(&s);
    assert_inbox(&s, SPAN("\x88\x02\x03\xe8"));
    scene_end(&s);
}

/* A JWT as subprotocol is longer than anything the library would take. */
static void test_long_subprotocol(void **state)
{
    bytes_auto headers = BYTES_INIT;
    struct scene s;

    bytes_append_text(&headers, "Sec-WebSocket-Protocol: ");
    for (int i = 0; i < 8000; i++)
        bytes_append_char(&headers, 'a');
    bytes_append_text(&headers, "\r\n");
    scene_begin(&s);
    connect_with(&s, "u", bytes_text(&headers), SPAN_NONE, 0);
    assert_non_null(s.ws);
    scene_end(&s);
}

static const struct {
    const char *name;
    struct span payload;
    struct span answer;
} closes[] = {
    {"normal",
     {"\x03\xe8"
      "bye",
      5},
     {"\x88\x05\x03\xe8"
      "bye",
      7}},
    {"without code", {"", 0}, {"\x88\x00", 2}},
    {"half a code", {"\x03", 1}, {"\x88\x02\x03\xea", 4}},
    {"1005 is for no frame", {"\x03\xed", 2}, {"\x88\x02\x03\xea", 4}},
    {"999", {"\x03\xe7", 2}, {"\x88\x02\x03\xea", 4}},
    {"5000", {"\x13\x88", 2}, {"\x88\x02\x03\xea", 4}},
    {"4999", {"\x13\x87", 2}, {"\x88\x02\x13\x87", 4}},
    {"half a character", {"\x03\xe8\xc3", 3}, {"\x88\x02\x03\xef", 4}},
};

static void test_peer_closes(void **state)
{
    for (size_t i = 0; i < sizeof(closes) / sizeof(closes[0]); i++) {
        struct scene s;

        scene_begin(&s);
        connect_as(&s, "u");
        say_frame(&s, 0x88, closes[i].payload);
        await_eof(&s);
        await(&s, "closed peer;");
        if (!span_equal(bytes_span(&s.inbox), closes[i].answer))
            fail_msg("%s: %zu bytes", closes[i].name, s.inbox.len);
        assert_int_equal(websocket_count(s.endpoint), 0);
        scene_end(&s);
    }
}

static const struct {
    const char *name;
    struct span bytes;
} offences[] = {
    {"reserved bits", {"\xc1\x81mask\x12", 7}},
    {"an unknown opcode", {"\x83\x81mask\x12", 7}},
    {"a continuation of nothing", {"\x80\x81mask\x12", 7}},
    {"a fragmented ping", {"\x09\x81mask\x12", 7}},
    {"a long ping", {"\x89\xfe\x00\x80mask", 8}},
    {"a negative length", {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 14}},
};

static void test_offences(void **state)
{
    for (size_t i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
        struct scene s;

        scene_begin(&s);
        connect_as(&s, "u");
        say(&s, offences[i].bytes);
        assert_true(loop_until(s.loop, has_bytes, &(struct wait){&s, "\x88\x02xx"}, PATIENCE_MS));
        if (s.inbox.data[0] != '\x88' || memcmp(s.inbox.data + 2, "\x03\xea", 2) != 0)
            fail_msg("%s: no close frame with 1002", offences[i].name);
        if (s.ws)
            say_frame(&s, 0x88, SPAN("\x03\xea"));
        await(&s, "closed closed;");
        await_eof(&s);
        scene_end(&s);
    }
}

static const struct span close_4002 = {"\x88\x0c\x0f\xa2"
                                       "as you say",
                                       14};

static void test_close_from_hook(void **state)
{
    struct scene s;
    scene_begin(&s);
    connect_as(&s, "u");
    say_frame(&s, 0x81, SPAN("close"));
    say_frame(&s, 0x81, SPAN("ignored"));
    await(&s, "text 5 close;");
    assert_int_equal(websocket_write(s.ws, SPAN("\x81\x00")), WEBSOCKET_GONE);
    assert_false(websocket_ready(s.ws));
    assert_true(loop_until(s.loop, has_bytes, &(struct wait){&s, "xxxxxxxxxxxxxx"}, PATIENCE_MS));
    say_frame(&s, 0x88, SPAN("\x0f\xa2"));
    await_eof(&s);
    await(&s, "closed");
    assert_inbox(&s, close_4002);
    assert_string_equal(s.log, "open 127.0.0.1;text 5 close;closed closed;");
    scene_end(&s);
}

/* Whatever the peer sends then, but a ping, which the library answers. */
static void test_nothing_behind_our_close(void **state)
{
    static const struct {
        const char *name;
        struct span bytes; /* masked with zeros */
    } cases[] = {
        {"an unknown opcode", {"\x83\x80\0\0\0\0", 6}},
        {"a fragmented ping", {"\x09\x80\0\0\0\0", 6}},
        {"a long ping", {"\x89\xfe\x00\x80\0\0\0\0", 8}},
        {"a negative length", {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10}},
        {"an odd close frame", {"\x88\x81\0\0\0\0\x03", 7}},
        {"FIN", {"", 0}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int together = 0; together < 2; together++) {
            bytes_auto all = BYTES_INIT;
            struct scene s;

            scene_begin(&s);
            connect_as(&s, "u");
            bytes_append(&all, "\x81\x85\0\0\0\0close", 11);
            if (together)
                bytes_append_span(&all, cases[i].bytes);
            say(&s, bytes_span(&all));
            await(&s, "text 5 close;");
            if (!together)
                say(&s, cases[i].bytes);
            if (cases[i].bytes.len == 0)
                shutdown(s.client, SHUT_WR);
            await_eof(&s);
            await(&s, "closed closed;");
            if (!span_equal(bytes_span(&s.inbox), close_4002))
                fail_msg("%s: %zu bytes", cases[i].name, s.inbox.len);
            scene_end(&s);
        }
}

/* A peer that never answers the close frame is dropped. */
static void test_close_from_outside(void **state)
{
    struct scene s;
    int64_t start;
    scene_begin(&s);
    connect_as(&s, "u");
    start = clock_mono_ms();
    websocket_close(s.ws, 4002, "as you say");
    websocket_close(s.ws, 4003, "again");
    await_eof(&s);
    await(&s, "closed closed;");
    assert_in_range(clock_mono_ms() - start, 1900, 4000);
    assert_inbox(&s, close_4002);
    scene_end(&s);
}

static void test_close_while_opening(void **state)
{
    struct scene s;
    scene_begin(&s);
    connect_as(&s, "unwanted");
    assert_int_equal(s.adopted, 0);
    say_frame(&s, 0x88, SPAN("\x0f\xa1"));
    await(&s, "closed closed;");
    await_eof(&s);
    assert_inbox(&s, SPAN("\x88\x0a\x0f\xa1unwanted"));
    scene_end(&s);
}

static void test_not_wanted(void **state)
{
    struct scene s;
    scene_begin(&s);
    connect_as(&s, "nobody");
    assert_int_equal(s.adopted, -1);
    await_eof(&s);
    assert_int_equal(websocket_count(s.endpoint), 0);
    assert_string_equal(s.log, "open 127.0.0.1;");
    scene_end(&s);
}

static void test_drops(void **state)
{
    struct scene s;
    scene_begin(&s);
    connect_as(&s, "u");
    say_frame(&s, 0x81, SPAN("drop"));
    say_frame(&s, 0x81, SPAN("ignored"));
    await_eof(&s);
    await(&s, "closed");
    assert_string_equal(s.log, "open 127.0.0.1;text 4 drop;closed dropped;");
    assert_inbox(&s, SPAN_NONE);
    close(s.client);

    s.eof = false;
    s.log[0] = '\0';
    connect_as(&s, "u");
    websocket_drop(s.ws);
    websocket_close(s.ws, 4002, "too late");
    await(&s, "closed dropped;");
    await_eof(&s);
    close(s.client);

    s.eof = false;
    s.log[0] = '\0';
    connect_as(&s, "dropped");
    await(&s, "closed dropped;");
    await_eof(&s);
    scene_end(&s);
}

static void reset_client(struct scene *s)
{
    const struct linger at_once = {.l_onoff = 1};
    setsockopt(s->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(s->client);
    s->client = dup(0);
}

static void test_peer_vanishes(void **state)
{
    struct scene s;
    scene_begin(&s);
    connect_as(&s, "u");
    shutdown(s.client, SHUT_WR);
    await(&s, "closed cut;");
    close(s.client);

    s.log[0] = '\0';
    connect_as(&s, "u");
    reset_client(&s);
    await(&s, "closed cut;");
    close(s.client);

    /* Nobody has told the library yet: the write finds out. */
    s.log[0] = '\0';
    connect_as(&s, "u");
    reset_client(&s);
    assert_int_equal(websocket_write(s.ws, SPAN("\x81\x02hi")), WEBSOCKET_GONE);
    assert_int_equal(websocket_write(s.ws, SPAN("\x81\x02hi")), WEBSOCKET_GONE);
    assert_string_equal(s.log, "open 127.0.0.1;");
    await(&s, "closed cut;");
    scene_end(&s);
}

/* Only a whole close frame is a close: what ends TCP without one may be a proxy. */
static void test_a_cut_is_no_close(void **state)
{
    static const struct {
        const char *name;
        struct span bytes; /* masked with zeros */
        bool reset;
        const char *expected;
    } cases[] = {
        {"a close frame, and FIN at once", {"\x88\x82\0\0\0\0\x03\xe8", 8}, false, "closed peer;"},
        {"one without a code", {"\x88\x80\0\0\0\0", 6}, false, "closed peer;"},
        {"a message and a close frame", {"\x81\x81\0\0\0\0x\x88\x80\0\0\0\0", 13}, false, "closed peer;"},
        {"half a close frame", {"\x88\x82\0\0\0", 5}, false, "closed cut;"},
        {"half a message", {"\x81\x85\0\0\0\0he", 8}, false, "closed cut;"},
        {"a first fragment", {"\x01\x82\0\0\0\0he", 8}, false, "closed cut;"},
        {"a message", {"\x81\x82\0\0\0\0he", 8}, true, "closed cut;"},
        {"a ping", {"\x89\x80\0\0\0\0", 6}, false, "closed cut;"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;

        scene_begin(&s);
        connect_as(&s, "u");
        say(&s, cases[i].bytes);
        if (cases[i].reset)
            reset_client(&s);
        else
            shutdown(s.client, SHUT_WR);
        await(&s, "closed ");
        if (!strstr(s.log, cases[i].expected))
            fail_msg("%s: %s", cases[i].name, s.log);
        scene_end(&s);
    }
}

/* Takes one unmasked frame off the inbox; whether a whole one was there. */
static bool take_frame(struct scene *s, size_t *at, uint8_t *first_byte, struct span *payload)
{
    const uint8_t *in = (const uint8_t *)s->inbox.data + *at;
    size_t left = s->inbox.len - *at, header = 2, len;
    if (left < 2)
        return false;
    len = in[1];
    if (len == 126) {
        if (left < 4)
            return false;
        len = (size_t)in[2] << 8 | in[3];
        header = 4;
    } else if (len == 127) {
        if (left < 10)
            return false;
        len = (size_t)in[6] << 24 | (size_t)in[7] << 16 | (size_t)in[8] << 8 | in[9];
        header = 10;
    }
    if (left - header < len)
        return false;
    *first_byte = in[0];
    *payload = (struct span){(const char *)in + header, len};
    *at += header + len;
    return true;
}

static bool all_flooded(void *arg)
{
    struct scene *s = arg;
    read_inbox(s);
    return s->inbox.len >= s->to_flood * 1004;
}

static void test_slow_reader(void **state)
{
    struct scene s;
    struct span payload;
    uint8_t first_byte;
    size_t at = 0;
    scene_begin(&s);
    connect_with(&s, "u", "", SPAN_NONE, 4096);
    s.to_flood = 20000;
    flood(&s);
    assert_true(s.full);
    assert_false(websocket_ready(s.ws));
    assert_true(s.flooded < s.to_flood);
    assert_true(loop_until(s.loop, all_flooded, &s, 4 * PATIENCE_MS));
    for (size_t i = 0; i < s.to_flood; i++) {
        assert_true(take_frame(&s, &at, &first_byte, &payload));
        assert_int_equal(payload.len, 1000);
        assert_int_equal((uint8_t)payload.data[0], i % 251);
        assert_int_equal((uint8_t)payload.data[999], i % 251);
    }
    assert_int_equal(at, s.inbox.len);
    assert_true(websocket_ready(s.ws));
    scene_end(&s);
}

static bool is_closed(void *arg)
{
    return ((struct scene *)arg)->ws == NULL;
}

enum how { BY_FIN, BY_RESET, BY_DROP, BY_CLOSE };

static void end_it(struct scene *s, enum how how)
{
    switch (how) {
    case BY_FIN: shutdown(s->client, SHUT_WR); return;
    case BY_RESET: reset_client(s); return;
    case BY_DROP: websocket_drop(s->ws); return;
    case BY_CLOSE: websocket_close(s->ws, 4002, "as you say"); return;
    }
}

/* The client never reads. With a FIN behind it the library would turn in circles until it gave up flushing.
 */
static void test_ends_while_full(void **state)
{
    static const char *const expected[] = {"closed cut;", "closed cut;", "closed dropped;", "closed closed;"};

    for (int how = BY_FIN; how <= BY_CLOSE; how++) {
        struct scene s;
        int64_t start;

        scene_begin(&s);
        connect_with(&s, "u", "", SPAN_NONE, 4096);
        s.to_flood = 100000;
        flood(&s);
        assert_true(s.full);
        s.to_flood = 0;
        start = clock_mono_ms();
        end_it(&s, (enum how)how);
        assert_true(loop_until(s.loop, is_closed, &s, 2 * PATIENCE_MS));
        /* Its kernel still takes something, once. */
        assert_true(clock_mono_ms() - start < (how == BY_CLOSE ? 6500 : 1500));
        assert_non_null(strstr(s.log, expected[how]));
        scene_end(&s);
    }
}

/* What a client that reads nothing, or little, sends to a full connection (masked with zeros): first what
 * begins an end, or not; then more, which stays in the socket when the library no longer reads. */
static const struct {
    const char *name;
    struct span first, more;
} unread[] = {
    {"an unknown opcode, and again", {"\x83\x80\0\0\0\0", 6}, {"\x83\x80\0\0\0\0", 6}},
    {"an unknown opcode, then messages", {"\x83\x80\0\0\0\0", 6}, {"\x81\x82\0\0\0\0hi", 8}},
    {"a fragmented ping", {"\x09\x80\0\0\0\0", 6}, {"\x81\x82\0\0\0\0hi", 8}},
    {"a long ping", {"\x89\xfe\x00\x80\0\0\0\0", 8}, {"\x81\x82\0\0\0\0hi", 8}},
    {"a negative length", {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10}, {"\x81\x82\0\0\0\0hi", 8}},
    {"broken UTF-8", {"\x81\x81\0\0\0\0\xff", 7}, {"\x81\x81\0\0\0\0\xff", 7}},
    {"pings", {"\x89\x81\0\0\0\0p", 7}, {"\x89\x81\0\0\0\0p", 7}},
    {"a ping, then an unknown opcode", {"\x89\x81\0\0\0\0p", 7}, {"\x83\x80\0\0\0\0", 6}},
    {"its close, then messages", {"\x88\x82\0\0\0\0\x03\xe8", 8}, {"\x81\x82\0\0\0\0hi", 8}},
    {"its close, twice", {"\x88\x82\0\0\0\0\x03\xe8", 8}, {"\x88\x82\0\0\0\0\x03\xe8", 8}},
    {"our close, then messages", {"\x81\x85\0\0\0\0close", 11}, {"\x81\x82\0\0\0\0hi", 8}},
    {"our close, then an unknown opcode", {"\x81\x85\0\0\0\0close", 11}, {"\x83\x80\0\0\0\0", 6}},
    {"our close, then a long ping", {"\x81\x85\0\0\0\0close", 11}, {"\x89\xfe\x00\x80\0\0\0\0", 8}},
    {"our close, then its close", {"\x81\x85\0\0\0\0close", 11}, {"\x88\x82\0\0\0\0\x03\xe8", 8}},
};

struct turns {
    struct scene *scene;
    int looks, turns;
    size_t reads; /* bytes the client takes with each look */
};

static void on_turn(uv_prepare_t *prepare)
{
    ((struct turns *)prepare->data)->turns++;
}

static bool never(void *arg)
{
    return false;
}

static bool looked_enough(void *arg)
{
    struct turns *t = arg;
    char some[64];
    if (t->reads > 0 && recv(t->scene->client, some, t->reads, MSG_DONTWAIT) == 0)
        return true;
    return ++t->looks >= 150;
}

/* A turn for each look, and those in which it is seen that the library reads no more: in circles they are a
 * hundred thousand. */
static void test_no_circles_while_full(void **state)
{
    for (size_t i = 0; i < 2 * sizeof(unread) / sizeof(unread[0]); i++) {
        struct scene s;
        struct turns t = {.scene = &s, .reads = i % 2 ? 64 : 0};
        uv_prepare_t *prepare = mem_zalloc(sizeof(*prepare));

        scene_begin(&s);
        connect_with(&s, "u", "", SPAN_NONE, 4096);
        s.to_flood = 100000;
        flood(&s);
        assert_true(s.full);
        s.to_flood = 0;
        say(&s, unread[i / 2].first);
        loop_until(s.loop, never, NULL, 20); /* so that the library is done with it */
        for (int n = 0; n < 100; n++)
            send(s.client, unread[i / 2].more.data, unread[i / 2].more.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        uv_prepare_init(loop_uv(s.loop), prepare);
        prepare->data = &t;
        uv_prepare_start(prepare, on_turn);
        loop_until(s.loop, looked_enough, &t, PATIENCE_MS);
        uv_close((uv_handle_t *)prepare, (uv_close_cb)free);
        if (t.turns > 3 * t.looks + 1000)
            fail_msg("%s%s: %d turns for %d looks", unread[i / 2].name, t.reads ? " (reads)" : "", t.turns,
                     t.looks);
        scene_end(&s);
    }
}

/* Fragments of a large message, from several places, with pings of the client among them. */
static void test_fragments(void **state)
{
    static char block[200000];
    struct span parts[3] = {SPAN("head"), {block, sizeof(block)}, SPAN_NONE};
    struct scene s;
    struct span payload;
    uint8_t first_byte;
    size_t at = 0, got = 0, pongs = 0;
    bool done = false;
    scene_begin(&s);
    connect_with(&s, "u", "", SPAN_NONE, 4096);
    assert_int_equal(websocket_write_frame(s.ws, 0x02, parts, 1), WEBSOCKET_SENT);
    for (int i = 0; i < 20; i++) {
        say_frame(&s, 0x89, SPAN("q"));
        assert_int_not_equal(websocket_write_frame(s.ws, 0x00, parts, 3), WEBSOCKET_GONE);
        loop_until(s.loop, at_eof, &s, 5);
    }
    assert_int_not_equal(websocket_write_frame(s.ws, 0x80, parts, 0), WEBSOCKET_GONE);
    while (!done) {
        if (!take_frame(&s, &at, &first_byte, &payload)) {
            loop_until(s.loop, at_eof, &s, 1);
            assert_false(s.eof);
            continue;
        }
        if (first_byte == 0x8a)
            pongs++;
        else
            got += payload.len;
        done = first_byte == 0x80;
        assert_true(first_byte == 0x8a || first_byte == 0x80 || first_byte == (got == 4 ? 0x02 : 0x00));
    }
    assert_int_equal(got, 4 + 20 * (4 + sizeof(block)));
    assert_true(pongs > 0);
    scene_end(&s);
}

static void test_destroy_with_clients(void **state)
{
    struct scene s;
    int others[3];
    scene_begin(&s);
    for (int i = 0; i < 3; i++) {
        connect_as(&s, "u");
        others[i] = s.client;
    }
    connect_as(&s, "u");
    websocket_close(s.ws, 4002, "as you say");
    assert_int_equal(websocket_count(s.endpoint), 4);
    s.log[0] = '\0';
    websocket_endpoint_destroy(s.endpoint);
    s.endpoint = NULL;
    assert_string_equal(s.log, "closed closed;closed dropped;closed dropped;closed dropped;");
    for (int i = 0; i < 3; i++)
        close(others[i]);
    scene_end(&s);
}

/* Takes all descriptors below `end`; *first is the first of them. */
static void take_descriptors(int end, int *first)
{
    int fd = dup(STDIN_FILENO);
    *first = fd;
    while (fd >= 0 && fd < end - 1)
        fd = dup(STDIN_FILENO);
    assert_int_equal(fd, end - 1);
}

/* The library has a table of descriptors, and another one where that ends. */
static void test_many_descriptors(void **state)
{
    static const int tables[] = {0, 2048, 4096, 8192};
    struct scene s;
    struct rlimit before, after;
    int firsts[4], clients[4], count = 1;
    scene_begin(&s);
    getrlimit(RLIMIT_NOFILE, &before);
    while (count < 4 && (rlim_t)tables[count] + 64 < before.rlim_cur)
        count++;
    for (int i = 0; i < count; i++) {
        if (tables[i])
            take_descriptors(tables[i], &firsts[i]);
        connect_as(&s, "u");
        clients[i] = s.client;
        assert_true(s.client >= tables[i]);
        say_frame(&s, 0x81, SPAN("hello"));
        await(&s, "text 5 hello;");
        s.log[0] = '\0';
        assert_int_equal(websocket_write(s.ws, SPAN("\x81\x02hi")), WEBSOCKET_SENT);
        await_inbox(&s, "\x81\x02hi");
    }
    assert_int_equal(websocket_count(s.endpoint), count);
    getrlimit(RLIMIT_NOFILE, &after);
    assert_int_equal(after.rlim_cur, before.rlim_cur);
    close(clients[count - 1]);
    await(&s, "closed cut;");
    assert_int_equal(websocket_count(s.endpoint), count - 1);
    s.client = -1;
    scene_end(&s);
    for (int i = 0; i < count - 1; i++)
        close(clients[i]);
    for (int i = 1; i < count; i++)
        for (int fd = firsts[i]; fd < tables[i]; fd++)
            close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_early_frames),
        cmocka_unit_test(test_long_subprotocol),
        cmocka_unit_test(test_peer_closes),
        cmocka_unit_test(test_offences),
        cmocka_unit_test(test_close_from_hook),
        cmocka_unit_test(test_nothing_behind_our_close),
        cmocka_unit_test(test_close_from_outside),
        cmocka_unit_test(test_close_while_opening),
        cmocka_unit_test(test_not_wanted),
        cmocka_unit_test(test_drops),
        cmocka_unit_test(test_peer_vanishes),
        cmocka_unit_test(test_a_cut_is_no_close),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_ends_while_full),
        cmocka_unit_test(test_no_circles_while_full),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_destroy_with_clients),
        cmocka_unit_test(test_many_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
