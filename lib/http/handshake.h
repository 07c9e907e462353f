/* SPDX-License-Identifier: MIT */
/* What a server answers to the opening handshake of a WebSocket (RFC 6455, 4.1), as its client reads it.
 * Pure. */
#ifndef HTTP_HANDSHAKE_H
#define HTTP_HANDSHAKE_H

#include "base/bytes.h"

#define HANDSHAKE_ANSWER_MAX 16384 /* bytes of an answer's head */

struct handshake_answer {
    int status; /* 101 only with the right Upgrade, Connection and Sec-WebSocket-Accept, and without an
                             extension, since none is ever offered */
    struct span reason;   /* behind the status, as "Unauthorized" */
    struct span protocol; /* the one chosen, borrowed; empty: none */
    struct span headers;  /* their lines, each with its end */
    size_t length;        /* of the head with its empty line; what follows are frames or the refusal's body */
};

/* 1: *ret is filled; 0: more bytes are needed; -1: no HTTP, over HANDSHAKE_ANSWER_MAX, a header that is none,
 * or a 101 that does not fit the key. Spans borrow from data. */
int handshake_answer_read(struct span data, struct span key, struct handshake_answer *ret);
/* The next of its headers: false when there is none any more. */
bool handshake_header_next(struct span *headers, struct span *ret_name, struct span *ret_value);

#endif
