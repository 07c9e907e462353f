/* A blocking connection to Redis, for presence-api's threads and presence-ctl. Not shared between threads.
 *
 * Connecting takes config->timeout_ms at most over all addresses of the host, the greeting as long again;
 * resolving a name takes as long as the system's resolver likes. Each answer has config->timeout_ms in all,
 * however it trickles. */
#ifndef NET_REDIS_SYNC_H
#define NET_REDIS_SYNC_H

#include "base/arena.h"
#include "net/redis_config.h"

struct redisReply;
struct redis_sync;

enum redis_sync_result {
    REDIS_SYNC_OK = 0,
    REDIS_SYNC_UNREACHABLE = -1, /* also while it loads its data */
    REDIS_SYNC_TIMEOUT = -2,
    REDIS_SYNC_AUTH = -3, /* Redis is there and refuses user, password or database */
};

/* Connects, AUTH, SELECT, INFO server. On failure error has a sentence without secrets. */
enum redis_sync_result redis_sync_open(const struct redis_config *config, struct redis_sync **ret,
                                       char *error, size_t size);
/* NULL is fine. */
void redis_sync_close(struct redis_sync *r);
/* 40 characters, or "unknown" where INFO is not permitted. */
const char *redis_sync_run_id(const struct redis_sync *r);
/* Queues one command (RESP), copied; commands are pipelined until redis_sync_reply sends and waits. */
void redis_sync_send(struct redis_sync *r, struct span command);
/* The next answer in order, or the next published message once SUBSCRIBE was answered; the caller frees it
 * with reply_free (store/reply.h). An error Redis answers with is an answer. After a failure the connection
 * is dead: close it. */
enum redis_sync_result redis_sync_reply(struct redis_sync *r, struct redisReply **ret);
/* The next `count` answers, which belong to the arena and have the time of one in all. After any failure the
 * connection must be closed, before the arena is finished. */
enum redis_sync_result redis_sync_replies(struct redis_sync *r, struct arena *arena, struct redisReply **ret,
                                          size_t count);
/* Changes the time an answer may take, negative: any; for blocking reads of messages. TIMEOUT leaves the
 * connection usable: what was half read is kept, and the next redis_sync_reply goes on waiting for the same
 * answer. */
void redis_sync_set_timeout(struct redis_sync *r, int64_t timeout_ms);
/* Why the last call failed; never a secret. */
const char *redis_sync_error(const struct redis_sync *r);

#endif
