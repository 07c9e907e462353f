/* SPDX-License-Identifier: MIT */
/* Clients between the gate and their WebSocket.
 *
 * One with an upstream is admitted when that has agreed; when it refuses or can't be reached, the socket goes back to
 * the gate. A phone is admitted when its session stands in Redis, so that whoever has seen it open finds it
 * online, and an old connection that dies in that very moment is not its user's last one. Without Redis, or
 * when the answer takes long, it is admitted all the same and its session is written later. */
#ifndef PRESENCE_WS_HANDOFF_H
#define PRESENCE_WS_HANDOFF_H

#include "connections.h"
#include "relay/upstream.h"

struct handoffs;

/* The gate's functions of these names. */
struct handoffs_hooks {
    void (*refuse)(void *arg, int fd, const char *peer, const struct gate_refusal *refusal);
    void (*pass_refusal)(void *arg, int fd, const char *peer, int status, struct span answer);
};

struct handoffs_config {
    const struct config *config;
    struct loop *loop;
    struct wheel *wheel; /* in the loop's time */
    struct redis_glue *redis;
    struct connections *connections;
    struct admission *admission;
    const struct handoffs_hooks *hooks;
    void *arg; /* of the hooks */
};

/* Copies the config; what it points at outlives the handoffs. */
struct handoffs *handoffs_create(const struct handoffs_config *config);
/* After handoffs_end. */
void handoffs_destroy(struct handoffs *h);
/* Takes over the socket, the token and the place; the rest is copied. */
void handoffs_begin(struct handoffs *h, const struct arrival *arrival);
/* At once: who waits for Redis is admitted, who waits for an upstream is refused. */
void handoffs_end(struct handoffs *h);
/* Those of a user, or of one device of it, are closed once they are admitted. */
void handoffs_kick(struct handoffs *h, struct span user, struct span device);
/* The hook sessions.entered; arg: the handoffs. */
void handoffs_entered(void *arg, struct session *session);

#endif
