/* SPDX-License-Identifier: MIT */
/* A stand-in for a push-to-talk router, to load and to break what stands in front of one: whoever sends [0, 15, id, group, …]
 * is a member of that group from then on, and what a client sends to a group as [0, type, id, group, …] goes to all other
 * members as it came. Nothing is acknowledged, and nobody is checked but for the token. */
#ifndef SIM_ROUTER_H
#define SIM_ROUTER_H

#include "net/loop.h"

#include <stddef.h>

struct router;

/* listen: as listener_open has it. secret: tokens are checked with it; NULL: they are user ids. NULL with a
 * sentence in error. */
struct router *router_open(struct loop *loop, const char *listen, const char *secret, char *error,
                           size_t size);
/* Where it listens: the first address. */
const char *router_address(const struct router *r);
/* After loop_run has returned. NULL is fine. */
void router_close(struct router *r);

#endif
