#include "wire/cursor.h"

#include <string.h>

void cursor_init(struct cursor *c, struct span data, size_t budget)
{
    c->at = (const uint8_t *)(data.len ? data.data : "");
    c->end = c->at + data.len;
    c->budget = budget;
}

size_t cursor_left(const struct cursor *c)
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

/* `width` bytes of a number behind the first byte. */
static enum cursor_result take_number(struct cursor *c, unsigned width, uint64_t *ret)
{
    if (cursor_left(c) < width)
        return CURSOR_SHORT;
    *ret = big_endian(c->at, width);
    c->at += width;
    return CURSOR_OK;
}

static enum cursor_result take_unsigned(struct cursor *c, unsigned width, struct cursor_value *v)
{
    uint64_t bits;
    enum cursor_result result = take_number(c, width, &bits);

    if (result != CURSOR_OK)
        return result;
    v->kind = bits > INT64_MAX ? CURSOR_UINT64 : CURSOR_INT;
    v->number = (int64_t)bits;
    return CURSOR_OK;
}

static enum cursor_result take_signed(struct cursor *c, unsigned width, struct cursor_value *v)
{
    uint64_t bits;
    enum cursor_result result = take_number(c, width, &bits);

    if (result != CURSOR_OK)
        return result;
    v->kind = CURSOR_INT;
    if (width == 1)
        v->number = (int8_t)bits;
    else if (width == 2)
        v->number = (int16_t)bits;
    else if (width == 4)
        v->number = (int32_t)bits;
    else
        v->number = (int64_t)bits;
    return CURSOR_OK;
}

static enum cursor_result take_float(struct cursor *c, unsigned width, struct cursor_value *v)
{
    uint64_t bits;
    uint32_t half;
    float single;
    enum cursor_result result = take_number(c, width, &bits);

    if (result != CURSOR_OK)
        return result;
    v->kind = CURSOR_FLOAT;
    if (width == 8) {
        memcpy(&v->real, &bits, sizeof(v->real));
        return CURSOR_OK;
    }
    half = (uint32_t)bits;
    memcpy(&single, &half, sizeof(single));
    v->real = single;
    return CURSOR_OK;
}

static enum cursor_result take_body(struct cursor *c, enum cursor_kind kind, size_t len,
                                    struct cursor_value *v)
{
    if (cursor_left(c) < len)
        return CURSOR_SHORT;
    v->kind = kind;
    v->text = (struct span){(const char *)c->at, len};
    c->at += len;
    return CURSOR_OK;
}

static enum cursor_result take_sized_body(struct cursor *c, enum cursor_kind kind, unsigned width,
                                          struct cursor_value *v)
{
    uint64_t len;
    enum cursor_result result = take_number(c, width, &len);

    return result == CURSOR_OK ? take_body(c, kind, len, v) : result;
}

static enum cursor_result take_extension(struct cursor *c, size_t len, struct cursor_value *v)
{
    uint64_t type;
    enum cursor_result result = take_number(c, 1, &type);

    if (result != CURSOR_OK)
        return result;
    v->number = (int8_t)type;
    return take_body(c, CURSOR_EXT, len, v);
}

static enum cursor_result take_sized_extension(struct cursor *c, unsigned width, struct cursor_value *v)
{
    uint64_t len;
    enum cursor_result result = take_number(c, width, &len);

    return result == CURSOR_OK ? take_extension(c, len, v) : result;
}

/* Each element takes a byte at least, so a count above the bytes left can't be true. */
static enum cursor_result take_container(struct cursor *c, enum cursor_kind kind, uint64_t count,
                                         struct cursor_value *v)
{
    if (cursor_left(c) < (kind == CURSOR_MAP ? 2 * count : count))
        return CURSOR_SHORT;
    v->kind = kind;
    v->count = (uint32_t)count;
    return CURSOR_OK;
}

static enum cursor_result take_sized_container(struct cursor *c, enum cursor_kind kind, unsigned width,
                                               struct cursor_value *v)
{
    uint64_t count;
    enum cursor_result result = take_number(c, width, &count);

