/* SPDX-License-Identifier: MIT */
/* What Redis answered, without hiredis's header: the only file that looks into a redisReply. NULL is a valid
 * argument everywhere and reads as an absent value. */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include "base/bytes.h"

struct redisReply;

bool reply_is_error(const struct redisReply *r);
/* The error's text; SPAN_NONE when it is none. */
struct span reply_error(const struct redisReply *r);
/* An error whose first word is `code` ("NOSCRIPT", "WRONGPASS" …). */
bool reply_error_is(const struct redisReply *r, const char *code);
bool reply_is_nil(const struct redisReply *r);
bool reply_is_array(const struct redisReply *r);
size_t reply_count(const struct redisReply *r);
/* NULL beyond the end or when it is no array. */
const struct redisReply *reply_at(const struct redisReply *r, size_t i);
/* The value of a field in HGETALL's answer; NULL without. */
const struct redisReply *reply_field(const struct redisReply *pairs, struct span name);
/* Bulk or status string; SPAN_NONE otherwise. */
struct span reply_text(const struct redisReply *r);
/* An integer, or a string that is one; `otherwise` if neither. */
int64_t reply_integer(const struct redisReply *r, int64_t otherwise);
/* A copy of one that lives no longer than a call; the caller frees it. */
struct redisReply *reply_copy(const struct redisReply *r);
void reply_free(struct redisReply *r);

/* A reply that its block frees: reply_auto *reply = NULL; */
static inline void reply_free_auto(struct redisReply **r)
{
    reply_free(*r);
}
#define reply_auto __attribute__((cleanup(reply_free_auto))) struct redisReply

#endif
