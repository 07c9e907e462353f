/* SPDX-License-Identifier: MIT */
#include "relay/relay_up.h"
#include "support/cases.h"

/* The frames in the queue: opcode with FIN, length, and the payload without its mask. */
static void read_frames(struct span data, struct bytes *out, struct bytes *payload)
{
    while (data.len > 0) {
        struct frame_head head;
        bytes_auto plain = BYTES_INIT;
        assert_true(data.len >= 2 && (uint8_t)data.data[1] & 0x80);
        bytes_append_span(&plain, data);
        plain.data[1] &= 0x7f;
        assert_int_equal(frame_head_read(bytes_span(&plain), &head), 1);
        const uint8_t *mask = (const uint8_t *)data.data + head.length;
        struct span masked = {data.data + head.length + FRAME_MASK_SIZE, (size_t)head.payload};
        assert_true(masked.len + head.length + FRAME_MASK_SIZE <= data.len);
        bytes_printf(out, "%02x:%zu;", head.first, masked.len);
        frame_mask(masked, mask, 0, payload);
        data.len -= head.length + FRAME_MASK_SIZE + masked.len;
        data.data = masked.data + masked.len;
    }
}

static void expect_frames(const char *what, struct relay_up *u, const char *frames, struct span payload)
{
    bytes_auto out = BYTES_INIT, text = BYTES_INIT;
    read_frames((struct span){u->out.data, u->whole}, &out, &text);
    if (strcmp(bytes_text(&out), frames) != 0)
        fail_msg("%s: %s", what, out.data);
    expect_span(what, bytes_span(&text), payload);
}

static void test_frames(void **state)
{
    struct rng rng;
    struct relay_up u = {0};
    rng_init(&rng, 1);
    relay_up_put(&u, true, SPAN("hello "), 5, false, &rng);
    assert_int_equal(u.whole, 0);
    relay_up_put(&u, true, SPAN("world"), 0, true, &rng);
    expect_frames("one frame in two pieces", &u, "82:11;", SPAN("hello world"));
    relay_up_put(&u, false, SPAN("a"), 0, false, &rng);
    relay_up_put(&u, false, SPAN_NONE, 0, false, &rng);
    relay_up_put(&u, false, SPAN("b"), 0, false, &rng);
    relay_up_put(&u, false, SPAN_NONE, 0, true, &rng);
    expect_frames("fragments, the last one empty", &u, "82:11;01:1;00:1;80:0;", SPAN("hello worldab"));
    relay_up_sent(&u, u.whole);
    relay_up_put(&u, true, SPAN_NONE, 0, true, &rng);
    expect_frames("an empty message", &u, "82:0;", SPAN(""));
    relay_up_finish(&u);
}

static void test_long_frames(void **state)
{
    struct rng rng;
    struct relay_up u = {0};
    bytes_auto message = BYTES_INIT;
    const size_t size = 2 * RELAY_UP_FRAGMENT + 1000;
    rng_init(&rng, 1);
    while (message.len < size)
        bytes_append_char(&message, (char)(message.len * 7));
    for (size_t at = 0; at < size; at += 128) {
        size_t len = size - at < 128 ? size - at : 128;
        relay_up_put(&u, true, (struct span){message.data + at, len}, size - at - len, at + len == size,
                     &rng);
    }
    expect_frames("a long frame", &u, "02:16384;00:16384;80:1000;", bytes_span(&message));
    relay_up_finish(&u);
}

static void test_controls_come_between(void **state)
{
    struct rng rng;
    struct relay_up u = {0};
    rng_init(&rng, 1);
    relay_up_put(&u, true, SPAN("half "), 4, false, &rng);
    relay_up_control(&u, FRAME_PONG, SPAN("p"), &rng);
    expect_frames("before the frame that grows", &u, "8a:1;", SPAN("p"));
    relay_up_sent(&u, 3);
    relay_up_sent(&u, u.whole);
    relay_up_put(&u, true, SPAN("done"), 0, true, &rng);
    expect_frames("and that grows on", &u, "82:9;", SPAN("half done"));
    relay_up_put(&u, true, SPAN("never"), 4, false, &rng);
    relay_up_cut(&u);
    relay_up_control(&u, FRAME_CLOSE, SPAN("\x03\xe8"), &rng);
    expect_frames("or is left out", &u, "82:9;88:2;", SPAN("half done\x03\xe8"));
    relay_up_finish(&u);
}

static void test_masks_differ(void **state)
{
    struct rng rng;
    struct relay_up u = {0};
    rng_init(&rng, 1);
    relay_up_put(&u, true, SPAN("same"), 0, true, &rng);
    relay_up_put(&u, true, SPAN("same"), 0, true, &rng);
    assert_int_equal(u.whole, 20);
    assert_memory_not_equal(u.out.data + 2, u.out.data + 12, 4);
    relay_up_finish(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_long_frames),
        cmocka_unit_test(test_controls_come_between),
        cmocka_unit_test(test_masks_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
