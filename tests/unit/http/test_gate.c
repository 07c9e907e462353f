/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/gate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "support/loop_until.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET "test-secret-0123456789-0123456789"

/* A gate, and one client of it on the other end of a socket pair. */
struct scene {
    struct loop *loop;
    struct gate *gate;
    struct token_keys *keys;
    int client;
    struct bytes reply;
    bool ended;
    char upgraded[1024]; /* what the upgrade hook saw, as text */
    struct bytes synthetic;
    char reasons[256]; /* what was counted, "status:reason " each */
    int admissions;
    const char *peer; /* NULL: one from elsewhere */
};

static int on_admit(void *arg, struct gate_request *request, struct gate_refusal *refusal)
{
    struct scene *s = arg;
    s->admissions++;
    if (!strcmp(request->token.user, "many"))
        *refusal = (struct gate_refusal){429, "Too many connections", GATE_REASON_QUOTA, 5};
    else if (strcmp(request->token.user, "early") != 0)
        return 0;
    return -1;
}

static void on_upgrade(void *arg, int fd, struct gate_request *r, struct span synthetic, const char *protocol)
{
    struct scene *s = arg;
    bytes_auto text = BYTES_INIT;

    bytes_printf(&text, "%s %s", r->token.user, role_name(r->token.role));
    if (r->device.len)
        bytes_printf(&text, " device=%.*s", (int)r->device.len, r->device.data);
    if (r->has_groups)
        bytes_printf(&text, " groups=%.*s", (int)r->groups.len, r->groups.data);
    if (r->has_users)
        bytes_printf(&text, " users=%.*s", (int)r->users.len, r->users.data);
    if (r->has_since)
        bytes_printf(&text, " since=%.*s", (int)r->since.len, r->since.data);
    if (r->token.has_groups)
        bytes_printf(&text, " claims=%zu", r->token.group_count);
    bytes_printf(&text, "%s%s protocol=%s from %s", r->encoding == ENCODING_JSON ? " json" : "",
                 r->speaks_v1 ? " v1" : "", protocol, r->peer);
    snprintf(s->upgraded, sizeof(s->upgraded), "%s", bytes_text(&text));
    bytes_reset(&s->synthetic);
    bytes_append_span(&s->synthetic, synthetic);
    close(fd);
}

static int on_serve(void *arg, struct span path, bool near, struct bytes *body, const char **content_type)
{
    if (span_equal(path, SPAN("/metrics")))
        for (int i = 0; i < 100000; i++)
            bytes_append_text(body, "metric 1\n");
    bytes_append_text(body, near ? "near\n" : "fine\n");
    *content_type = "text/plain; version=0.0.4";
    return span_equal(path, SPAN("/readyz")) ? 503 : 200;
}

static void on_refused(void *arg, int status, enum gate_reason reason, const char *peer)
{
    struct scene *s = arg;
    size_t len = strlen(s->reasons);
    assert_string_equal(peer, "192.0.2.7");
    snprintf(s->reasons + len, sizeof(s->reasons) - len, "%d:%s ", status, gate_reason_names[reason]);
}

static const struct gate_hooks all_hooks = {on_admit, on_upgrade, on_serve, on_refused};

static void connect_client(struct scene *s)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    s->client = pair[0];
    gate_accept(s->gate, pair[1], s->peer ? s->peer : "192.0.2.7");
}

static void scene_begin(struct scene *s, const struct gate_config *config)
{
    const struct token_config keys = {.secret = SECRET, .leeway_s = 60};
    struct gate_config with_keys = *config;
    char error[256];
    struct token_warnings warnings;
    memset(s, 0, sizeof(*s));
    s->loop = loop_create();
    assert_int_equal(token_keys_load(&keys, &s->keys, &warnings, error, sizeof(error)), 0);
    if (!config->auth_none)
        with_keys.keys = s->keys;
    s->gate = gate_create(s->loop, &with_keys, &all_hooks, s);
    connect_client(s);
}

static void scene_begin_from(struct scene *s, const struct gate_config *config, const char *peer)
{
    scene_begin(s, config);
    close(s->client);
    s->peer = peer;
    connect_client(s);
}

