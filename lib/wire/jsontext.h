/* JSON from outside: the one door to jansson in this layer.
 *
 * What jansson lets through is looked for first: a NUL behind a number or literal, and nesting (it recurses
 * to 2048). Duplicate keys, invalid UTF-8, lone surrogates, \u0000 and trailing text are refused by jansson
 * itself. */
#ifndef WIRE_JSONTEXT_H
#define WIRE_JSONTEXT_H

#include "base/bytes.h"

#include <jansson.h>

#define JSONTEXT_DEPTH_MAX 16

/* An object or array, owned by the caller (json_decref); NULL when the text is none. The caller bounds its
 * length. */
json_t *jsontext_load(struct span text);
/* Of a string; SPAN_NONE for anything else, NULL included. Borrows from the value. */
struct span jsontext_span(const json_t *value);
/* Absent or null. */
bool jsontext_is_nothing(const json_t *value);

static inline void jsontext_free_at(json_t **root)
{
    json_decref(*root);
}
#define jsontext_auto __attribute__((cleanup(jsontext_free_at))) json_t

#endif
