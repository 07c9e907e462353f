/* Connections to Redis on the loop: one for commands, one for messages. Explicit machines: down -> connecting -> greeting
 * (AUTH, SELECT, INFO server) -> ready -> down …, with capped exponential backoff and full jitter (50 ms to 2 s).
 *
 * Why two: on a subscribed connection of hiredis 0.14 only (P)SUBSCRIBE and (P)UNSUBSCRIBE work. Commands have a deadline: the
 * first that passes it brings the connection down, because answers come in order. What was in flight is answered with NULL
 * exactly once, and nothing is ever sent again by itself: who asked says what is now. */
#ifndef NET_REDIS_LINK_H
#define NET_REDIS_LINK_H

#include "net/loop.h"
#include "net/redis_config.h"

struct redisReply;
struct redis_link;

struct redis_link_hooks {
    /* Commands may be sent. run_id: the Redis process's identity, 40 characters. generation: 1, 2, … for each connection. */
    void (*ready)(void *arg, const char *run_id, uint64_t generation);
    /* After the pending answers were given as NULL. `why` is for the log; never a secret. */
    void (*lost)(void *arg, const char *why);
};

struct redis_link *redis_link_create(struct loop *loop, const struct redis_config *config, const struct redis_link_hooks *hooks,
                                     void *arg);
void redis_link_destroy(struct redis_link *link);
bool redis_link_ready(const struct redis_link *link);
uint64_t redis_link_reconnects(const struct redis_link *link);
size_t redis_link_in_flight(const struct redis_link *link);
/* Bytes not yet taken by the socket. */
size_t redis_link_queued(const struct redis_link *link);

/* `command`: one whole command as RESP (store/resp.h), copied. The reply (NULL: lost or past its deadline) is valid during the
 * call. -1 when the link is not ready; `answered` is then not called. */
typedef void redis_answered(void *arg, const struct redisReply *reply);
int redis_link_send(struct redis_link *link, struct span command, redis_answered *answered, void *arg);
/* For faults that only the caller can see: brings the connection down and starts anew. */
void redis_link_reset(struct redis_link *link, const char *why);

struct redis_subscriber;
struct redis_subscriber_hooks {
    /* All channels are confirmed: from now on nothing published is missed until lost(). */
    void (*subscribed)(void *arg);
    void (*message)(void *arg, struct span channel, struct span payload);
    void (*lost)(void *arg, const char *why);
};
/* `channels` are copied. */
struct redis_subscriber *redis_subscriber_create(struct loop *loop, const struct redis_config *config,
                                                 const char *const *channels, size_t count,
                                                 const struct redis_subscriber_hooks *hooks, void *arg);
void redis_subscriber_destroy(struct redis_subscriber *s);
bool redis_subscriber_ready(const struct redis_subscriber *s);
void redis_subscriber_reset(struct redis_subscriber *s, const char *why);

#endif
