/* SPDX-License-Identifier: MIT */
#include "relay/relay_down.h"

static struct span take(struct span *input, uint64_t most)
{
    struct span taken = {input->data, most < input->len ? (size_t)most : input->len};
    input->data += taken.len;
    input->len -= taken.len;
    return taken;
}

static bool begins_message(const struct frame_head *frame)
{
    return (frame->first & 0x0f) != FRAME_CONTINUATION;
}

static enum message_result peek(const struct frame_head *frame, struct span payload, int64_t *ret_type)
{
    enum encoding encoding = (frame->first & 0x0f) == FRAME_TEXT ? ENCODING_JSON : ENCODING_MSGPACK;
    bool whole = payload.len == frame->payload;
    enum message_result result =
        message_peek_type(encoding, payload, whole && frame->first & FRAME_FIN, ret_type);
    /* A message that is cut within its first bytes is a stranger's. */
    return result == MESSAGE_MORE && whole ? MESSAGE_OTHER : result;
}

/* Of a frame of data: FRAMES: it is whole, and passes; FRAGMENT: it passes as it comes; DROPPED: it does not. */
static enum relay_down_result judge_data(const struct relay_down *d, const struct frame_head *frame,
                                         struct span payload)
{
    bool begins = begins_message(frame), whole = payload.len >= frame->payload, dropped = d->dropping;
    if (begins == d->in_message)
        return RELAY_DOWN_BROKEN;
    if (frame->payload > d->message_max - (begins ? 0 : d->size))
        return RELAY_DOWN_TOO_BIG;
    if (whole)
        payload.len = (size_t)frame->payload;
    if (begins && d->filters) {
        int64_t type;
        enum message_result result = peek(frame, payload, &type);
        if (result == MESSAGE_MORE)
            return RELAY_DOWN_MORE;
        dropped = result == MESSAGE_OK && message_is_presence(type);
    } else if (begins) {
        dropped = false;
    }
    if (dropped)
        return RELAY_DOWN_DROPPED;
    if (whole)
        return RELAY_DOWN_FRAMES;
    return frame->length + frame->payload <= RELAY_DOWN_HOLD ? RELAY_DOWN_MORE : RELAY_DOWN_FRAGMENT;
}

/* What is to be done with the frame at the front. */
static enum relay_down_result judge(const struct relay_down *d, struct span rest, struct frame_head *frame)
{
    int result = frame_head_read(rest, frame);
    if (result <= 0)
        return result < 0 ? RELAY_DOWN_BROKEN : RELAY_DOWN_MORE;
    if (!frame_is_control(frame->first))
        return judge_data(d, frame, (struct span){rest.data + frame->length, rest.len - frame->length});
    return rest.len < frame->length + frame->payload ? RELAY_DOWN_MORE : RELAY_DOWN_CONTROL;
}

/* The frame becomes part of its message. */
static void enter(struct relay_down *d, const struct frame_head *frame, bool dropping)
{
    d->size = frame->payload + (begins_message(frame) ? 0 : d->size);
    d->final = frame->first & FRAME_FIN;
    d->in_message = !d->final;
    d->dropping = dropping;
}

/* The whole frames that stand at the front and pass. */
static size_t run_of_frames(struct relay_down *d, struct span input)
{
    struct span rest = input;
    struct frame_head frame;
    while (judge(d, rest, &frame) == RELAY_DOWN_FRAMES) {
        enter(d, &frame, false);
        take(&rest, frame.length + frame.payload);
    }
    return input.len - rest.len;
}

static enum relay_down_result take_part(struct relay_down *d, struct span *input, struct relay_piece *ret)
{
    ret->bytes = take(input, d->left);
    d->left -= ret->bytes.len;
    ret->first = d->opcode | (d->left == 0 && d->final ? FRAME_FIN : 0);
    d->opcode = FRAME_CONTINUATION;
    return RELAY_DOWN_FRAGMENT;
}

enum relay_down_result relay_down_next(struct relay_down *d, struct span *input, struct relay_piece *ret)
{
    for (;;) {
        struct frame_head frame;
        if (d->left > 0 && input->len == 0)
            return RELAY_DOWN_MORE;
        if (d->left > 0 && !d->dropping)
            return take_part(d, input, ret);
        d->left -= take(input, d->left).len;
        if (d->left > 0)
            return RELAY_DOWN_MORE;
        ret->bytes = take(input, run_of_frames(d, *input));
        if (ret->bytes.len > 0)
            return RELAY_DOWN_FRAMES;
        enum relay_down_result result = judge(d, *input, &frame);
        if (result == RELAY_DOWN_CONTROL) {
            take(input, frame.length);
            *ret = (struct relay_piece){frame.first, take(input, frame.payload)};
            return result;
        }
        if (result != RELAY_DOWN_FRAGMENT && result != RELAY_DOWN_DROPPED)
            return result;
        enter(d, &frame, result == RELAY_DOWN_DROPPED);
        d->opcode = frame.first & 0x0f;
        d->left = frame.payload;
        take(input, frame.length);
        if (result == RELAY_DOWN_DROPPED && begins_message(&frame))
            return result;
    }
}

bool relay_down_in_message(const struct relay_down *d)
{
    return (d->in_message || d->left > 0) && !d->dropping;
}
