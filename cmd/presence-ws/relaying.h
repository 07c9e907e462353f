/* SPDX-License-Identifier: MIT */
/* What upstreams send, on its way to the clients of presence-ws: the hooks of lib/relay, whose owners are clients. */
#ifndef PRESENCE_WS_RELAYING_H
#define PRESENCE_WS_RELAYING_H

#include "config.h"
#include "relay/relay.h"

/* NULL: there are no upstreams. */
struct relays *relaying_create(const struct config *config, struct loop *loop);
void relaying_gather_metrics(const struct relays *rs);

#endif
