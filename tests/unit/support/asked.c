/* SPDX-License-Identifier: MIT */
#include "asked.h"
#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis/reply.h"

struct redisReply *asked_read(struct span command)
{
    struct redisReply *argv = answer_read(command);
    assert_true(reply_count(argv) > 0);
    return argv;
}

struct span asked_arg(const struct redisReply *argv, size_t i)
{
    return reply_text(reply_at(argv, i));
}

bool asked_is_script(const struct redisReply *argv, enum script script)
{
    return span_equal(asked_arg(argv, 0), SPAN("EVALSHA")) &&
           span_equal(asked_arg(argv, 1), span_of(script_info(script)->sha1));
}
