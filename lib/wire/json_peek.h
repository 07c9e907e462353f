/* SPDX-License-Identifier: MIT */
/* A scanner for the first elements of a JSON array, for those who need the head of a text and not all of it
 * (RFC 8259). Borrows the text, allocates nothing, decodes no string. A byte order mark in front is passed
 * over. */
#ifndef WIRE_JSON_PEEK_H
#define WIRE_JSON_PEEK_H

#include "base/bytes.h"

struct json_peek {
    const char *at, *end;
    bool whole; /* the text ends there; otherwise more of it may come */
};

enum json_peek_result {
    JSON_PEEK_OK = 0,
    JSON_PEEK_SHORT = -1, /* the text ends before it says */
    JSON_PEEK_BAD = -2,
};

struct json_peek_value {
    bool integer; /* a number that is an integer, however it is written: 30, 30.0, 3e1 */
    int64_t number;
};

void json_peek_init(struct json_peek *s, struct span text, bool whole);
/* Passes white space; whether nothing but that is left. */
bool json_peek_at_end(struct json_peek *s);
/* One of the characters [ ] { } , : behind optional white space. */
enum json_peek_result json_peek_char(struct json_peek *s, char expected);
/* Any value. In a container each scalar is looked at and the depth is counted; whether its brackets and
 * commas match is not. A number at the end of a text that is not whole is JSON_PEEK_SHORT. */
enum json_peek_result json_peek_value(struct json_peek *s, struct json_peek_value *ret);
/* A string as it stands between its quotes, escapes not resolved. */
enum json_peek_result json_peek_string(struct json_peek *s, struct span *ret);

#endif
