/* Gets and keeps one connection to Redis: down -> resolving -> connecting -> greeting -> up -> down …, for
 * redis_link.c and redis_subscriber.c. With sentinels each try first asks them in turn, beginning with the
 * one that answered last, and takes the master they name only when it says that it is one.
 *
 * The addresses of the host share config->timeout_ms to connect, the greeting has as long again. A try that
 * failed is followed by the next after a random part of 50 ms, 100 ms … 2 s; a connection that held for 2 s
 * begins at 50 ms. A name is resolved beside the loop, anew for each try. Ups and downs are logged, a fault
 * that repeats itself only once. */
#ifndef NET_REDIS_CONNECTOR_H
#define NET_REDIS_CONNECTOR_H

#include "net/loop.h"
#include "net/redis_config.h"

struct redisReply;
struct redis_connector;

/* None is called from within redis_connector_create or _destroy. */
struct redis_connector_hooks {
    /* The greeting is over. run_id: see redis_link.h. */
    void (*up)(void *arg, const char *run_id);
    /* What Redis says while up, in order. Valid during the call. */
    void (*reply)(void *arg, const struct redisReply *reply);
    /* Follows each up(). */
    void (*down)(void *arg, const char *why);
};

/* Begins at the loop's next turn. `name` ("commands") is for the log; it, config and hooks outlive the
 * connector. */
struct redis_connector *redis_connector_create(struct loop *loop, const struct redis_config *config,
                                               const char *name, const struct redis_connector_hooks *hooks,
                                               void *arg);
void redis_connector_destroy(struct redis_connector *c);
/* The connection does what it is for: logs the up, and the next fault is news. */
void redis_connector_confirm(struct redis_connector *c);
/* One command as RESP, copied: 0, or -1 unless up. */
int redis_connector_send(struct redis_connector *c, struct span command);
/* Brings an up connection down (down() is called within), else does nothing. */
void redis_connector_reset(struct redis_connector *c, const char *why);
size_t redis_connector_queued(const struct redis_connector *c);

#endif
