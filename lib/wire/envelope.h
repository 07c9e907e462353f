/* SPDX-License-Identifier: MIT */
/* The outer array of a message, for all readers: five or six elements (PROTOCOL.md). fromId, toId and
 * messageId are scalars of any kind; old clients put undefined there. */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "wire/json_reader.h"
#include "wire/mp_reader.h"

/* Containers a payload may hold: the message and the payload are the two outermost of MP_READER_DEPTH_MAX. */
#define ENVELOPE_DEPTH (MP_READER_DEPTH_MAX - 2)

#define ENVELOPE_ELEMENTS_MIN 5
#define ENVELOPE_ELEMENTS_MAX 6

struct envelope {
    int64_t type;
    struct mp_reader_value from, to, message_id; /* nil with five elements */
};

struct envelope_json {
    int64_t type;
    const json_t *from, *to, *message_id; /* NULL with five elements */
    json_t *payload;
};

/* Reads all before the payload and leaves the cursor there: 0, or -1 for another shape with *ret undefined.
 */
int envelope_msgpack(struct mp_reader *c, struct envelope *ret);
/* Borrows from the root; NULL is no message either. */
int envelope_json(const json_t *root, struct envelope_json *ret);

#endif
