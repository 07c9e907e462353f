/* SPDX-License-Identifier: MIT */
/* What the head of a request says of its framing, by the rule of the gate (net/gate_head.c), for what
 * libmicrohttpd takes and the gate does not: framed in two ways at once (RFC 9112, 6.1 to 6.3), folded
 * headers, names that are none, and control characters, a raw NUL among them, which cuts the library's
 * strings.
 *
 * Of a NUL only the place tells: the library leaves the head in its buffer as it came, with a NUL in place of
 * each colon and line end, so that the next piece must begin right behind the one before. */
#ifndef PRESENCE_API_FRAMING_H
#define PRESENCE_API_FRAMING_H

#include "base/bytes.h"

struct framing {
    unsigned hosts, lengths, codings;
    bool chunked, http_1_0, expects;
    uint64_t length;
    const char *fault; /* the first that was met; NULL: none */
    bool in_place;     /* as said above; false for libmicrohttpd 1.0, which refuses a NUL by itself */
    const char *at;    /* the end of the piece before */
};

/* The first line. `target`: as it was before the library cut it; it stands at `place`. */
void framing_begin(struct framing *f, const char *method, struct span target, const char *place,
                   const char *version);
/* The headers in their order. */
void framing_header(struct framing *f, const char *name, const char *value);
/* `end`: of the head. Why the request must be refused; NULL: nothing is wrong. */
const char *framing_end(struct framing *f, const char *end);

#endif
