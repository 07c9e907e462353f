/* The open connections of HTTP clients, and how long each may stay in the phase it is in. libmicrohttpd
 * bounds only inactivity, so that a client that drips a byte a second lives for ever; here every phase has an
 * absolute deadline. Shared by the main thread, which reaps, and the threads that serve. */
#ifndef PRESENCE_API_CONNECTIONS_H
#define PRESENCE_API_CONNECTIONS_H

#include "base/list.h"
#include "counters.h"

#include <pthread.h>

enum phase {
    PHASE_HEAD,   /* connected, the first request's first line has not come */
    PHASE_IDLE,   /* likewise for a further request */
    PHASE_BODY,   /* from the first line to the whole request */
    PHASE_ANSWER, /* until the answer is taken */
};

struct connection {
    struct list link;
    int fd;
    enum phase phase; /* this and since_ms are atomic: set by the connection's thread, read by the reaper */
    int64_t since_ms; /* monotonic; of the phase */
    bool doomed;      /* shut down by us, its thread will close it; under the lock */
};

struct connections {
    pthread_mutex_t lock;
    struct list all;
    size_t count;             /* not doomed */
    size_t entering;          /* handed to a thread that has not begun with them */
    int64_t limit_ms[REAPED]; /* by phase */
};

void connections_init(struct connections *c, int64_t request_timeout_ms, int64_t idle_timeout_ms);
void connections_finish(struct connections *c);
/* Accepted, on its way to a thread; connections_add or connections_lost follows. */
void connections_enter(struct connections *c);
void connections_lost(struct connections *c);
/* Its thread has it. The fd is open until connections_remove. */
struct connection *connections_add(struct connections *c, int fd, int64_t now_ms);
/* Before the fd is closed. */
void connections_remove(struct connections *c, struct connection *connection);
void connection_enter(struct connection *connection, enum phase phase, int64_t now_ms);

/* Open ones and those on their way. */
size_t connections_count(struct connections *c);
/* Shuts down those past their deadline; their threads close them. */
void connections_reap(struct connections *c, int64_t now_ms);
/* Makes room by shutting down the one that has waited longest for a request; false: all are in the midst of
 * one. */
bool connections_displace(struct connections *c);
/* At a drain: shuts down those that are between two requests. */
void connections_shut_idle(struct connections *c);

#endif
