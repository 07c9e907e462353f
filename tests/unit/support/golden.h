/* SPDX-License-Identifier: MIT */
/* Bytes that the real JavaScript encoders made; see golden/generate.js. */
#ifndef TEST_SUPPORT_GOLDEN_H
#define TEST_SUPPORT_GOLDEN_H

#include "wire/message.h"

struct golden {
    const char *what, *writer;
    size_t len;
    const char *bytes;
};

#define GOLDEN_TIME    INT64_C(1702281234567)
#define GOLDEN_REV     UINT64_C(1702281234567890)
#define GOLDEN_MANY    INT64_C(5000000000)
#define GOLDEN_WRITERS 4

enum encoding golden_encoding(const struct golden *g);
struct span golden_span(const struct golden *g);

/* The next one of this kind (NULL: of any) behind *at (which starts at 0), NULL behind the last. */
const struct golden *golden_next(const char *what, size_t *at);

#endif