    return result == CURSOR_OK ? take_container(c, kind, count, v) : result;
}

/* The formats from 0xc0 to 0xdf, each with a first byte of its own. */
static enum cursor_result take_tagged(struct cursor *c, uint8_t tag, struct cursor_value *v)
{
    switch (tag) {
    case 0xc0: v->kind = CURSOR_NIL; return CURSOR_OK;
    case 0xc2:
    case 0xc3:
        v->kind = CURSOR_BOOL;
        v->number = tag & 1;
        return CURSOR_OK;
    case 0xc4:
    case 0xc5:
    case 0xc6: return take_sized_body(c, CURSOR_BIN, 1u << (tag - 0xc4), v);
    case 0xc7:
    case 0xc8:
    case 0xc9: return take_sized_extension(c, 1u << (tag - 0xc7), v);
    case 0xca: return take_float(c, 4, v);
    case 0xcb: return take_float(c, 8, v);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: return take_unsigned(c, 1u << (tag - 0xcc), v);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return take_signed(c, 1u << (tag - 0xd0), v);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8: return take_extension(c, (size_t)1 << (tag - 0xd4), v);
    case 0xd9:
    case 0xda:
    case 0xdb: return take_sized_body(c, CURSOR_STR, 1u << (tag - 0xd9), v);
    case 0xdc: return take_sized_container(c, CURSOR_ARRAY, 2, v);
    case 0xdd: return take_sized_container(c, CURSOR_ARRAY, 4, v);
    case 0xde: return take_sized_container(c, CURSOR_MAP, 2, v);
    case 0xdf: return take_sized_container(c, CURSOR_MAP, 4, v);
    default: return CURSOR_BAD;
    }
}

enum cursor_result cursor_next(struct cursor *c, struct cursor_value *ret)
{
    uint8_t tag;

    if (c->budget == 0)
        return CURSOR_BAD;
    if (c->at == c->end)
        return CURSOR_SHORT;
    c->budget--;
    tag = *c->at++;
    if (tag < 0x80 || tag >= 0xe0) {
        ret->kind = CURSOR_INT;
        ret->number = (int8_t)tag;
        return CURSOR_OK;
    }
    if (tag < 0x90)
        return take_container(c, CURSOR_MAP, tag & 0x0f, ret);
    if (tag < 0xa0)
        return take_container(c, CURSOR_ARRAY, tag & 0x0f, ret);
    if (tag < 0xc0)
        return take_body(c, CURSOR_STR, tag & 0x1f, ret);
    return take_tagged(c, tag, ret);
}

static size_t children(const struct cursor_value *v)
{
    if (v->kind == CURSOR_ARRAY)
        return v->count;
    return v->kind == CURSOR_MAP ? 2 * (size_t)v->count : 0;
}

enum cursor_result cursor_skip(struct cursor *c, unsigned depth)
{
    size_t open[CURSOR_DEPTH_MAX]; /* values still to come on each level */
    unsigned level = 0;
    struct cursor_value v;

    do {
        enum cursor_result result = cursor_next(c, &v);

        if (result != CURSOR_OK)
            return result;
        if (v.kind >= CURSOR_ARRAY) {
            if (level == depth || level == CURSOR_DEPTH_MAX)
                return CURSOR_BAD;
            open[level++] = children(&v);
        }
        while (level > 0 && open[level - 1] == 0)
            level--;
        if (level > 0)
            open[level - 1]--;
        else
            break;
    } while (true);
    return CURSOR_OK;
}

bool cursor_is_nothing(const struct cursor_value *v)
{
    return v->kind == CURSOR_NIL ||
           (v->kind == CURSOR_EXT && v->number == 0 && v->text.len == 1 && v->text.data[0] == 0);
}

bool cursor_is_text(const struct cursor_value *v, struct span text)
{
    return v->kind == CURSOR_STR && v->text.len == text.len && memcmp(v->text.data, text.data, text.len) == 0;
}
