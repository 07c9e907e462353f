/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "presence-sim/ws_frame.h"
#include "relay/relay_down.h"
#include "support/cases.h"

#define MESSAGE_MAX 100000

/* What the client would read of what is passed on, message by message. */
struct client {
    struct relay_down down;
    struct ws_reader reader;
    struct bytes kept, seen;
    size_t dropped, frames, fragments;
    enum relay_down_result last;
};

static void note(struct client *c, const struct ws_event *e)
{
    bytes_printf(&c->seen, "%d:%zu:", (int)e->opcode, e->payload.len);
    bytes_append(&c->seen, e->payload.data, e->payload.len < 12 ? e->payload.len : 12);
    bytes_append_char(&c->seen, ';');
}

static void client_reads(struct client *c, struct span frames)
{
    struct ws_event e;
    int result;
    while ((result = ws_reader_next(&c->reader, &frames, &e)) > 0)
        note(c, &e);
    assert_int_equal(result, 0);
}

static void client_reads_fragment(struct client *c, const struct relay_piece *piece)
{
    bytes_auto frame = BYTES_INIT;
    frame_append_header(piece->first, piece->bytes.len, &frame);
    bytes_append_span(&frame, piece->bytes);
    client_reads(c, bytes_span(&frame));
}

static void come(struct client *c, struct span data)
{
    bytes_auto all = c->kept;
    c->kept = BYTES_INIT;
    bytes_append_span(&all, data);
    struct span input = bytes_span(&all);
    do {
        struct relay_piece piece;
        c->last = relay_down_next(&c->down, &input, &piece);
        if (c->last == RELAY_DOWN_FRAMES) {
            c->frames++;
            client_reads(c, piece.bytes);
        } else if (c->last == RELAY_DOWN_FRAGMENT) {
            c->fragments++;
            client_reads_fragment(c, &piece);
        } else if (c->last == RELAY_DOWN_CONTROL) {
            bytes_printf(&c->seen, "<%d:%zu>", piece.first & 0x0f, piece.bytes.len);
        } else if (c->last == RELAY_DOWN_DROPPED) {
            c->dropped++;
        }
    } while (c->last != RELAY_DOWN_MORE && c->last != RELAY_DOWN_BROKEN && c->last != RELAY_DOWN_TOO_BIG);
    assert_true(c->last != RELAY_DOWN_MORE || input.len <= RELAY_DOWN_HOLD);
    bytes_append_span(&c->kept, input);
}

static struct client begin(bool filters)
{
    return (struct client){.down = {.message_max = MESSAGE_MAX, .filters = filters},
                           .reader = {.message_max = MESSAGE_MAX}};
}

static void finish(struct client *c)
{
    ws_reader_finish(&c->reader);
    bytes_finish(&c->kept);
    bytes_finish(&c->seen);
}

static void frame(uint8_t first, struct span payload, struct bytes *out)
{
    frame_append_header(first, payload.len, out);
    bytes_append_span(out, payload);
}

static void test_streams(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        const char *seen;
        size_t dropped;
    } cases[] = {
        {"audio", SPAN("\x82\x05\x95\x00\x03\xa1x"), "2:5:\x95", 0},
        {"text that is no JSON", SPAN("\x81\x02hi\x81\x00"), "1:2:hi;1:0:;", 0},
        {"an update in between",
         SPAN("\x81\x01"
              "a\x82\x03\x95\x00\x1f\x81\x01"
              "b"),
         "1:1:a;1:1:b;", 1},
        {"an update in fragments", SPAN("\x02\x03\x95\x00\x1f\x00\x01x\x80\x01y\x81\x01z"), "1:1:z;", 1},
        {"as JSON", SPAN("\x81\x06[0,31,\x81\x06[0,36,\x81\x07[0, 35]\x81\x04[0,3"), "1:6:[0,36,;1:4:[0,3;",
         2},
        {"controls within a message",
         SPAN("\x01\x01"
              "a\x89\x01p\x8a\x00\x80\x01"
              "b\x88\x02\x03\xe8"),
         "<9:1><10:0>1:2:ab;<8:2>", 0},
        {"a first fragment that does not tell passes", SPAN("\x02\x01\x95\x80\x02\x00\x1f"), "2:3:\x95", 0},
        {"an empty first fragment", SPAN("\x02\x00\x80\x03\x95\x00\x1f"), "2:3:\x95", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t step = 1; step <= cases[i].input.len; step++) {
            struct client c = begin(true);
            for (size_t at = 0; at < cases[i].input.len; at += step) {
                size_t left = cases[i].input.len - at;
                come(&c, (struct span){cases[i].input.data + at, left < step ? left : step});
            }
            if (strncmp(bytes_text(&c.seen), cases[i].seen, strlen(cases[i].seen)) != 0)
                fail_msg("%s, %zu at a time: %s", cases[i].name, step, c.seen.data);
            expect_int(cases[i].name, (int64_t)c.dropped, (int64_t)cases[i].dropped);
            expect_int(cases[i].name, c.last, RELAY_DOWN_MORE);
            finish(&c);
        }
    }
}

