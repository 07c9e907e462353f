/* SPDX-License-Identifier: MIT */
/* A connection to Redis that waits for its answers, for presence-ctl: a loop of its own runs until one is there.
 * Connecting is redis_connector.h's, of which one try is made. Each answer has config->timeout_ms in all,
 * however it trickles. */
#ifndef REDIS_REDIS_SYNC_H
#define REDIS_REDIS_SYNC_H

#include "redis/redis_config.h"
#include "redis/redis_fault.h"

struct redisReply;
struct redis_sync;

enum redis_sync_result {
    REDIS_SYNC_OK = 0,
    REDIS_SYNC_UNREACHABLE = -1, /* also while it loads its data */
    REDIS_SYNC_TIMEOUT = -2,
    REDIS_SYNC_AUTH = -3,      /* Redis is there and refuses user, password or database */
    REDIS_SYNC_SENTINELS = -4, /* none of the sentinels names the master */
};

/* Connects, AUTH, SELECT, INFO server. On failure error has a sentence without secrets, which names the
 * sentinel or the master that it was. */
enum redis_sync_result redis_sync_open(const struct redis_config *config, struct redis_sync **ret,
                                       char *error, size_t size);
/* What a failure of redis_sync_open with these settings is. */
enum redis_fault redis_sync_fault(enum redis_sync_result result, const struct redis_config *config);
/* "localhost:6379/0", or with sentinels "10.0.0.5:6379/0 (master mymaster by sentinel localhost:26379)". */
const char *redis_sync_where(const struct redis_sync *r);
/* NULL is fine. */
void redis_sync_close(struct redis_sync *r);
/* 40 characters, or "unknown" where INFO is not permitted. */
const char *redis_sync_run_id(const struct redis_sync *r);
/* Queues one command (RESP), copied; commands are pipelined until redis_sync_reply sends and waits. */
void redis_sync_send(struct redis_sync *r, struct span command);
/* The next answer in order, or the next published message once SUBSCRIBE was answered; the caller frees it
 * with reply_free (redis/reply.h). An error Redis answers with is an answer. After a failure the connection
 * is dead: close it. */
enum redis_sync_result redis_sync_reply(struct redis_sync *r, struct redisReply **ret);
/* Changes the time an answer may take, negative: any; for blocking reads of messages. TIMEOUT leaves the
 * connection usable: what was half read is kept, and the next redis_sync_reply goes on waiting for the same
 * answer. */
void redis_sync_set_timeout(struct redis_sync *r, int64_t timeout_ms);
/* Why the last call failed; never a secret. */
const char *redis_sync_error(const struct redis_sync *r);

#endif
