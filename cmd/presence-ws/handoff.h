/* SPDX-License-Identifier: MIT */
/* Phones between the gate and their WebSocket: one is admitted when its session stands in Redis, so that
 * whoever has seen it open finds it online, and an old connection that dies in that very moment is not its
 * user's last one. Without Redis, or when the answer takes long, it is admitted all the same and its session
 * is written later. */
#ifndef PRESENCE_WS_HANDOFF_H
#define PRESENCE_WS_HANDOFF_H

#include "connections.h"

struct handoffs;

/* All that it is given outlives it. */
struct handoffs *handoffs_create(struct loop *loop, struct wheel *wheel, struct redis_glue *redis,
                                 struct connections *connections, struct admission *admission);
/* After handoffs_admit_all. */
void handoffs_destroy(struct handoffs *h);
/* As websocket_adopt, at once or later. Takes over the socket, the token and the place. */
void handoffs_begin(struct handoffs *h, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol);
/* At once, whoever still waits. */
void handoffs_admit_all(struct handoffs *h);
/* Those of a user, or of one device of it, are closed once they are admitted. */
void handoffs_kick(struct handoffs *h, struct span user, struct span device);
/* The hook sessions.entered; arg: the handoffs. */
void handoffs_entered(void *arg, struct session *session);

#endif