static void scene_end(struct scene *s)
{
    gate_destroy(s->gate);
    loop_destroy(s->loop);
    token_keys_destroy(s->keys);
    close(s->client);
    bytes_finish(&s->reply);
    bytes_finish(&s->synthetic);
}

/* Reads what is there; whether the other side has ended. */
static bool has_ended(void *arg)
{
    struct scene *s = arg;
    ssize_t n;
    while ((n = read(s->client, bytes_reserve(&s->reply, 65536), 65536)) > 0)
        s->reply.len += (size_t)n;
    s->ended = n == 0 || errno != EAGAIN;
    return s->ended;
}

static void say(struct scene *s, struct span text)
{
    assert_int_equal(write(s->client, text.data, text.len), text.len);
}

/* $T becomes a token with those claims; other text stays. */
static void write_request(const char *text, const struct token_claims *claims, struct bytes *out)
{
    const char *mark = strstr(text, "$T");

    bytes_append(out, text, mark ? (size_t)(mark - text) : strlen(text));
    if (!mark)
        return;
    assert_int_equal(token_mint(SECRET, claims, out), 0);
    bytes_append_text(out, mark + 2);
}

static int status_of(const struct bytes *reply)
{
    return reply->len > 12 && !memcmp(reply->data, "HTTP/1.1 ", 9) ? atoi(reply->data + 9) : 0;
}

static bool contains(const struct bytes *reply, const char *text)
{
    return reply->len > 0 && memmem(reply->data, reply->len, text, strlen(text));
}

#define UPGRADE                                                                                              \
    "Host: h:3000\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define FOREIGN                                                                                              \
    "Host: h:3001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"             \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" UPGRADE

static const struct gate_config jwt = {.head_timeout_ms = 5000, .pending_max = 8, .upgrades = true};
static const struct gate_config open_door = {.head_timeout_ms = 5000,
                                             .pending_max = 8,
                                             .upgrades = true,
                                             .auth_none = true,
                                             .allowed_hosts = "h:3000"};
static const struct gate_config open_to_origin = {.head_timeout_ms = 5000,
                                                  .pending_max = 8,
                                                  .upgrades = true,
                                                  .auth_none = true,
                                                  .allowed_origins = "https://h"};
static const struct gate_config health_only = {.head_timeout_ms = 5000, .pending_max = 8};

