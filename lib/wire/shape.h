/* The outer array of a message, for the readers: five or six elements (contract section 3). */
#ifndef WIRE_SHAPE_H
#define WIRE_SHAPE_H

#include "wire/cursor.h"
#include "wire/jsontext.h"
#include "wire/message.h"

/* Containers a payload may hold: the message and the payload are the two outermost of CURSOR_DEPTH_MAX. */
#define SHAPE_DEPTH (CURSOR_DEPTH_MAX - 2)

/* Reads all before the payload of a message of `type` and leaves the cursor there: 0, or -1 for another
 * shape. toId and messageId are scalars of any kind; old clients put undefined there. */
int shape_msgpack(struct cursor *c, enum message_type type, struct cursor_value *ret_from);
/* The root is the caller's. */
int shape_json(const json_t *root, enum message_type type, json_t **ret_from, json_t **ret_payload);

#endif