static void test_faults(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        enum relay_down_result result;
    } cases[] = {
        {"a mask", SPAN("\x82\x81"), RELAY_DOWN_BROKEN},
        {"a reserved bit", SPAN("\xc2\x01"), RELAY_DOWN_BROKEN},
        {"a continuation of nothing", SPAN("\x80\x01x"), RELAY_DOWN_BROKEN},
        {"a message within a message", SPAN("\x02\x01x\x82\x01y"), RELAY_DOWN_BROKEN},
        {"a ping in fragments", SPAN("\x09\x01x"), RELAY_DOWN_BROKEN},
        {"a length that is not minimal", SPAN("\x82\x7e\x00\x05"), RELAY_DOWN_BROKEN},
        {"too big", SPAN("\x82\x7f\x00\x00\x00\x00\x00\x01\x86\xa1"), RELAY_DOWN_TOO_BIG},
        {"2^62", SPAN("\x82\x7f\x40\x00\x00\x00\x00\x00\x00\x00"), RELAY_DOWN_TOO_BIG},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct client c = begin(true);
        come(&c, cases[i].input);
        expect_int(cases[i].name, c.last, cases[i].result);
        finish(&c);
    }
    struct client c = begin(true);
    bytes_auto input = BYTES_INIT, half = BYTES_INIT;
    while (half.len < MESSAGE_MAX / 2 + 1)
        bytes_append_char(&half, 'x');
    frame(FRAME_TEXT, bytes_span(&half), &input);
    frame(FRAME_FIN, bytes_span(&half), &input);
    come(&c, bytes_span(&input));
    expect_int("too big in fragments", c.last, RELAY_DOWN_TOO_BIG);
    finish(&c);
}

/* A frame that is longer than what is waited for goes on as it comes; a short one is never cut. */
static void test_long_frames(void **state)
{
    static const size_t sizes[] = {200, RELAY_DOWN_HOLD - 4, RELAY_DOWN_HOLD - 3, 70000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct client c = begin(true);
        bytes_auto payload = BYTES_INIT, input = BYTES_INIT;
        while (payload.len < sizes[i])
            bytes_append_char(&payload, 'x');
        frame(FRAME_FIN | FRAME_BINARY, bytes_span(&payload), &input);
        for (size_t at = 0; at < input.len; at += 100)
            come(&c, (struct span){input.data + at, input.len - at < 100 ? input.len - at : 100});
        bool cut = sizes[i] + 4 > RELAY_DOWN_HOLD;
        expect_int("in fragments", c.fragments > 1, cut);
        expect_int("as it came", (int64_t)c.frames, !cut);
        assert_false(relay_down_in_message(&c.down));
        finish(&c);
    }
}

static void test_in_message(void **state)
{
    struct client c = begin(true);
    bytes_auto payload = BYTES_INIT, input = BYTES_INIT;
    while (payload.len < 9000)
        bytes_append_char(&payload, 'x');
    frame(FRAME_FIN | FRAME_BINARY, bytes_span(&payload), &input);
    come(&c, (struct span){input.data, 5000});
    assert_true(relay_down_in_message(&c.down));
    come(&c, (struct span){input.data + 5000, input.len - 5000});
    assert_false(relay_down_in_message(&c.down));
    come(&c, SPAN("\x02\x04\x95\x00\x03x"));
    assert_true(relay_down_in_message(&c.down));
    come(&c, SPAN("\x80\x00\x02\x03\x95\x00\x1e"));
    assert_false(relay_down_in_message(&c.down)); /* what is left out is no message of the client's */
    finish(&c);
}

static void test_without_filter(void **state)
{
    struct client c = begin(false);
    come(&c, SPAN("\x82\x03\x95\x00\x1f"));
    assert_int_equal(c.frames, 1);
    assert_int_equal(c.dropped, 0);
    finish(&c);
}

/* Messages of all lengths and cuts come out as they went in, but for presence's. */
static void test_random_streams(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct client c = begin(true);
        struct rng rng;
        bytes_auto input = BYTES_INIT, expected = BYTES_INIT;
        rng_init(&rng, seed);
        for (int message = 0; message < 20; message++) {
            bytes_auto payload = BYTES_INIT;
            bool ours = rng_below(&rng, 4) == 0;
            size_t len = rng_below(&rng, rng_below(&rng, 5) ? 300 : 30000), at = 0;
            bytes_append(&payload, ours ? "\x95\x00\x1f" : "\x95\x00\x03", 3);
            while (payload.len < len)
                bytes_append_char(&payload, (char)payload.len);
            do {
                size_t part = 3 + rng_below(&rng, payload.len);
                struct span piece = {payload.data + at, part < payload.len - at ? part : payload.len - at};
                at += piece.len;
                frame((uint8_t)((at == payload.len ? FRAME_FIN : 0) | (at == piece.len ? FRAME_BINARY : 0)),
                      piece, &input);
            } while (at < payload.len);
            struct ws_event e = {.opcode = FRAME_BINARY, .payload = bytes_span(&payload)};
            struct client told = {.seen = expected};
            if (!ours)
                note(&told, &e);
            expected = told.seen;
        }
        for (size_t at = 0; at < input.len;) {
            size_t part = 1 + rng_below(&rng, 9000);
            part = part < input.len - at ? part : input.len - at;
            come(&c, (struct span){input.data + at, part});
            at += part;
        }
        if (!span_equal(bytes_span(&c.seen), bytes_span(&expected)))
            fail_msg("seed %d", (int)seed);
        finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_long_frames),    cmocka_unit_test(test_in_message),
        cmocka_unit_test(test_without_filter), cmocka_unit_test(test_random_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
