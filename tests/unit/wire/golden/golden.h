/* SPDX-License-Identifier: MIT */
/* Bytes that the real JavaScript encoders made; see generate.js. */
#ifndef TEST_WIRE_GOLDEN_H
#define TEST_WIRE_GOLDEN_H

#include "wire/message.h"

struct golden {
    const char *what, *writer;
    size_t len;
    const char *bytes;
};

#include "messages.inc"

#define GOLDEN_COUNT   (sizeof(golden_messages) / sizeof(golden_messages[0]))
#define GOLDEN_TIME    INT64_C(1702281234567)
#define GOLDEN_REV     UINT64_C(1702281234567890)
#define GOLDEN_MANY    INT64_C(5000000000)
#define GOLDEN_WRITERS 4

static inline enum encoding golden_encoding(const struct golden *g)
{
    return span_equal(span_of(g->writer), SPAN("JSON.stringify")) ? ENCODING_JSON : ENCODING_MSGPACK;
}

static inline struct span golden_span(const struct golden *g)
{
    return (struct span){g->bytes, g->len};
}

/* The next one of this kind behind *at (which starts at 0), NULL behind the last. */
static inline const struct golden *golden_next(const char *what, size_t *at)
{
    while (*at < GOLDEN_COUNT) {
        const struct golden *g = &golden_messages[(*at)++];

        if (span_equal(span_of(g->what), span_of(what)))
            return g;
    }
    return NULL;
}

#endif
