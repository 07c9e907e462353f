/* SPDX-License-Identifier: MIT */
/* Commands as RESP bytes: `*3\r\n$3\r\nSET\r\n…`. Written by hand, since formatting by hiredis cost 190-595
 * ns against 84. */
#ifndef REDIS_RESP_H
#define REDIS_RESP_H

#include "base/bytes.h"

/* Begins a command of exactly `count` arguments, its name included. */
void resp_begin(struct bytes *out, size_t count);
void resp_arg(struct bytes *out, struct span arg);
void resp_text(struct bytes *out, const char *arg);
void resp_integer(struct bytes *out, int64_t arg);
/* A whole command from C strings, up to NULL: resp_command(out, "GET", key, NULL). */
void resp_command(struct bytes *out, ...) __attribute__((sentinel));

#endif
