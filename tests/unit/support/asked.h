/* SPDX-License-Identifier: MIT */
/* Redis as a test plays it: what it was asked. */
#ifndef TEST_SUPPORT_ASKED_H
#define TEST_SUPPORT_ASKED_H

#include <hiredis/hiredis.h>

#include "store/scripts.h"

/* A command is an array of strings, as an answer may be. Frees with reply_free. */
struct redisReply *asked_read(struct span command);
struct span asked_arg(const struct redisReply *argv, size_t i);

/* EVALSHA of this script: its own arguments begin at SCRIPT_ARGS. */
#define SCRIPT_ARGS 11
bool asked_is_script(const struct redisReply *argv, enum script script);

#endif
