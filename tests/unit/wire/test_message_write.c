/* SPDX-License-Identifier: MIT */
#include "presence-sim/client.h"
#include "support/cases.h"
#include "support/golden.h"

#include <stdio.h>

static const struct change update = {
    .user = SPAN("user123"),
    .online = true,
    .rev = GOLDEN_REV,
    .timestamp_ms = GOLDEN_TIME,
    .last_seen_ms = GOLDEN_TIME - 5,
    .device = SPAN("device-abc-123"),
    .reason = SPAN("connected"),
};
static const struct change gone = {
    .user = SPAN("\"\xc3\x9cnal\""),
    .online = false,
    .rev = GOLDEN_REV + 1,
    .timestamp_ms = GOLDEN_TIME,
    .last_seen_ms = GOLDEN_TIME - 60000,
};

/* The payload of the one frame in `out`, after a look at its header (RFC 6455, 5.2). */
static struct span payload_of(const char *name, enum encoding encoding, const struct bytes *out)
{
    const uint8_t *data = (const uint8_t *)out->data;
    size_t len, header_len = 2;
    expect_int(name, data[0], encoding == ENCODING_JSON ? 0x81 : 0x82);
    len = data[1];
    if (len == 126) {
        len = (size_t)data[2] << 8 | data[3];
        header_len = 4;
        expect_int(name, len >= 126, true);
    } else if (len == 127) {
        len = 0;
        for (size_t i = 2; i < 10; i++)
            len = len << 8 | data[i];
        header_len = 10;
        expect_int(name, len > 65535, true);
    }
    expect_int(name, out->len, header_len + len);
    return (struct span){out->data + header_len, len};
}

static void write_snapshot(enum encoding encoding, size_t users, size_t total_online, struct span refusal,
                           struct bytes *out)
{
    bytes_auto head = BYTES_INIT, tail = BYTES_INIT;
    uint8_t header[10];

    message_write_snapshot_tail_begin(encoding, users, GOLDEN_TIME, GOLDEN_REV, SPAN("e1"), &tail);
    for (size_t i = 0; i < users; i++) {
        char user[32], device[32];

        snprintf(user, sizeof(user), "user%zu", i);
        snprintf(device, sizeof(device), "device-%zu", i);
        message_write_snapshot_user(encoding, span_of(user), i % 2 == 0, GOLDEN_TIME + (int64_t)i,
                                    i % 3 ? span_of(device) : SPAN_NONE, i == 0, &tail);
    }
    message_write_snapshot_tail_end(encoding, total_online, &tail);
    message_write_snapshot_head(encoding, SPAN("admin"), GOLDEN_REV, refusal, &head);
    bytes_append(out, header,
                 frame_header(encoding == ENCODING_JSON ? 0x81 : 0x82, head.len + tail.len, header));
    bytes_append_span(out, bytes_span(&head));
    bytes_append_span(out, bytes_span(&tail));
}

static void write_update(enum encoding encoding, struct bytes *out)
{
    message_write_update(encoding, &update, out);
}

static void write_batch(enum encoding encoding, struct bytes *out)
{
    const struct change *const changes[] = {&update, &gone};
    message_write_batch(encoding, changes, COUNT_OF(changes), GOLDEN_REV + 1, out);
}

static void write_golden_snapshot(enum encoding encoding, struct bytes *out)
{
    write_snapshot(encoding, 20, GOLDEN_MANY, SPAN_NONE, out);
}

static void write_refused_snapshot(enum encoding encoding, struct bytes *out)
{
    write_snapshot(encoding, 20, GOLDEN_MANY, SPAN("too_old"), out);
}

static void write_resumed(enum encoding encoding, struct bytes *out)
{
    message_write_resumed(encoding, GOLDEN_REV, out);
}

static void write_hello(enum encoding encoding, struct bytes *out)
{
    const struct hello hello = {.heartbeat_interval_ms = GOLDEN_MANY,
                                .ttl_ms = GOLDEN_MANY + 1,
                                .server_time_ms = GOLDEN_TIME,
                                .node = SPAN("ws-1"),
                                .store = SPAN("lost"),
                                .store_since_ms = GOLDEN_TIME - 1};

    message_write_hello(encoding, &hello, out);
}

