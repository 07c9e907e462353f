/* A blocking connection to Redis, for presence-api's threads and presence-ctl. Not shared between threads. */
#ifndef NET_REDIS_SYNC_H
#define NET_REDIS_SYNC_H

#include "net/redis_config.h"

struct redisReply;
struct redis_sync;

enum redis_sync_result { REDIS_SYNC_OK = 0, REDIS_SYNC_UNREACHABLE = -1, REDIS_SYNC_TIMEOUT = -2, REDIS_SYNC_AUTH = -3 };

/* Connects, AUTH, SELECT, INFO server. On failure error has a sentence without secrets. */
enum redis_sync_result redis_sync_open(const struct redis_config *config, struct redis_sync **ret, char *error, size_t size);
void redis_sync_close(struct redis_sync *r);
const char *redis_sync_run_id(const struct redis_sync *r);
/* Queues one command (RESP); commands are pipelined until redis_sync_reply sends and waits. */
void redis_sync_send(struct redis_sync *r, struct span command);
/* The next answer in order; the caller frees it with reply_free (store/reply.h). After a failure the connection is dead:
 * close it. */
enum redis_sync_result redis_sync_reply(struct redis_sync *r, struct redisReply **ret);
/* Changes the time an answer may take; for blocking reads of messages. TIMEOUT then leaves the connection usable, if no
 * answer was half read. */
void redis_sync_set_timeout(struct redis_sync *r, int64_t timeout_ms);
/* Waits for a published message (after SUBSCRIBE was sent and answered). */
const char *redis_sync_error(const struct redis_sync *r);

#endif
