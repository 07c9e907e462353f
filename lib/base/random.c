/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EXIT_NO_RANDOM 70

void random_bytes(void *out, size_t len)
{
    char *at = out;
    while (len) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "getrandom: %s\n", strerror(errno));
            exit(EXIT_NO_RANDOM);
        }
        at += got;
        len -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

void random_hex(char *out, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    random_bytes(out, len);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[out[i] & 15];
    out[len] = '\0';
}
