/* SPDX-License-Identifier: MIT */
/* What passes presence-ws between a client and its upstream: frames of the upstream in any pieces, and pieces of the client's
 * messages. The first byte says how they are cut. */
#include "presence-sim/ws_frame.h"
#include "relay/relay_down.h"
#include "relay/relay_up.h"

#include <stdlib.h>

#define MESSAGE_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* The client's end of what was passed on. */
struct reader {
    struct ws_reader frames;
    struct bytes seen;
    int fault; /* text that is no UTF-8 passes, and is the client's to refuse */
};

static void client_reads(struct reader *r, struct span frames)
{
    struct ws_event e;
    while (r->fault == 0 && (r->fault = ws_reader_next(&r->frames, &frames, &e)) > 0) {
        r->fault = 0;
        bytes_printf(&r->seen, "%d %zu ", (int)e.opcode, e.payload.len);
        bytes_append_span(&r->seen, e.payload);
    }
}

static void client_reads_fragment(struct reader *r, const struct relay_piece *piece)
{
    bytes_auto frame = BYTES_INIT;
    frame_append_header(piece->first, piece->bytes.len, &frame);
    bytes_append_span(&frame, piece->bytes);
    client_reads(r, bytes_span(&frame));
}

/* All that a client sees of the bytes, in pieces of `step`; returns the last result. */
static enum relay_down_result pass_down(struct span input, size_t step, bool filters, struct reader *r)
{
    struct relay_down d = {.message_max = MESSAGE_MAX, .filters = filters};
    enum relay_down_result result = RELAY_DOWN_MORE;
    bytes_auto kept = BYTES_INIT;
    while (input.len > 0 && result == RELAY_DOWN_MORE) {
        size_t len = input.len < step ? input.len : step;
        bytes_append(&kept, input.data, len);
        input.data += len;
        input.len -= len;
        struct span rest = bytes_span(&kept);
        do {
            struct relay_piece piece;
            result = relay_down_next(&d, &rest, &piece);
            if (result == RELAY_DOWN_FRAMES)
                client_reads(r, piece.bytes);
            else if (result == RELAY_DOWN_FRAGMENT)
                client_reads_fragment(r, &piece);
            else if (result == RELAY_DOWN_CONTROL)
                need(piece.bytes.len <= FRAME_CONTROL_MAX && frame_is_control(piece.first));
        } while (result != RELAY_DOWN_MORE && result != RELAY_DOWN_BROKEN && result != RELAY_DOWN_TOO_BIG);
        need(result != RELAY_DOWN_MORE || rest.len <= RELAY_DOWN_HOLD);
        bytes_consume(&kept, kept.len - rest.len);
    }
    return result;
}

static void check_down(struct span input, size_t step, bool filters)
{
    struct reader whole = {.frames = {.message_max = MESSAGE_MAX}}, torn = whole;
    enum relay_down_result a = pass_down(input, input.len, filters, &whole),
                           b = pass_down(input, step, filters, &torn);
    need(a == b && whole.fault == torn.fault && span_equal(bytes_span(&whole.seen), bytes_span(&torn.seen)));
    need(whole.fault == 0 || whole.fault == -1007);
    ws_reader_finish(&whole.frames);
    ws_reader_finish(&torn.frames);
    bytes_finish(&whole.seen);
    bytes_finish(&torn.seen);
}

/* The payloads of the queue's frames, without their masks. */
static void unmask(struct span frames, struct bytes *out)
{
    while (frames.len > 0) {
        struct frame_head head;
        bytes_auto plain = BYTES_INIT;
        bytes_append_span(&plain, frames);
        plain.data[1] &= 0x7f;
        need(frame_head_read(bytes_span(&plain), &head) == 1);
        size_t whole = head.length + FRAME_MASK_SIZE + (size_t)head.payload;
        need(frames.data[1] & 0x80 && whole <= frames.len);
        struct span payload = {frames.data + whole - head.payload, (size_t)head.payload};
        frame_mask(payload, (const uint8_t *)frames.data + head.length, 0, out);
        frames.data += whole;
        frames.len -= whole;
    }
}

/* The input as one client's frames of `step` bytes, in pieces of 3. */
static void check_up(struct span input, size_t step)
{
    struct relay_up u = {0};
    struct rng masks;
    bytes_auto back = BYTES_INIT;
    rng_init(&masks, 1);
    for (size_t at = 0; at < input.len; at += 3) {
        size_t len = input.len - at < 3 ? input.len - at : 3, frame = step * 3;
        size_t frame_left = frame - at % frame,
               left = input.len - at < frame_left ? input.len - at : frame_left;
        relay_up_put(&u, true, (struct span){input.data + at, len}, left - len, at + len == input.len,
                     &masks);
        need(u.whole <= u.out.len);
    }
    need(u.whole == u.out.len);
    unmask((struct span){u.out.data, u.whole}, &back);
    need(span_equal(bytes_span(&back), input));
    relay_up_finish(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct span input = {(const char *)data + 1, size - 1};
    size_t step = 1 + (data[0] & 0x7f);
    check_down(input, step, data[0] & 0x80);
    check_up(input, step);
    return 0;
}
