/* SPDX-License-Identifier: MIT */
/* The reconciler: scans what stands in Redis now and then, and has the repair script fix what other writers
 * left (KEYS.md).
 *
 * A pass goes over the names of the users' keys (SCAN) and over the index (ZSCAN) in pages, and asks for the
 * repair of their users in batches; in the index only of batches in which some user's key is missing, and
 * over the meta records, which outlive their users, only every RECONCILER_META_EVERY-th time. One command is
 * under way at a time, and it rests longer than each took, so that Redis is not hogged; any number of daemons
 * may do so, and a jitter keeps them apart. An I/O-free machine; time is an argument (monotonic ms). */
#ifndef STORE_RECONCILER_H
#define STORE_RECONCILER_H

#include "base/rng.h"
#include "store/commands.h"
#include "store/store_request.h"

#define RECONCILER_PAGE       500
#define RECONCILER_BATCH      200
#define RECONCILER_META_EVERY 4
#define RECONCILER_NEVER      INT64_MAX

struct reconciler_hooks {
    store_send send;
    /* One user's outcome: the letters of repair.lua. */
    void (*fixed)(void *arg, char outcome);
};

struct reconciler_config {
    int64_t interval_ms; /* from pass to pass, give or take a quarter; 0: never */
    int64_t ttl_ms;      /* for a key that has none; the owner may change it */
    uint64_t seed;
};

enum reconciler_phase { RECONCILER_RESTING, RECONCILER_KEYS, RECONCILER_INDEX };
/* The command under way: a page of names, whether all keys of a batch are there, a repair. */
enum reconciler_command { RECONCILER_ASKS_PAGE, RECONCILER_ASKS_KEYS, RECONCILER_ASKS_REPAIR };

struct reconciler {
    const struct reconciler_hooks *hooks;
    void *arg;
    struct reconciler_config config;
    const struct store *store;
    struct rng rng;
    enum reconciler_phase phase;
    bool connected;
    enum reconciler_command command;
    struct store_request request;
    bool suspect;              /* a key of the next batch is missing */
    char cursor[24];           /* of the phase; "" when the phase has no further page */
    struct bytes users;        /* of the page, each behind a newline */
    struct span left;          /* of them, those not yet repaired */
    size_t batch, batch_count; /* bytes and users of `left` that the command under way covers */
    int64_t next_ms;
    uint64_t passes;
};

void reconciler_init(struct reconciler *r, const struct reconciler_config *config, const struct store *store,
                     const struct reconciler_hooks *hooks, void *arg);
void reconciler_finish(struct reconciler *r);
/* Down: the pass is given up, another follows. */
void reconciler_connected(struct reconciler *r, bool connected, int64_t now_ms);
void reconciler_tick(struct reconciler *r, int64_t now_ms);
/* When to tick next; RECONCILER_NEVER while an answer is awaited or nothing can be done. */
int64_t reconciler_due(const struct reconciler *r);

#endif
