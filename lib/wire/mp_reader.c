/* SPDX-License-Identifier: MIT */
#include "wire/mp_reader.h"

#include "wire/integer.h"

#include <string.h>

void mp_reader_init(struct mp_reader *c, struct span data, size_t budget)
{
    c->at = (const uint8_t *)(data.len ? data.data : "");
    c->end = c->at + data.len;
    c->budget = budget;
}

size_t mp_reader_left(const struct mp_reader *c)
{
    return (size_t)(c->end - c->at);
}

static uint64_t big_endian(const uint8_t *at, unsigned width)
{
    uint64_t value = 0;
    while (width--)
        value = value << 8 | *at++;
    return value;
}

/* The formats from 0xc0 to 0xdf: how many bytes of a number follow. In STR, BIN and EXT it is the body's length,
 * in ARRAY and MAP the count. */
static const struct format {
    uint8_t kind, width;
} formats[32] = {
    [0x00] = {MP_READER_NIL, 0},    [0x02] = {MP_READER_BOOL, 0},   [0x03] = {MP_READER_BOOL, 0},
    [0x04] = {MP_READER_BIN, 1},    [0x05] = {MP_READER_BIN, 2},    [0x06] = {MP_READER_BIN, 4},
    [0x07] = {MP_READER_EXT, 1},    [0x08] = {MP_READER_EXT, 2},    [0x09] = {MP_READER_EXT, 4},
    [0x0a] = {MP_READER_FLOAT, 4},  [0x0b] = {MP_READER_FLOAT, 8},  [0x0c] = {MP_READER_UINT64, 1},
    [0x0d] = {MP_READER_UINT64, 2}, [0x0e] = {MP_READER_UINT64, 4}, [0x0f] = {MP_READER_UINT64, 8},
    [0x10] = {MP_READER_INT, 1},    [0x11] = {MP_READER_INT, 2},    [0x12] = {MP_READER_INT, 4},
    [0x13] = {MP_READER_INT, 8},    [0x14] = {MP_READER_EXT, 0},    [0x15] = {MP_READER_EXT, 0},
    [0x16] = {MP_READER_EXT, 0},    [0x17] = {MP_READER_EXT, 0},    [0x18] = {MP_READER_EXT, 0},
    [0x19] = {MP_READER_STR, 1},    [0x1a] = {MP_READER_STR, 2},    [0x1b] = {MP_READER_STR, 4},
    [0x1c] = {MP_READER_ARRAY, 2},  [0x1d] = {MP_READER_ARRAY, 4},  [0x1e] = {MP_READER_MAP, 2},
    [0x1f] = {MP_READER_MAP, 4},
};

static double real_of_bits(uint64_t bits, unsigned width)
{
    uint32_t half = (uint32_t)bits;
    float single;
    double real;
    memcpy(&single, &half, sizeof(single));
    memcpy(&real, &bits, sizeof(real));
    return width == 4 ? (double)single : real;
}

static enum mp_reader_result take_body(struct mp_reader *c, enum mp_reader_kind kind, size_t len,
                                       struct mp_reader_value *v)
{
    if (mp_reader_left(c) < len)
        return MP_READER_SHORT;
    v->kind = kind;
    v->text = (struct span){(const char *)c->at, len};
    c->at += len;
    return MP_READER_OK;
}

static enum mp_reader_result take_container(enum mp_reader_kind kind, uint64_t count,
                                            struct mp_reader_value *v)
{
    v->kind = kind;
    v->count = (uint32_t)count;
    return MP_READER_OK;
}