static const struct refusal_row {
    const char *name;
    const struct gate_config *config;
    const char *request;
    int status;
    const char *counted; /* "" for none */
    const char *holds;   /* a part of the answer */
} refusals[] = {
    {"not HTTP", &jwt, "\x16\x03\x01\x02\x00", 400, "400:request ",
     "{\"success\":false,\"error\":\"Malformed"},
    {"two hosts", &jwt, GET("/") "Host: x\r\n\r\n", 400, "400:request ", NULL},
    {"HTTP/2", &jwt, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "505:request ", NULL},
    {"the API", &jwt, "POST /api/presence/status HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 404,
     "404:path ", "presence-api"},
    {"the API with an upgrade", &jwt, GET("/api/x") "\r\n", 404, "404:path ", "presence-api"},
    {"no upgrade", &jwt, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426, "426:no_upgrade ",
     "\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
    {"a post", &jwt, "POST / HTTP/1.1\r\nHost: h\r\n\r\n", 426, "426:no_upgrade ", NULL},
    {"h2c", &jwt, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 426,
     "426:no_upgrade ", NULL},
    {"upgrade without connection", &jwt,
     "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", 426, "426:no_upgrade ",
     NULL},
    {"HTTP/1.0", &jwt, "GET / HTTP/1.0\r\n" UPGRADE "\r\n", 426, "426:no_upgrade ", NULL},
    {"a posted upgrade", &jwt, "POST / HTTP/1.1\r\n" UPGRADE "\r\n", 400, "400:request ", "GET"},
    {"an old version", &jwt,
     "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     426, "426:no_upgrade ", "\r\nSec-WebSocket-Version: 13\r\n"},
    {"no key", &jwt,
     "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
     "13\r\n\r\n",
     400, "400:request ", "Sec-WebSocket-Key"},
    {"a key of 15 bytes", &jwt,
     "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n",
     400, "400:request ", NULL},
    {"a key with spare bits", &jwt,
     "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n",
     400, "400:request ", NULL},
    {"two keys", &jwt, GET("/") "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400, "400:request ",
     NULL},
    {"a device with control characters", &jwt, GET("/?device_id=%07") "token: $T\r\n\r\n", 400,
     "400:request ", "device id"},
    {"a device ahead of a missing token", &jwt, GET("/?device_id=%07") "\r\n", 400, "400:request ", NULL},
    {"a broken escape", &jwt, GET("/?groups=%zz") "token: $T\r\n\r\n", 400, "400:request ", "'groups'"},
    {"no token", &jwt, GET("/") "\r\n", 401, "401:token ", "\r\nWWW-Authenticate: Bearer\r\n"},
    {"an empty token", &jwt, GET("/?token=") "Token:\r\n\r\n", 401, "401:token ", NULL},
    {"a forged token", &jwt, GET("/") "token: $Tx\r\n\r\n", 401, "401:token ", NULL},
    {"the first token counts", &jwt, GET("/") "token: bad\r\ntoken: $T\r\n\r\n", 401, "401:token ", NULL},
    {"not a bearer", &jwt, GET("/") "Authorization: Basic $T\r\n\r\n", 401, "401:token ", NULL},
    {"another's page", &jwt, GET("/") "token: $T\r\nOrigin: https://evil.org\r\n\r\n", 403, "403:origin ",
     "'https://evil.org' is not allowed here: the Host was 'h:3000' (PRESENCE_ALLOWED_ORIGINS)"},
    {"a page under a foreign name", &open_door, "GET /?token=u HTTP/1.1\r\nOrigin: http://h:3001\r\n" FOREIGN,
     421, "421:origin ", "'h:3001' (PRESENCE_ALLOWED_HOSTS)"},
    {"a foreign name before all else", &open_door, "GET /?role=admin HTTP/1.1\r\n" FOREIGN, 421,
     "421:origin ", NULL},
    {"a page on another port", &open_door, GET("/?token=u") "Origin: http://h:3001\r\n\r\n", 403,
     "403:origin ", NULL},
    {"an unknown role", &open_door, GET("/?token=u&role=admin") "\r\n", 403, "403:role ", "Unknown role"},
    {"no user id", &open_door, GET("/?token=%07") "\r\n", 401, "401:token ", "user id"},
    {"a quota", &open_door, GET("/?token=many") "\r\n", 429, "429:quota ", "\r\nRetry-After: 5\r\n"},
    {"not ready", &open_door, GET("/?token=early") "\r\n", 503, "503:unavailable ", "Not available now"},
    {"health", &jwt, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200, "",
     "\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 5\r\n"},
    {"readiness", &health_only, "GET /readyz?x HTTP/1.0\r\n\r\n", 503, "", "\r\n\r\nfine\n"},
    {"a head", &jwt, "HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200, "", "\r\nContent-Length: 5\r\n"},
    {"a posted health", &jwt, "POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 405, "405:request ",
     "\r\nAllow: GET, HEAD\r\n"},
    {"only health", &health_only, GET("/") "token: $T\r\n\r\n", 404, "404:path ", NULL},
};

static void test_refusals(void **state)
{
    static const struct token_claims claims = {.user = "u1", .role = "mobile"};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal_row *row = &refusals[i];
        bytes_auto request = BYTES_INIT;
        struct scene s;

        scene_begin(&s, row->config);
        write_request(row->request, &claims, &request);
        say(&s, bytes_span(&request));
        assert_true(loop_until(s.loop, has_ended, &s, 3000));
        if (status_of(&s.reply) != row->status || strcmp(s.reasons, row->counted) != 0 || s.upgraded[0] ||
            (row->holds && !contains(&s.reply, row->holds)))
            fail_msg("%s: counted '%s', answered\n%s", row->name, s.reasons, bytes_text(&s.reply));
        if (row->counted[0] && !contains(&s.reply, "\r\nContent-Type: application/json\r\n"))
            fail_msg("%s: no JSON", row->name);
        assert_true(contains(&s.reply, "\r\nConnection: close"));
        scene_end(&s);
    }
}

static const struct {
    const char *name;
    const struct gate_config *config;
    const char *request;
    const char *expected;
} upgrades[] = {
    {"header", &jwt, GET("/") "token: $T\r\ndevice_id: d 1\r\n\r\n",
     "u1 mobile device=d 1 protocol= from 192.0.2.7"},
    {"the Android SDK", &jwt, GET("/any/path") "VoicePingToken: $T\r\nDeviceId: d1\r\n\r\n",
     "u1 mobile device=d1 protocol= from 192.0.2.7"},
    {"bearer", &jwt, GET("/") "authorization: bearer  $T\r\n\r\n", "u1 mobile protocol= from 192.0.2.7"},
    {"query", &jwt, GET("/?device_id=d%201&token=$T") "\r\n",
     "u1 mobile device=d 1 protocol= from 192.0.2.7"},
    {"subprotocols", &jwt, GET("/") "Sec-WebSocket-Protocol: $T, dev-2\r\n\r\n",
     "u1 mobile device=dev-2 protocol=dev-2 from 192.0.2.7"},
    {"two lines of subprotocols", &jwt,
     GET("/") "Sec-WebSocket-Protocol: $T\r\nsec-websocket-protocol: dev-2,presence.v1.json\r\n\r\n",
     "u1 mobile device=dev-2 json v1 protocol=presence.v1.json from 192.0.2.7"},
    {"ours first", &jwt, GET("/") "Sec-WebSocket-Protocol: presence.v1.msgpack,$T ,d\r\n\r\n",
     "u1 mobile device=d v1 protocol=presence.v1.msgpack from 192.0.2.7"},
    {"the first of ours", &jwt,
     GET("/") "token: $T\r\nSec-WebSocket-Protocol: presence.v1.json, presence.v1.msgpack\r\n\r\n",
     "u1 mobile json v1 protocol=presence.v1.json from 192.0.2.7"},
    {"headers before subprotocols", &jwt,
     GET("/") "token: $T\r\ndevice_id: d\r\nSec-WebSocket-Protocol: chat, v2\r\n\r\n",
     "u1 mobile device=d protocol=v2 from 192.0.2.7"},
    {"one foreign subprotocol", &jwt, GET("/") "token: $T\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
     "u1 mobile protocol=chat from 192.0.2.7"},
    {"an interest", &jwt, GET("/?groups=a,b+c&users=&since=e%3A7") "token: $T\r\n\r\n",
     "u1 mobile groups=a,b c users= since=e:7 protocol= from 192.0.2.7"},
    {"our own page", &jwt, GET("/") "token: $T\r\nOrigin: https://h\r\n\r\n",
     "u1 mobile protocol= from 192.0.2.7"},
    {"a page on another port, with a token", &jwt, GET("/") "token: $T\r\nOrigin: http://h:3001\r\n\r\n",
     "u1 mobile protocol= from 192.0.2.7"},
    {"a foreign name, with a token", &jwt, "GET / HTTP/1.1\r\ntoken: $T\r\n" FOREIGN,
     "u1 mobile protocol= from 192.0.2.7"},
    {"auth none, an origin's name", &open_to_origin,
     "GET /?token=u HTTP/1.1\r\nOrigin: https://h\r\n" FOREIGN, "u mobile protocol= from 192.0.2.7"},
    {"auth none, an address", &open_to_origin,
     "GET /?token=u HTTP/1.1\r\n"
     "Host: 10.0.0.1:3000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     "u mobile protocol= from 192.0.2.7"},
    {"auth none", &open_door, GET("/?token=a%3Ab&role=dashboard&groups=g") "\r\n",
     "a:b dashboard groups=g protocol= from 192.0.2.7"},
    {"auth none, subprotocol", &open_door, GET("/") "Sec-WebSocket-Protocol: J%C3%B6rg+1\r\n\r\n",
     "J\xc3\xb6rg+1 mobile protocol=J%C3%B6rg+1 from 192.0.2.7"},
};

/* Who is told what only this machine's programs are. */
static void test_near(void **state)
{
    static const struct {
        const char *peer, *headers;
        bool near;
    } cases[] = {
        {"127.0.0.1", "Host: localhost:3000\r\n", true},
        {"unix", "Host: h:3000\r\n", true},
        {"::1", "Host: [::1]\r\n", true},
        {"192.0.2.7", "Host: localhost\r\n", false},
        {"127.0.0.1", "Host: rebind.evil.example\r\n", false},
        {"127.0.0.1", "Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n", false},
        {"unix", "Host: localhost\r\nvia: 1.1 a\r\n", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bytes_auto request = BYTES_INIT;
        struct scene s;

        scene_begin_from(&s, &open_door, cases[i].peer);
        bytes_printf(&request, "GET /healthz HTTP/1.1\r\n%s\r\n", cases[i].headers);
        say(&s, bytes_span(&request));
        assert_true(loop_until(s.loop, has_ended, &s, 3000));
        if (!contains(&s.reply, cases[i].near ? "\r\n\r\nnear\n" : "\r\n\r\nfine\n"))
            fail_msg("%s, %s: %s", cases[i].peer, cases[i].headers, bytes_text(&s.reply));
        scene_end(&s);
    }
}

static bool has_upgraded(void *arg)
{
    struct scene *s = arg;
    return has_ended(s) || s->upgraded[0];
}

static void test_upgrades(void **state)
{
    static const struct token_claims claims = {.user = "u1", .role = "mobile"};
    for (size_t i = 0; i < sizeof(upgrades) / sizeof(upgrades[0]); i++) {
        bytes_auto request = BYTES_INIT;
        struct scene s;

        scene_begin(&s, upgrades[i].config);
        write_request(upgrades[i].request, &claims, &request);
        say(&s, bytes_span(&request));
        assert_true(loop_until(s.loop, has_upgraded, &s, 3000));
        if (strcmp(s.upgraded, upgrades[i].expected) != 0)
            fail_msg("%s: '%s' instead of '%s'\n%s", upgrades[i].name, s.upgraded, upgrades[i].expected,
                     bytes_text(&s.reply));
        assert_int_equal(s.admissions, 1);
        assert_int_equal(gate_pending(s.gate), 0);
        scene_end(&s);
    }
}

/* A token of 3 kB, in single bytes, with frames behind it: what the library gets is small, and nothing is
 * lost. */
static void test_slow_request_with_early_bytes(void **state)
{
    static const char *groups[GROUPS_MAX];
    char names[GROUPS_MAX][16];
    struct token_claims claims = {.user = "u1", .has_groups = true, .groups = groups, .group_count = 128};
    bytes_auto request = BYTES_INIT;
    struct scene s;

    for (int i = 0; i < 128; i++) {
        snprintf(names[i], sizeof(names[0]), "group-%09d", i);
        groups[i] = names[i];
    }
    write_request(GET("/") "Sec-WebSocket-Protocol: $T\r\n\r\n", &claims, &request);
    assert_true(request.len > 3000);
    scene_begin(&s, &jwt);
    for (size_t i = 0; i + 1 < request.len; i++) {
        say(&s, (struct span){request.data + i, 1});
        if (i % 64 == 0)
            assert_false(loop_until(s.loop, has_upgraded, &s, 0));
    }
    say(&s, (struct span){request.data + request.len - 1, 1});
    assert_true(loop_until(s.loop, has_upgraded, &s, 3000));
    assert_non_null(strstr(s.upgraded, "claims=128"));
    scene_end(&s);

    bytes_append_text(&request, "early");
    scene_begin(&s, &jwt);
    say(&s, bytes_span(&request));
    assert_true(loop_until(s.loop, has_upgraded, &s, 3000));
    assert_true(s.synthetic.len < 256);
    assert_true(contains(&s.synthetic, "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly"));
    scene_end(&s);
}

static void test_too_large(void **state)
{
    bytes_auto request = BYTES_INIT;
    struct scene s;

    scene_begin(&s, &jwt);
    bytes_append_text(&request, "GET / HTTP/1.1\r\nHost: h\r\nToken: ");
    while (request.len < GATE_HEAD_MAX + 1000)
        bytes_append_char(&request, 'x');
    say(&s, bytes_span(&request));
    assert_true(loop_until(s.loop, has_ended, &s, 3000));
    assert_int_equal(status_of(&s.reply), 431);
    assert_string_equal(s.reasons, "431:too_large ");
    scene_end(&s);
}

/* The answer is larger than the socket takes, and the client ends its side before reading. */
static void test_large_answer_to_half_closed_client(void **state)
{
    struct scene s;
    scene_begin(&s, &jwt);
    say(&s, SPAN("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"));
    shutdown(s.client, SHUT_WR);
    assert_true(loop_until(s.loop, has_ended, &s, 3000));
    assert_true(contains(&s.reply, "\r\nContent-Length: 900005\r\n"));
    assert_memory_equal(s.reply.data + s.reply.len - 5, "fine\n", 5);
    scene_end(&s);
}

struct body {
    struct scene *scene;
    size_t left;
    bool failed;
};

static bool body_sent_and_ended(void *arg)
{
    static const char block[4096];
    struct body *b = arg;
    while (b->left > 0 && !b->failed) {
        ssize_t n = send(b->scene->client, block, sizeof(block), MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return false;
        b->failed = n < 0;
        b->left -= n < 0 ? 0 : (size_t)n;
    }
    return has_ended(b->scene);
}

/* A small body is read to its end, so that the answer is not lost in a reset; a large one is not. */
static void test_bodies(void **state)
{
    static const struct {
        size_t size;
        bool failed;
    } bodies[] = {{50 * 4096, false}, {4096 * 4096, true}};

    for (size_t i = 0; i < 2; i++) {
        struct body b = {.left = bodies[i].size};
        struct scene s;

        scene_begin(&s, &jwt);
        b.scene = &s;
        say(&s, SPAN("POST /api/x HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_true(loop_until(s.loop, body_sent_and_ended, &b, 3000));
        assert_int_equal(status_of(&s.reply), 404);
        assert_int_equal(b.failed, bodies[i].failed);
        scene_end(&s);
    }
}

static void test_deadline(void **state)
{
    static const struct gate_config hasty = {.head_timeout_ms = 50, .pending_max = 8, .upgrades = true};
    struct scene s;
    scene_begin(&s, &hasty);
    say(&s, SPAN("GET / HTTP/1.1\r\nHost: h\r\n"));
    assert_true(loop_until(s.loop, has_ended, &s, 3000));
    assert_int_equal(status_of(&s.reply), 408);
    assert_string_equal(s.reasons, "408:timeout ");
    scene_end(&s);

    scene_begin(&s, &hasty); /* says nothing: gets nothing */
    assert_int_equal(gate_pending(s.gate), 1);
    assert_true(loop_until(s.loop, has_ended, &s, 3000));
    assert_int_equal(s.reply.len, 0);
    assert_string_equal(s.reasons, "408:timeout ");
    assert_int_equal(gate_pending(s.gate), 0);
    scene_end(&s);
}

/* While it drains, only the plain paths are served, whatever else is wrong with a request. */
static void test_draining(void **state)
{
    static const struct {
        const char *name, *request;
        int status;
        const char *part;
    } cases[] = {
        {"an upgrade", GET("/?token=u") "\r\n", 503, "{\"success\":false,\"error\":\"draining\"}"},
        {"when to come again", GET("/?token=u") "\r\n", 503, "\r\nRetry-After: 1\r\n"},
        {"that it closes", GET("/?token=u") "\r\n", 503, "\r\nConnection: close\r\n"},
        {"without a token", GET("/") "\r\n", 503, "draining"},
        {"no upgrade", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 503, "draining"},
        {"the API's", "POST /api/presence/status HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", 503,
         "draining"},
        {"any path", "DELETE /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n", 503, "draining"},
        {"health", "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200, "fine"},
        {"readiness", "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n", 503, "fine"},
        {"no HTTP", "hello\r\n\r\n", 400, "Malformed"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;
        scene_begin(&s, &open_door);
        gate_drain(s.gate);
        say(&s, span_of(cases[i].request));
        assert_true(loop_until(s.loop, has_ended, &s, 3000));
        if (status_of(&s.reply) != cases[i].status || !strstr(bytes_text(&s.reply), cases[i].part))
            fail_msg("%s: %s", cases[i].name, bytes_text(&s.reply));
        assert_int_equal(s.admissions, 0);
        scene_end(&s);
    }
}

/* It runs until all have their answer, and not longer; for who says nothing, as long as it may. */
static void test_lingers(void **state)
{
    struct scene s;
    int64_t start_ms = clock_mono_ms();
    scene_begin(&s, &open_door);
    gate_drain(s.gate);
    say(&s, SPAN(GET("/?token=u") "\r\n"));
    shutdown(s.client, SHUT_WR);
    gate_linger(s.gate, 0, 3000);
    assert_true(clock_mono_ms() - start_ms < 2000);
    assert_true(has_ended(&s));
    assert_int_equal(status_of(&s.reply), 503);
    close(s.client);

    connect_client(&s);
    start_ms = clock_mono_ms();
    gate_linger(s.gate, 0, 60);
    assert_in_range(clock_mono_ms() - start_ms, 60, 2000);
    assert_int_equal(gate_pending(s.gate), 1);
    scene_end(&s);
}

static void test_oldest_is_dropped(void **state)
{
    static const struct gate_config narrow = {.head_timeout_ms = 5000, .pending_max = 2, .upgrades = true};
    struct scene s;
    int oldest, second;
    scene_begin(&s, &narrow);
    oldest = s.client;
    connect_client(&s);
    second = s.client;
    assert_string_equal(s.reasons, "");
    connect_client(&s);
    assert_string_equal(s.reasons, "503:overload ");
    assert_int_equal(gate_pending(s.gate), 2);
    close(s.client);
    close(second);
    s.client = oldest;
    shutdown(oldest, SHUT_WR);
    assert_true(loop_until(s.loop, has_ended, &s, 3000));
    assert_int_equal(status_of(&s.reply), 503);
    scene_end(&s);
}

static bool none_pending(void *arg)
{
    return gate_pending(((struct scene *)arg)->gate) == 0;
}

static void test_peer_leaves(void **state)
{
    struct scene s;
    scene_begin(&s, &jwt);
    say(&s, SPAN("GET / HT"));
    close(s.client);
    assert_true(loop_until(s.loop, none_pending, &s, 3000));
    assert_string_equal(s.reasons, "");
    s.client = dup(0);
    scene_end(&s);
}

static void test_new_keys(void **state)
{
    static const struct token_claims claims = {.user = "u1"};
    const struct token_config config = {.secret = "another-secret-0123456789-0123456789", .leeway_s = 60};
    bytes_auto request = BYTES_INIT;
    struct token_keys *keys;
    struct scene s;
    char error[256];
    struct token_warnings warnings;

    assert_int_equal(token_keys_load(&config, &keys, &warnings, error, sizeof(error)), 0);
    scene_begin(&s, &jwt);
    gate_set_keys(s.gate, keys);
    write_request(GET("/") "token: $T\r\n\r\n", &claims, &request);
    say(&s, bytes_span(&request));
    assert_true(loop_until(s.loop, has_upgraded, &s, 3000));
    assert_int_equal(status_of(&s.reply), 401);
    scene_end(&s);
    token_keys_destroy(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_upgrades),
        cmocka_unit_test(test_slow_request_with_early_bytes),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_large_answer_to_half_closed_client),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_lingers),
        cmocka_unit_test(test_oldest_is_dropped),
        cmocka_unit_test(test_peer_leaves),
        cmocka_unit_test(test_new_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
