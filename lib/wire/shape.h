/* The outer array of a message, for all readers: five or six elements (contract section 3). fromId, toId and
 * messageId are scalars of any kind; old clients put undefined there. */
#ifndef WIRE_SHAPE_H
#define WIRE_SHAPE_H

#include "wire/cursor.h"
#include "wire/jsontext.h"

/* Containers a payload may hold: the message and the payload are the two outermost of CURSOR_DEPTH_MAX. */
#define SHAPE_DEPTH (CURSOR_DEPTH_MAX - 2)

struct shape {
    int64_t type;
    struct cursor_value from, to, message_id; /* nil with five elements */
};

struct shape_json {
    int64_t type;
    const json_t *from, *to, *message_id; /* NULL with five elements */
    json_t *payload;
};

/* Reads all before the payload and leaves the cursor there: 0, or -1 for another shape with *ret undefined.
 */
int shape_msgpack(struct cursor *c, struct shape *ret);
/* Borrows from the root; NULL is no message either. */
int shape_json(const json_t *root, struct shape_json *ret);

#endif
