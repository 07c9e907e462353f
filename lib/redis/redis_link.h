/* SPDX-License-Identifier: MIT */
/* Connections to Redis on the loop: one for commands, one for messages. Both find their way by themselves:
 * resolve, connect to each address in turn, AUTH, SELECT, INFO server, and after a fault anew with capped
 * exponential backoff and full jitter (50 ms to 2 s). Ups and downs are logged, a fault that repeats itself
 * at first and every 10 minutes; a refused password is retried like any fault.
 *
 * Why two: on a subscribed connection of RESP2 only (P)SUBSCRIBE and (P)UNSUBSCRIBE work. What Redis says
 * unasked, or in a message's place without being one, brings the connection down ("protocol").
 *
 * Commands have a deadline: the first that passes it brings the connection down, because answers come in
 * order. It comes up to an eighth of the time later than said, and as much later as this process is held up. What was in flight is answered with NULL exactly once, and nothing is ever sent again by itself: who
 * asked says what is now. NOSCRIPT is a fault of the connection, too: scripts are loaded once for each, by its
 * owner, and were flushed since.
 *
 * Hooks and answers may send and reset, but not destroy their own link or subscriber. config and hooks
 * outlive both. */
#ifndef REDIS_REDIS_LINK_H
#define REDIS_REDIS_LINK_H

#include "net/loop.h"
#include "redis/redis_config.h"

struct redisReply;
struct redis_link;

#define REDIS_RUN_ID_SIZE    41
#define REDIS_RUN_ID_UNKNOWN "unknown" /* evidence of nothing: neither of the same process nor of another */

struct redis_link_hooks {
    /* Commands may be sent. run_id: the Redis process's identity, 40 characters, or "unknown" where INFO is
     * not permitted: then a restarted Redis is not told apart by it. generation: 1, 2, … for each connection.
     */
    void (*ready)(void *arg, const char *run_id, uint64_t generation);
    /* Follows each ready(), after the pending answers were given as NULL. `why` is for people, and logged
     * already; never a secret. */
    void (*lost)(void *arg, const char *why);
};

struct redis_link *redis_link_create(struct loop *loop, const struct redis_config *config,
                                     const struct redis_link_hooks *hooks, void *arg);
/* Answers what is in flight with NULL, without lost(). NULL is fine. */
void redis_link_destroy(struct redis_link *link);
bool redis_link_ready(const struct redis_link *link);
/* It is down, or goes down, since an answer did not come in time. */
bool redis_link_late(const struct redis_link *link);
/* Connections after the first. */
uint64_t redis_link_reconnects(const struct redis_link *link);
size_t redis_link_in_flight(const struct redis_link *link);
/* Bytes not yet taken by the socket. */
size_t redis_link_queued(const struct redis_link *link);

/* `command`: exactly one whole command as RESP (redis/resp.h), copied. The reply (NULL: lost or past its
 * deadline) is valid during the call, which is never made from within redis_link_send. -1 when the link is
 * not ready; `answered` is then not called. `answered` may be NULL: nobody asks. The caller bounds what is in
 * flight. */
typedef void redis_answered(void *arg, const struct redisReply *reply);
int redis_link_send(struct redis_link *link, struct span command, redis_answered *answered, void *arg);
/* Likewise `count` whole commands in a row: `answered` is called once, with all their replies in order, or
 * with NULL. The deadline is that of all of them together. */
typedef void redis_answered_all(void *arg, const struct redisReply *const *replies);
int redis_link_send_all(struct redis_link *link, struct span commands, size_t count,
                        redis_answered_all *answered, void *arg);
/* From within lost(), of a connection that has answered: the next try is made at once, since somebody waits. */
void redis_link_hurry(struct redis_link *link);
/* For faults that only the caller can see: brings the connection down (answers and lost() come from within)
 * and starts anew. Nothing happens unless ready. */
void redis_link_reset(struct redis_link *link, const char *why);

struct redis_subscriber;
struct redis_subscriber_hooks {
    /* All channels are confirmed: from now on nothing published is missed until lost(). */
    void (*subscribed)(void *arg);
    /* Only between subscribed() and lost(). */
    void (*message)(void *arg, struct span channel, struct span payload);
    /* Follows each subscribed(). */
    void (*lost)(void *arg, const char *why);
};
/* `channels` (at least one) are copied. A dead peer is noticed by TCP keepalive within 30 s and no earlier:
 * who knows that a message should have come calls redis_subscriber_reset. */
struct redis_subscriber *redis_subscriber_create(struct loop *loop, const struct redis_config *config,
                                                 const char *const *channels, size_t count,
                                                 const struct redis_subscriber_hooks *hooks, void *arg);
/* Without lost(). NULL is fine. */
void redis_subscriber_destroy(struct redis_subscriber *s);
bool redis_subscriber_ready(const struct redis_subscriber *s);
/* Brings the connection down (lost() comes from within) and starts anew; nothing happens unless ready. */
void redis_subscriber_reset(struct redis_subscriber *s, const char *why);

#endif
