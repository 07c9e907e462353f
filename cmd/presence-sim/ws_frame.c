/* SPDX-License-Identifier: MIT */
#include "ws_frame.h"
#include "base/utf8.h"

#include <string.h>

#define CONTROL_MAX 125

struct frame {
    uint8_t first;
    size_t header;
    uint64_t payload;
};

static void append_length(size_t len, struct bytes *out)
{
    if (len < 126) {
        bytes_append_char(out, (char)(0x80 | len));
        return;
    }
    size_t width = len < 65536 ? 2 : 8;
    bytes_append_char(out, (char)(0x80 | (width == 2 ? 126 : 127)));
    for (size_t i = width; i-- > 0;)
        bytes_append_char(out, (char)((uint64_t)len >> (8 * i)));
}

void ws_frame_write(enum ws_opcode opcode, struct span payload, const uint8_t mask[4], struct bytes *out)
{
    bytes_append_char(out, (char)(0x80 | opcode));
    append_length(payload.len, out);
    bytes_append(out, mask, 4);
    char *to = bytes_reserve(out, payload.len);
    for (size_t i = 0; i < payload.len; i++)
        to[i] = payload.data[i] ^ (char)mask[i & 3];
    out->len += payload.len;
}

void ws_close_payload(unsigned code, const char *reason, struct bytes *out)
{
    size_t len = reason ? strlen(reason) : 0;
    bytes_append_char(out, (char)(code >> 8));
    bytes_append_char(out, (char)code);
    bytes_append(out, reason, len < CONTROL_MAX - 2 ? len : CONTROL_MAX - 2);
}

static uint64_t read_big_endian(const uint8_t *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

/* 1: *ret is filled; 0: the header's rest is missing; -1002. */
static int frame_parse(const char *data, size_t len, struct frame *ret)
{
    const uint8_t *at = (const uint8_t *)data;
    if (len < 2)
        return 0;
    uint8_t opcode = at[0] & 0x0f, marker = at[1] & 0x7f;
    bool control = opcode & 0x08;
    if (at[0] & 0x70 || at[1] & 0x80 || opcode > WS_PONG || (opcode > WS_BINARY && !control))
        return -1002;
    if (control && (marker > CONTROL_MAX || !(at[0] & 0x80)))
        return -1002;
    size_t width = marker < 126 ? 0 : marker == 126 ? 2 : 8;
    if (len < 2 + width)
        return 0;
    uint64_t payload = width ? read_big_endian(at + 2, width) : marker;
    if ((width == 2 && payload < 126) || (width == 8 && (payload < 65536 || payload >> 63)))
        return -1002;
    *ret = (struct frame){.first = at[0], .header = 2 + width, .payload = payload};
    return 1;
}

static int close_event(struct span payload, struct ws_event *ret)
{
    if (payload.len == 1)
        return -1002;
    if (!payload.len) {
        *ret = (struct ws_event){.opcode = WS_CLOSE, .close_code = 1005};
        return 1;
    }
    struct span reason = {payload.data + 2, payload.len - 2};
    if (!utf8_valid(reason))
        return -1007;
    unsigned code = (unsigned)read_big_endian((const uint8_t *)payload.data, 2);
    *ret = (struct ws_event){.opcode = WS_CLOSE, .payload = reason, .close_code = code};
    return 1;
}

static int message_event(enum ws_opcode opcode, struct span payload, struct ws_event *ret)
{
    if (opcode == WS_TEXT && !utf8_valid(payload))
        return -1007;
    *ret = (struct ws_event){.opcode = opcode, .payload = payload};
    return 1;
}

static int fragment(struct ws_reader *r, bool final, struct span payload, struct ws_event *ret)
{
    bytes_append_span(&r->message, payload);
    if (!final)
        return 0;
    enum ws_opcode opcode = r->opcode;
    r->opcode = WS_CONTINUATION;
    r->message_used = true;
    return message_event(opcode, bytes_span(&r->message), ret);
}

/* 1: *ret is filled; 0: a fragment was put aside. */
static int take_frame(struct ws_reader *r, uint8_t first, struct span payload, struct ws_event *ret)
{
    enum ws_opcode opcode = first & 0x0f;
    bool final = first & 0x80;
    if (opcode == WS_CLOSE)
        return close_event(payload, ret);
    if (opcode == WS_PING || opcode == WS_PONG) {
        *ret = (struct ws_event){.opcode = opcode, .payload = payload};
        return 1;
    }
    if ((opcode == WS_CONTINUATION) == (r->opcode == WS_CONTINUATION))
        return -1002;
    if (opcode == WS_CONTINUATION)
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

static bool too_long(const struct ws_reader *r, const struct frame *f)
{
    return !(f->first & 0x08) && f->payload > r->message_max - r->message.len;
}

/* One frame out of what was cut before and the input: as frame_parse, with *ret_payload. */
static int next_frame(struct ws_reader *r, struct span *input, struct frame *ret, struct span *ret_payload)
{
    if (r->cut.len < 10 && r->cut.len)
        move_to_cut(r, input, 10 - r->cut.len);
    struct span head = r->cut.len ? bytes_span(&r->cut) : *input;
    int result = frame_parse(head.data, head.len, ret);
    if (result < 0)
        return result;
    if (result && too_long(r, ret))
        return -1009;
    if (!result || head.len < ret->header + ret->payload) {
        size_t whole = result ? ret->header + (size_t)ret->payload : 10;
        move_to_cut(r, input, whole > r->cut.len ? whole - r->cut.len : 0);
        if (!result || r->cut.len < whole)
            return 0;
        head = bytes_span(&r->cut);
    }
    *ret_payload = (struct span){head.data + ret->header, (size_t)ret->payload};
    return 1;
}

/* The header's ten bytes may have taken the start of the frames behind it along. */
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
        struct frame f;
        struct span payload;
        forget_used(r);
        if (!input->len)
            return 0;
        int result = next_frame(r, input, &f, &payload);
        if (result <= 0)
            return result;
        after_frame(r, input, f.header + (size_t)f.payload);
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
