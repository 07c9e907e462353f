/* SPDX-License-Identifier: MIT */
/* Redis as a test plays it: what it answers, as bytes, read by hiredis' own reader. */
#ifndef TEST_SUPPORT_ANSWER_H
#define TEST_SUPPORT_ANSWER_H

#include <hiredis/hiredis.h>

#include "base/bytes.h"

/* Frees with reply_free. */
struct redisReply *answer_read(struct span text);

/* Each appends one item of RESP; of an array its head alone. */
void answer_array(struct bytes *out, size_t count);
void answer_text(struct bytes *out, struct span text);
void answer_number(struct bytes *out, int64_t number);

#endif
