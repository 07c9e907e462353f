/* SPDX-License-Identifier: MIT */
/* A bounded MessagePack reader (the MessagePack specification, "Formats").
 *
 * Walks over bytes it does not own and allocates nothing. A declared length or count is believed only when
 * that many bytes are left, each value costs one item of the budget, and nesting is cut where the caller
 * says. It does not check UTF-8, nor that nothing is left behind the last value: the caller looks at
 * mp_reader_left. */
#ifndef WIRE_MP_READER_H
#define WIRE_MP_READER_H

#include "base/bytes.h"

#define MP_READER_DEPTH_MAX 16

enum mp_reader_result {
    MP_READER_OK = 0,
    MP_READER_SHORT = -1, /* the bytes end within the value */
    MP_READER_BAD = -2,   /* no MessagePack, over the budget, nested too deep */
};

enum mp_reader_kind {
    MP_READER_NIL,
    MP_READER_BOOL,   /* number: 0 or 1 */
    MP_READER_INT,    /* number */
    MP_READER_UINT64, /* above INT64_MAX; number holds its bits */
    MP_READER_FLOAT,  /* real */
    MP_READER_STR,    /* text */
    MP_READER_BIN,    /* text */
    MP_READER_EXT,    /* text: the body; number: the type */
    MP_READER_ARRAY,  /* count elements follow */
    MP_READER_MAP,    /* count keys and values follow, in turn */
};

struct mp_reader {
    const uint8_t *at, *end;
    size_t budget; /* items that may still be read */
};

struct mp_reader_value {
    enum mp_reader_kind kind;
    uint32_t count;
    union {
        int64_t number;
        double real;
    };
    struct span text;
};

void mp_reader_init(struct mp_reader *c, struct span data, size_t budget);
size_t mp_reader_left(const struct mp_reader *c);
/* One scalar, or the head of a container. */
enum mp_reader_result mp_reader_next(struct mp_reader *c, struct mp_reader_value *ret);
/* Likewise, but believes a container's count: for the head of a message whose rest has not come. */
enum mp_reader_result mp_reader_head(struct mp_reader *c, struct mp_reader_value *ret);
/* One value with all that is in it, however deep; the bytes may end within it (MP_READER_SHORT). */
enum mp_reader_result mp_reader_pass(struct mp_reader *c);
/* One value with all that is in it; `depth`: how many levels of containers it may have. */
enum mp_reader_result mp_reader_skip(struct mp_reader *c, unsigned depth);
/* nil, or what notepack 0.0.2 sends for undefined: an extension of type 0 with one zero byte. */
bool mp_reader_is_nothing(const struct mp_reader_value *v);
/* An integer, also one written as a double (integer.h): false for any other value and for what does not fit.
 */
bool mp_reader_integer(const struct mp_reader_value *v, int64_t *ret);
bool mp_reader_is_text(const struct mp_reader_value *v, struct span text);

#endif
