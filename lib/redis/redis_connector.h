/* SPDX-License-Identifier: MIT */
/* Gets and keeps one connection to Redis: down -> resolving -> connecting -> greeting -> up -> down …, for
 * redis_link.c and redis_subscriber.c. With sentinels each try first asks them in turn, beginning with the
 * one that answered last, and takes the master they name only when it says that it is one.
 *
 * The addresses of the host share config->timeout_ms to connect, the greeting has as long again. A try that
 * failed is followed by the next after a random part of 50 ms, 100 ms … 2 s; a connection that held for 2 s
 * begins at 50 ms. A name is resolved beside the loop, anew for each try. Ups and downs are logged, a fault
 * that repeats itself at first and every 10 minutes; of sentinels it is said which of them, and which master
 * they named. */
#ifndef REDIS_REDIS_CONNECTOR_H
#define REDIS_REDIS_CONNECTOR_H

#include "net/loop.h"
#include "redis/redis_config.h"
#include "redis/redis_fault.h"

struct redisReply;
struct redis_connector;

/* None is called from within redis_connector_create or _destroy. */
struct redis_connector_hooks {
    /* The greeting is over. run_id: see redis_link.h. */
    void (*up)(void *arg, const char *run_id);
    /* What Redis says while up, in order. Valid during the call; where it returns true, until a later call
     * returns false. */
    bool (*reply)(void *arg, const struct redisReply *reply);
    /* Follows each up(). */
    void (*down)(void *arg, const char *why);
    /* A try failed, and another is planned; may be NULL. Not called from within redis_connector_create. */
    void (*failed)(void *arg, enum redis_fault fault, const char *why);
};

/* Begins at the loop's next turn. `name` ("commands") is for the log, NULL: nothing is logged; it, config and hooks outlive the
 * connector. */
struct redis_connector *redis_connector_create(struct loop *loop, const struct redis_config *config,
                                               const char *name, const struct redis_connector_hooks *hooks,
                                               void *arg);
void redis_connector_destroy(struct redis_connector *c);
/* The connection does what it is for: logs the up, and the next fault is news; after one that did not hold
 * for 2 s, when this one has. */
void redis_connector_confirm(struct redis_connector *c);
/* Somebody waits: the next try is made at once, without a backoff. Only behind a connection that has answered,
 * or tries would follow each other without a pause. */
void redis_connector_hurry(struct redis_connector *c);
/* Commands as RESP, copied: 0, or -1 unless up. */
int redis_connector_send(struct redis_connector *c, struct span command);
/* Brings an up connection down (down() is called within), else does nothing. */
void redis_connector_reset(struct redis_connector *c, const char *why);
/* "localhost:6379/0", or with sentinels "10.0.0.5:6379/0 (master mymaster by sentinel localhost:26379)". */
void redis_connector_describe(const struct redis_connector *c, char *out, size_t size);
size_t redis_connector_queued(const struct redis_connector *c);

#endif
