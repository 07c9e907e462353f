/* SPDX-License-Identifier: MIT */
#include "ws_frame.h"
#include "base/utf8.h"

#include <string.h>

void ws_frame_write(enum frame_opcode opcode, struct span payload, const uint8_t mask[4], struct bytes *out)
{
    frame_append_header_masked((uint8_t)(FRAME_FIN | opcode), payload.len, mask, out);
    frame_mask(payload, mask, 0, out);
}

void ws_close_payload(unsigned code, const char *reason, struct bytes *out)
{
    size_t len = reason ? strlen(reason) : 0;
    bytes_append_char(out, (char)(code >> 8));
    bytes_append_char(out, (char)code);
    bytes_append(out, reason, len < FRAME_CONTROL_MAX - 2 ? len : FRAME_CONTROL_MAX - 2);
}

static int close_event(struct span payload, struct ws_event *ret)
{
    if (payload.len == 1)
        return -1002;
    if (!payload.len) {
        *ret = (struct ws_event){.opcode = FRAME_CLOSE, .close_code = 1005};
        return 1;
    }
    struct span reason = {payload.data + 2, payload.len - 2};
    if (!utf8_valid(reason))
        return -1007;
    unsigned code = (unsigned)((uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1]);
    *ret = (struct ws_event){.opcode = FRAME_CLOSE, .payload = reason, .close_code = code};
    return 1;
}

static int message_event(enum frame_opcode opcode, struct span payload, struct ws_event *ret)
{
    if (opcode == FRAME_TEXT && !utf8_valid(payload))
        return -1007;
    *ret = (struct ws_event){.opcode = opcode, .payload = payload};
    return 1;
}

static int fragment(struct ws_reader *r, bool final, struct span payload, struct ws_event *ret)
{
    bytes_append_span(&r->message, payload);
    if (!final)
        return 0;
    enum frame_opcode opcode = r->opcode;
    r->opcode = FRAME_CONTINUATION;
    r->message_used = true;
    return message_event(opcode, bytes_span(&r->message), ret);
}

/* 1: *ret is filled; 0: a fragment was put aside. */
static int take_frame(struct ws_reader *r, uint8_t first, struct span payload, struct ws_event *ret)
{
    enum frame_opcode opcode = first & 0x0f;
    bool final = first & 0x80;
    if (opcode == FRAME_CLOSE)
        return close_event(payload, ret);
    if (opcode == FRAME_PING || opcode == FRAME_PONG) {
        *ret = (struct ws_event){.opcode = opcode, .payload = payload};
        return 1;
    }
    if ((opcode == FRAME_CONTINUATION) == (r->opcode == FRAME_CONTINUATION))
        return -1002;
    if (opcode == FRAME_CONTINUATION)
        return fragment(r, final, payload, ret);
    if (final)
        return message_event(opcode, payload, ret);
    r->opcode = opcode;
    return fragment(r, false, payload, ret);
}

static void forget_used(struct ws_reader *r)
{
    /* An idle connection keeps no buffer: 15,000 of them are held at once. */
    if (r->cut_used)
        bytes_finish(&r->cut);
    if (r->message_used)
        bytes_finish(&r->message);
    r->cut_used = r->message_used = false;
}

static void move_to_cut(struct ws_reader *r, struct span *input, size_t len)
{
    if (len > input->len)
        len = input->len;
    bytes_append(&r->cut, input->data, len);
    input->data += len;
    input->len -= len;
}

static bool too_long(const struct ws_reader *r, const struct frame_head *f)
{
    return !frame_is_control(f->first) && f->payload > r->message_max - r->message.len;
}

/* One frame out of what was cut before and the input: as frame_head_read, with *ret_payload. */
static int next_frame(struct ws_reader *r, struct span *input, struct frame_head *ret,
                      struct span *ret_payload)
{
    if (r->cut.len < FRAME_HEADER_MAX && r->cut.len)
        move_to_cut(r, input, FRAME_HEADER_MAX - r->cut.len);
    struct span head = r->cut.len ? bytes_span(&r->cut) : *input;
    int result = frame_head_read(head, ret);
    if (result < 0)
        return -1002;
    if (result && too_long(r, ret))
        return -1009;
    if (!result || head.len < ret->length + ret->payload) {
        size_t whole = result ? ret->length + (size_t)ret->payload : FRAME_HEADER_MAX;
        move_to_cut(r, input, whole > r->cut.len ? whole - r->cut.len : 0);
        if (!result || r->cut.len < whole)
            return 0;
        head = bytes_span(&r->cut);
    }
    *ret_payload = (struct span){head.data + ret->length, (size_t)ret->payload};
    return 1;
}

/* The header's bytes may have taken the start of the frames behind it along. */
static void after_frame(struct ws_reader *r, struct span *input, size_t whole)
{
    if (!r->cut.len) {
        input->data += whole;
        input->len -= whole;
        return;
    }
    size_t extra = r->cut.len - whole;
    input->data -= extra;
    input->len += extra;
    r->cut_used = true;
}

int ws_reader_next(struct ws_reader *r, struct span *input, struct ws_event *ret)
{
    for (;;) {
        struct frame_head f;
        struct span payload;
        forget_used(r);
        if (!input->len)
            return 0;
        int result = next_frame(r, input, &f, &payload);
        if (result <= 0)
            return result;
        after_frame(r, input, f.length + (size_t)f.payload);
        result = take_frame(r, f.first, payload, ret);
        if (result)
            return result;
    }
}

void ws_reader_finish(struct ws_reader *r)
{
    bytes_finish(&r->message);
    bytes_finish(&r->cut);
}