static enum mp_reader_result take_tagged(struct mp_reader *c, uint8_t tag, struct mp_reader_value *v)
{
    const struct format f = formats[tag - 0xc0];
    unsigned unused_bits = 64 - 8 * f.width;
    if (tag == 0xc1) /* never used */
        return MP_READER_BAD;
    if (mp_reader_left(c) < f.width)
        return MP_READER_SHORT;
    uint64_t bits = big_endian(c->at, f.width);
    c->at += f.width;
    v->kind = f.kind;
    switch (f.kind) {
    case MP_READER_BOOL: v->number = tag & 1; return MP_READER_OK;
    case MP_READER_INT: v->number = (int64_t)(bits << unused_bits) >> unused_bits; return MP_READER_OK;
    case MP_READER_UINT64:
        v->kind = bits > INT64_MAX ? MP_READER_UINT64 : MP_READER_INT;
        v->number = (int64_t)bits;
        return MP_READER_OK;
    case MP_READER_FLOAT: v->real = real_of_bits(bits, f.width); return MP_READER_OK;
    case MP_READER_EXT:
        if (mp_reader_left(c) < 1)
            return MP_READER_SHORT;
        v->number = (int8_t)*c->at++;
        return take_body(c, MP_READER_EXT, f.width ? bits : (size_t)1 << (tag - 0xd4), v);
    case MP_READER_STR:
    case MP_READER_BIN: return take_body(c, f.kind, bits, v);
    case MP_READER_ARRAY:
    case MP_READER_MAP: return take_container(f.kind, bits, v);
    default: return MP_READER_OK;
    }
}

enum mp_reader_result mp_reader_head(struct mp_reader *c, struct mp_reader_value *ret)
{
    uint8_t tag;
    if (c->budget == 0)
        return MP_READER_BAD;
    if (c->at == c->end)
        return MP_READER_SHORT;
    c->budget--;
    tag = *c->at++;
    if (tag < 0x80 || tag >= 0xe0) {
        ret->kind = MP_READER_INT;
        ret->number = (int8_t)tag;
        return MP_READER_OK;
    }
    if (tag < 0x90)
        return take_container(MP_READER_MAP, tag & 0x0f, ret);
    if (tag < 0xa0)
        return take_container(MP_READER_ARRAY, tag & 0x0f, ret);
    if (tag < 0xc0)
        return take_body(c, MP_READER_STR, tag & 0x1f, ret);
    return take_tagged(c, tag, ret);
}

static size_t children(const struct mp_reader_value *v)
{
    if (v->kind == MP_READER_ARRAY)
        return v->count;
    return v->kind == MP_READER_MAP ? 2 * (size_t)v->count : 0;
}

/* Each element takes a byte at least, so a count above the bytes left can't be true. */
enum mp_reader_result mp_reader_next(struct mp_reader *c, struct mp_reader_value *ret)
{
    enum mp_reader_result result = mp_reader_head(c, ret);
    return result == MP_READER_OK && mp_reader_left(c) < children(ret) ? MP_READER_SHORT : result;
}

/* Counted and not nested: 2^33 children a byte don't overflow the sum of any message. */
enum mp_reader_result mp_reader_pass(struct mp_reader *c)
{
    uint64_t left = 1; /* values still to come */
    struct mp_reader_value v;
    while (left > 0) {
        enum mp_reader_result result = mp_reader_head(c, &v);

        if (result != MP_READER_OK)
            return result;
        left = left - 1 + children(&v);
    }
    return MP_READER_OK;
}

enum mp_reader_result mp_reader_skip(struct mp_reader *c, unsigned depth)
{
    size_t open[MP_READER_DEPTH_MAX]; /* values still to come on each level */
    unsigned level = 0;
    struct mp_reader_value v;
    do {
        enum mp_reader_result result = mp_reader_next(c, &v);

        if (result != MP_READER_OK)
            return result;
        if (v.kind >= MP_READER_ARRAY) {
            if (level == depth || level == MP_READER_DEPTH_MAX)
                return MP_READER_BAD;
            open[level++] = children(&v);
        }
        while (level > 0 && open[level - 1] == 0)
            level--;
        if (level > 0)
            open[level - 1]--;
        else
            break;
    } while (true);
    return MP_READER_OK;
}

bool mp_reader_is_nothing(const struct mp_reader_value *v)
{
    return v->kind == MP_READER_NIL ||
           (v->kind == MP_READER_EXT && v->number == 0 && v->text.len == 1 && v->text.data[0] == 0);
}

bool mp_reader_integer(const struct mp_reader_value *v, int64_t *ret)
{
    if (v->kind == MP_READER_FLOAT)
        return integer_of_real(v->real, ret);
    if (v->kind != MP_READER_INT)
        return false;
    *ret = v->number;
    return true;
}

bool mp_reader_is_text(const struct mp_reader_value *v, struct span text)
{
    return v->kind == MP_READER_STR && v->text.len == text.len &&
           memcmp(v->text.data, text.data, text.len) == 0;
}
