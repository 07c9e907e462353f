/* SPDX-License-Identifier: MIT */
/* The first words on a connection to Redis, all in one write: AUTH and SELECT where configured, PING, INFO
 * server, and where sentinels named it, INFO replication: it must be a master. Pure: it writes commands and
 * reads answers. */
#ifndef REDIS_REDIS_GREETING_H
#define REDIS_REDIS_GREETING_H

#include "redis/redis_config.h"
#include "redis/redis_link.h"

struct redisReply;

enum redis_greeting_result {
    REDIS_GREETING_GOES_ON = 0,
    REDIS_GREETING_DONE = 1,
    REDIS_GREETING_NOT_YET = -1, /* Redis still loads its data, or its master is away */
    REDIS_GREETING_REFUSED = -2, /* user, password or database */
};

struct redis_greeting {
    unsigned unasked, unanswered;   /* a bit each */
    char run_id[REDIS_RUN_ID_SIZE]; /* REDIS_RUN_ID_UNKNOWN where INFO is not permitted */
    char why[200];                  /* after a failure; no secret */
};

void redis_greeting_begin(struct redis_greeting *g, const struct redis_config *config);
/* Writes the next command; false when all are written. All may be sent before the first answer. */
bool redis_greeting_ask(struct redis_greeting *g, const struct redis_config *config, struct bytes *out);
/* The answers in their order. After anything but GOES_ON no more are taken. */
enum redis_greeting_result redis_greeting_answer(struct redis_greeting *g, const struct redisReply *reply);
/* The value of the line "name:value" in INFO's text; SPAN_NONE without. Borrows from the text. */
struct span redis_info_value(struct span info, struct span name);

#endif
