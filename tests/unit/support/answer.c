/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

struct redisReply *answer_read(struct span text)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();

    assert_int_equal(redisReaderFeed(reader, text.data, text.len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

void answer_array(struct bytes *out, size_t count)
{
    bytes_printf(out, "*%zu\r\n", count);
}

void answer_text(struct bytes *out, struct span text)
{
    bytes_printf(out, "$%zu\r\n", text.len);
    bytes_append_span(out, text);
    bytes_append_text(out, "\r\n");
}

void answer_number(struct bytes *out, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    answer_text(out, span_of(digits));
}
