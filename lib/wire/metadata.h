/* The metadata of a heartbeat as compact JSON of at most METADATA_SIZE_MAX bytes, whatever it came as.
 *
 * What JSON cannot carry (NaN, binary, extensions) becomes null, as JSON.stringify does it. What is refused
 * in JSON is refused in MessagePack too: a NUL in a text, a key twice; so the result always reads as JSON
 * again. */
#ifndef WIRE_METADATA_H
#define WIRE_METADATA_H

#include "wire/cursor.h"
#include "wire/jsontext.h"
#include "wire/message.h"

/* Reads one value, a map of at most `depth` levels or nil, and appends it to the empty `out`; nil appends
 * nothing. 0, or -1: another kind, malformed, too long, or a second one (out is not empty). */
int metadata_from_msgpack(struct cursor *c, unsigned depth, struct bytes *out);
/* Likewise; NULL and null append nothing, and `out` need not be empty. */
int metadata_from_json(const json_t *value, struct bytes *out);

#endif
