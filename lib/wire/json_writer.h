/* SPDX-License-Identifier: MIT */
/* Small pieces of JSON output, beside base's bytes_append_json. */
#ifndef WIRE_JSON_WRITER_H
#define WIRE_JSON_WRITER_H

#include "base/bytes.h"

/* A time; negative ones become 0. */
static inline void json_put_ms(struct bytes *out, int64_t ms)
{
    bytes_append_u64(out, ms < 0 ? 0 : (uint64_t)ms);
}

/* null for an empty one. */
static inline void json_put_text_or_null(struct bytes *out, struct span text)
{
    if (text.len)
        bytes_append_json(out, text);
    else
        bytes_append_text(out, "null");
}

/* A number as a string, as message ids are sent. */
static inline void json_put_decimal(struct bytes *out, uint64_t number)
{
    bytes_append_char(out, '"');
    bytes_append_u64(out, number);
    bytes_append_char(out, '"');
}

#endif
