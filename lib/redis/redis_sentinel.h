/* SPDX-License-Identifier: MIT */
/* Redis Sentinel: which of several Redis is the master now (REDIS_SENTINELS, REDIS_MASTER). Pure: reads the
 * list, writes the question, reads the answer; redis_connector.c and redis_sync.c ask. */
#ifndef REDIS_REDIS_SENTINEL_H
#define REDIS_REDIS_SENTINEL_H

#include "base/bytes.h"

#define SENTINELS_MAX         16
#define SENTINEL_HOST_MAX     253 /* RFC 1035, 2.3.4 */
#define SENTINEL_PORT_DEFAULT 26379

struct redisReply;
struct redis_config;

struct redis_endpoint {
    char host[SENTINEL_HOST_MAX + 1];
    int64_t port;
};

/* "host:port", "[::1]:port", and without the port where there is a default (0: none): 0, or -1. */
int redis_endpoint_parse(struct span text, int64_t default_port, struct redis_endpoint *ret);
#define REDIS_ENDPOINT_TEXT_SIZE (SENTINEL_HOST_MAX + 16)
/* "host:6379" or "[::1]:6379"; out has REDIS_ENDPOINT_TEXT_SIZE bytes. */
void redis_endpoint_describe(const struct redis_endpoint *e, char *out);

struct redis_sentinels {
    size_t count; /* 0: none are used */
    struct redis_endpoint at[SENTINELS_MAX];
};

/* "host:port,[::1]:26379,host": 0, or -1 for an empty or wrong item or more than SENTINELS_MAX. */
int redis_sentinels_parse(const char *text, struct redis_sentinels *ret);
/* Appends the command of that number, from 0 on: AUTH where the sentinels have a password, and the question.
 * false: there are no more. The answer to the last is the one. */
bool redis_sentinel_ask(const struct redis_config *config, size_t number, struct bytes *out);
/* The master's address: 0; -1 with *why for anything else: it knows none of that name, or refuses. */
int redis_sentinel_read(const struct redisReply *reply, struct redis_endpoint *ret, const char **why);
/* How long one sentinel may take, so that all are asked within the time for Redis; at least 50 ms. */
int64_t redis_sentinel_share_ms(const struct redis_config *config);

#endif
