/* SPDX-License-Identifier: MIT */
/* The daemons of presence:nodes, at most NODES_MAX. */
#ifndef PRESENCE_CTL_NODES_H
#define PRESENCE_CTL_NODES_H

#include "ctl.h"

#define NODES_MAX      256
#define NODES_ALIVE_MS 5000 /* daemons say every second that they are alive */
#define NODES_WS       "presence-ws"
#define NODES_API      "presence-api"
#define NODES_EXPIRYD  "presence-expiryd"

struct nodes {
    struct redisReply *reply;
    struct node items[NODES_MAX];
    size_t count;
    int64_t now_ms; /* Redis's time when they were read */
};

/* 0, and the caller calls nodes_finish; or an exit code. */
int nodes_load(struct ctl *c, struct nodes *ret);
void nodes_finish(struct nodes *n);
bool nodes_is_alive(const struct nodes *n, const struct node *node);
/* How many of that program are alive. */
size_t nodes_alive(const struct nodes *n, const char *program);
/* "presence-ws 1a2b3c4d at 127.0.0.1:3000", or "node 1a2b3c4d, which is gone"; printable. */
void nodes_describe(const struct nodes *n, struct span name, struct bytes *out);

#endif
