/* A bounded MessagePack reader (the MessagePack specification, "Formats").
 *
 * Walks over bytes it does not own and allocates nothing. A declared length or count is believed only when
 * that many bytes are left, each value costs one item of the budget, and nesting is cut where the caller
 * says. It does not check UTF-8, nor that nothing is left behind the last value: the caller looks at
 * cursor_left. */
#ifndef WIRE_CURSOR_H
#define WIRE_CURSOR_H

#include "base/bytes.h"

#define CURSOR_DEPTH_MAX 16

enum cursor_result {
    CURSOR_OK = 0,
    CURSOR_SHORT = -1, /* the bytes end within the value */
    CURSOR_BAD = -2,   /* no MessagePack, over the budget, nested too deep */
};

enum cursor_kind {
    CURSOR_NIL,
    CURSOR_BOOL,   /* number: 0 or 1 */
    CURSOR_INT,    /* number */
    CURSOR_UINT64, /* above INT64_MAX; number holds its bits */
    CURSOR_FLOAT,  /* real */
    CURSOR_STR,    /* text */
    CURSOR_BIN,    /* text */
    CURSOR_EXT,    /* text: the body; number: the type */
    CURSOR_ARRAY,  /* count elements follow */
    CURSOR_MAP,    /* count keys and values follow, in turn */
};

struct cursor {
    const uint8_t *at, *end;
    size_t budget; /* items that may still be read */
};

struct cursor_value {
    enum cursor_kind kind;
    uint32_t count;
    union {
        int64_t number;
        double real;
    };
    struct span text;
};

void cursor_init(struct cursor *c, struct span data, size_t budget);
size_t cursor_left(const struct cursor *c);
/* One scalar, or the head of a container. */
enum cursor_result cursor_next(struct cursor *c, struct cursor_value *ret);
/* One value with all that is in it; `depth`: how many levels of containers it may have. */
enum cursor_result cursor_skip(struct cursor *c, unsigned depth);
/* nil, or what notepack 0.0.2 sends for undefined: an extension of type 0 with one zero byte. */
bool cursor_is_nothing(const struct cursor_value *v);
bool cursor_is_text(const struct cursor_value *v, struct span text);

#endif
