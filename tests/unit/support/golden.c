/* SPDX-License-Identifier: MIT */
#include "golden.h"

#include "golden/messages.inc"

#define GOLDEN_COUNT (sizeof(golden_messages) / sizeof(golden_messages[0]))

enum encoding golden_encoding(const struct golden *g)
{
    return span_equal(span_of(g->writer), SPAN("JSON.stringify")) ? ENCODING_JSON : ENCODING_MSGPACK;
}

struct span golden_span(const struct golden *g)
{
    return (struct span){g->bytes, g->len};
}

const struct golden *golden_next(const char *what, size_t *at)
{
    while (*at < GOLDEN_COUNT) {
        const struct golden *g = &golden_messages[(*at)++];
        if (!what || span_equal(span_of(g->what), span_of(what)))
            return g;
    }
    return NULL;
}
