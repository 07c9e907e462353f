/* SPDX-License-Identifier: MIT */
/* The upstreams of PRESENCE_UPSTREAM, and which of them a user belongs to. Pure. */
#ifndef RELAY_UPSTREAM_LIST_H
#define RELAY_UPSTREAM_LIST_H

#include "base/bytes.h"

#define UPSTREAMS_MAX 64

struct upstream_address {
    char text[280]; /* as it was written */
    char host[256]; /* without brackets; empty: a unix socket */
    int port;
    char path[108];
};

struct upstream_list {
    size_t count;
    struct upstream_address *at;
};

/* `ws://host[:port]` (port 80 without) and `unix:/path`, separated by commas; NULL and "": none. 0, the list
 * being the caller's; -1 with a sentence in error: also for a path, since clients' own paths are asked for, and
 * for wss://, naming the way out. */
int upstream_list_parse(const char *text, struct upstream_list *ret, char *error, size_t size);
void upstream_list_finish(struct upstream_list *list);
/* Of at least one: the same on every server, whatever the order of the list; when an upstream joins or leaves
 * the list, only users of that one change (rendezvous hashing). */
size_t upstream_list_choose(const struct upstream_list *list, struct span user);

#endif