/* Byte for byte what each JavaScript encoder makes of the same message. */
static void test_golden(void **state)
{
    static const struct {
        const char *what;
        void (*write)(enum encoding encoding, struct bytes *out);
    } cases[] = {
        {"server_update", write_update},
        {"server_batch", write_batch},
        {"server_snapshot", write_golden_snapshot},
        {"server_snapshot_refused", write_refused_snapshot},
        {"server_resumed", write_resumed},
        {"server_hello", write_hello},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct golden *g;
        size_t at = 0, count = 0;

        while ((g = golden_next(cases[i].what, &at))) {
            bytes_auto out = BYTES_INIT;
            struct span payload;

            cases[i].write(golden_encoding(g), &out);
            payload = payload_of(cases[i].what, golden_encoding(g), &out);
            expect_int(g->writer, payload.len, g->len);
            assert_memory_equal(payload.data, g->bytes, g->len);
            count++;
        }
        assert_int_equal(count, GOLDEN_WRITERS);
    }
}

/* What stood in the buffer stays, and frames follow each other. */
static void test_appends(void **state)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        bytes_auto one = BYTES_INIT, all = BYTES_INIT;

        write_update(encoding, &one);
        bytes_append_text(&all, "x");
        write_update(encoding, &all);
        write_update(encoding, &all);
        assert_int_equal(all.len, 1 + 2 * one.len);
        assert_int_equal(all.data[0], 'x');
        assert_memory_equal(all.data + 1, one.data, one.len);
        assert_memory_equal(all.data + 1 + one.len, one.data, one.len);
    }
}

static char long_text[70000];

/* Each width of string heads and frame headers. */
static void test_widths(void **state)
{
    static const size_t lens[] = {0, 1, 31, 32, 255, 256, 65535, 65536, sizeof(long_text)};
    memset(long_text, 'x', sizeof(long_text));
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            const struct change c = {.user = SPAN("u"), .reason = {long_text, lens[i]}};
            bytes_auto out = BYTES_INIT;
            struct client_message m;
            struct span payload;

            message_write_update(encoding, &c, &out);
            payload = payload_of("width", encoding, &out);
            assert_int_equal(client_read(encoding, payload, &m), MESSAGE_OK);
            expect_span("width", m.states[0].reason, c.reason);
            client_message_finish(&m);
        }
    }
}

/* By hand: no revision, no times. Nothing negative gets out. */
static void test_sparse(void **state)
{
    const struct change c = {.user = SPAN("test"), .online = true, .timestamp_ms = -1};
    bytes_auto json = BYTES_INIT, msgpack = BYTES_INIT;

    message_write_update(ENCODING_JSON, &c, &json);
    expect_span(
        "JSON", payload_of("JSON", ENCODING_JSON, &json),
        SPAN("[0,31,0,\"broadcast\",\"0\",{\"type\":\"presence_update\",\"userId\":\"test\",\"status\":"
             "\"online\",\"timestamp\":0,\"lastSeen\":0,\"deviceId\":null,\"rev\":0,\"reason\":null}]"));
    message_write_update(ENCODING_MSGPACK, &c, &msgpack);
    expect_span("MessagePack", payload_of("MessagePack", ENCODING_MSGPACK, &msgpack),
                SPAN("\x96\x00\x1f\x00\xa9"
                     "broadcast\xa1"
                     "0\x88\xa4type\xafpresence_update\xa6userId\xa4test"
                     "\xa6status\xa6online\xa9timestamp\xcf\0\0\0\0\0\0\0\0\xa8lastSeen\xcf\0\0\0\0\0\0\0\0"
                     "\xa8"
                     "deviceId\xc0\xa3rev\xcf\0\0\0\0\0\0\0\0\xa6reason\xc0"));
}

static void test_snapshot_sizes(void **state)
{
    static const struct {
        size_t users;
        struct span array; /* the head of the list */
    } cases[] = {
        {0, SPAN("\xa5users\x90")},
        {1, SPAN("\xa5users\x91")},
        {15, SPAN("\xa5users\x9f")},
        {16, SPAN("\xa5users\xdc\x00\x10")},
        {65535, SPAN("\xa5users\xdc\xff\xff")},
        {65536, SPAN("\xa5users\xdd\x00\x01\x00\x00")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto out = BYTES_INIT;
        struct span payload;

        write_snapshot(ENCODING_MSGPACK, cases[i].users, cases[i].users, SPAN_NONE, &out);
        payload = payload_of("snapshot", ENCODING_MSGPACK, &out);
        assert_non_null(memmem(payload.data, payload.len, cases[i].array.data, cases[i].array.len));
    }
}

static void test_batch_of_none(void **state)
{
    bytes_auto out = BYTES_INIT;

    message_write_batch(ENCODING_JSON, NULL, 0, 7, &out);
    expect_span("JSON", payload_of("JSON", ENCODING_JSON, &out),
                SPAN("[0,34,0,\"broadcast\",\"7\",{\"updates\":[],\"rev\":7}]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),         cmocka_unit_test(test_appends),
        cmocka_unit_test(test_widths),         cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_snapshot_sizes), cmocka_unit_test(test_batch_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
