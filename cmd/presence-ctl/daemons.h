/* SPDX-License-Identifier: MIT */
/* What the daemons say over HTTP: those of presence:nodes that are alive, or those at --address. */
#ifndef PRESENCE_CTL_DAEMONS_H
#define PRESENCE_CTL_DAEMONS_H

#include "nodes.h"

struct daemon {
    char *address;
    char *program; /* "" when only its address is known */
    int status;    /* of the HTTP answer; 0: none */
    struct bytes body;
    char error[300]; /* why there is none */
};

struct daemons {
    struct daemon *items;
    size_t count;
};

/* From the nodes or --address; the caller calls daemons_finish. */
void daemons_init(struct daemons *d, const struct config *config, const struct nodes *nodes);
void daemons_finish(struct daemons *d);
/* Asks all for `path`, one after the other, timeout_ms each. Returns how many answered with 200. */
size_t daemons_ask(struct daemons *d, const char *path, int64_t timeout_ms);

#endif
