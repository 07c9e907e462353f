/* SPDX-License-Identifier: MIT */
/* JSON from outside: the one door to jansson in this layer.
 *
 * What jansson lets through is looked for first: a NUL behind a number or literal, and nesting (it recurses
 * to 2048). Duplicate keys, invalid UTF-8, lone surrogates, \u0000 and trailing text are refused by jansson
 * itself. A byte order mark in front is ignored (RFC 8259, 8.1). */
#ifndef WIRE_JSON_READER_H
#define WIRE_JSON_READER_H

#include "base/bytes.h"

#include <jansson.h>

#define JSON_READER_DEPTH_MAX 16

/* An object or array, owned by the caller (json_decref); NULL when the text is none. The caller bounds its
 * length. An integer beyond 64 bits comes as a real, and a number beyond a double as 1e308 or -1e308: both
 * are JSON, and the caller can say which of its numbers is too large. */
json_t *json_reader_load(struct span text);
/* Of a string; SPAN_NONE for anything else, NULL included. Borrows from the value. */
struct span json_reader_span(const json_t *value);
/* An integer, also one written as a real (integer.h): false for any other value and for NULL. */
bool json_reader_integer(const json_t *value, int64_t *ret);
/* Absent or null. */
bool json_reader_is_nothing(const json_t *value);

static inline void json_reader_free_at(json_t **root)
{
    json_decref(*root);
}
#define json_reader_auto __attribute__((cleanup(json_reader_free_at))) json_t

#endif
