/* SPDX-License-Identifier: MIT */
#include "relay/relay_up.h"

#include <string.h>

void relay_up_finish(struct relay_up *u)
{
    bytes_finish(&u->out);
}

static void next_mask(struct rng *masks, uint8_t ret[FRAME_MASK_SIZE])
{
    uint64_t number = rng_next(masks);
    memcpy(ret, &number, FRAME_MASK_SIZE);
}

static void begin_fragment(struct relay_up *u, bool binary, uint64_t size, struct rng *masks)
{
    uint8_t opcode = u->in_message ? FRAME_CONTINUATION : binary ? FRAME_BINARY : FRAME_TEXT;
    u->fragment_size = u->fragment_left = (uint32_t)(size < RELAY_UP_FRAGMENT ? size : RELAY_UP_FRAGMENT);
    u->in_message = true;
    next_mask(masks, u->mask);
    frame_append_header_masked(opcode, u->fragment_size, u->mask, &u->out);
}

static void end_fragment(struct relay_up *u, bool final)
{
    if (final)
        u->out.data[u->whole] |= (char)FRAME_FIN;
    u->in_message = !final;
    u->whole = u->out.len;
    u->fragment_size = 0;
}

void relay_up_put(struct relay_up *u, bool binary, struct span piece, uint64_t remaining, bool final,
                  struct rng *masks)
{
    if (piece.len == 0 && final) {
        begin_fragment(u, binary, 0, masks);
        end_fragment(u, true);
    }
    while (piece.len > 0) {
        if (u->fragment_size == 0)
            begin_fragment(u, binary, piece.len + remaining, masks);
        struct span part = {piece.data, piece.len < u->fragment_left ? piece.len : u->fragment_left};
        frame_mask(part, u->mask, u->fragment_size - u->fragment_left, &u->out);
        u->fragment_left -= (uint32_t)part.len;
        piece.data += part.len;
        piece.len -= part.len;
        if (u->fragment_left == 0)
            end_fragment(u, final && piece.len == 0);
    }
}

void relay_up_control(struct relay_up *u, uint8_t opcode, struct span payload, struct rng *masks)
{
    uint8_t mask[FRAME_MASK_SIZE];
    bytes_auto frame = BYTES_INIT;
    next_mask(masks, mask);
    frame_append_header_masked(FRAME_FIN | opcode, payload.len, mask, &frame);
    frame_mask(payload, mask, 0, &frame);
    bytes_reserve(&u->out, frame.len);
    memmove(u->out.data + u->whole + frame.len, u->out.data + u->whole, u->out.len - u->whole);
    memcpy(u->out.data + u->whole, frame.data, frame.len);
    u->out.len += frame.len;
    u->whole += frame.len;
}

void relay_up_cut(struct relay_up *u)
{
    u->out.len = u->whole;
    u->fragment_size = 0;
}

void relay_up_sent(struct relay_up *u, size_t len)
{
    u->whole -= len;
    if (len < u->out.len)
        bytes_consume(&u->out, len);
    else
        bytes_finish(&u->out); /* ten thousand phones that say nothing hold nothing */
}
