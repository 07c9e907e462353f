/* SPDX-License-Identifier: MIT */
/* Redis as a test plays it: what it was asked, and what it answers, read by hiredis' own reader. */
#ifndef TEST_STORE_ANSWERS_H
#define TEST_STORE_ANSWERS_H

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/commands.h"
#include "store/scripts.h"

/* Frees with reply_free. */
static inline struct redisReply *answer_read(struct span text)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();

    assert_int_equal(redisReaderFeed(reader, text.data, text.len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static inline void answer_array(struct bytes *out, size_t count)
{
    bytes_printf(out, "*%zu\r\n", count);
}

static inline void answer_text(struct bytes *out, struct span text)
{
    bytes_printf(out, "$%zu\r\n", text.len);
    bytes_append_span(out, text);
    bytes_append_text(out, "\r\n");
}

static inline void answer_number(struct bytes *out, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    answer_text(out, span_of(digits));
}

/* A command is an array of strings, as an answer may be. */
static inline struct redisReply *command_read(struct span command)
{
    struct redisReply *argv = answer_read(command);
    assert_true(reply_count(argv) > 0);
    return argv;
}

static inline struct span command_arg(const struct redisReply *argv, size_t i)
{
    return reply_text(reply_at(argv, i));
}

/* EVALSHA of this script: its own arguments begin at SCRIPT_ARGS. */
#define SCRIPT_ARGS 11
static inline bool command_is_script(const struct redisReply *argv, enum script script)
{
    return span_equal(command_arg(argv, 0), SPAN("EVALSHA")) &&
           span_equal(command_arg(argv, 1), span_of(script_info(script)->sha1));
}

#endif
