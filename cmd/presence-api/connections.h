/* SPDX-License-Identifier: MIT */
/* The open connections of HTTP clients, and how long each may stay in the phase it is in. libmicrohttpd
 * bounds only inactivity, so that a client that drips a byte a second lives for ever; here every phase has an
 * absolute deadline. */
#ifndef PRESENCE_API_CONNECTIONS_H
#define PRESENCE_API_CONNECTIONS_H

#include "base/list.h"
#include "counters.h"

enum phase {
    PHASE_HEAD,   /* connected, the first request's first line has not come */
    PHASE_IDLE,   /* likewise for a further request */
    PHASE_BODY,   /* from the first line to the whole request */
    PHASE_ANSWER, /* until the answer is taken */
    PHASE_OURS,   /* the request is whole, and not answered: not the client's time, and without a deadline */
};

struct connection {
    struct list link;
    int fd;
    enum phase phase;
    int64_t since_ms; /* monotonic; of the phase */
    bool doomed;      /* shut down by us, the library will close it */
};

struct connections {
    struct list all;
    size_t count;             /* not doomed */
    size_t entering;          /* kept by the owner: given to the library, which has not begun with them */
    int64_t limit_ms[REAPED]; /* by phase */
};

void connections_init(struct connections *c, int64_t request_timeout_ms, int64_t idle_timeout_ms);
/* The library has begun with one of those entering. The fd is open until connections_remove. */
struct connection *connections_add(struct connections *c, int fd, int64_t now_ms);
/* Before the fd is closed. */
void connections_remove(struct connections *c, struct connection *connection);
void connection_enter(struct connection *connection, enum phase phase, int64_t now_ms);

/* Open ones and those entering. */
static inline size_t connections_count(const struct connections *c)
{
    return c->count + c->entering;
}
/* Shuts down those past their deadline. */
void connections_reap(struct connections *c, int64_t now_ms);
/* Makes room by shutting down the one that has waited longest for a request; false: all are in the midst of
 * one. */
bool connections_displace(struct connections *c);
/* At a drain: shuts down those that have waited for a request since then or longer. */
void connections_shut_idle(struct connections *c, int64_t since_ms);

#endif
