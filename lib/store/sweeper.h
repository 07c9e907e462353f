/* SPDX-License-Identifier: MIT */
/* The sweeper: turns passed deadlines into offline transitions, by sending the expire script again and again.
 *
 * Every interval, sooner when the index's next entry is due sooner, at once when a sweep was full. After the
 * connection was lost, or in another epoch, it first waits until the servers that lived at the last contact
 * have spoken again (the registry's recovery, NODE_REGISTRY_CONNECTION): the script's own hold-back begins
 * with the first sweep, and a server may need a backoff's time longer than this daemon to find Redis. An
 * I/O-free machine: commands go out through a hook, answers come in through store_request_answered, time is an
 * argument (monotonic ms). */
#ifndef STORE_SWEEPER_H
#define STORE_SWEEPER_H

#include "presence/recovery.h"
#include "store/commands.h"
#include "store/store_request.h"

#define SWEEPER_LIMIT    500  /* entries of the index a sweep looks at */
#define SWEEPER_GAP_MS   1000 /* a longer silence between sweeps proves nothing (KEYS.md) */
#define SWEEPER_FLOOR_MS 10   /* between sweeps that are not full */
/* A sweep that looked at fewer entries, and left none that is due, is followed by the next as soon as an entry is. */
#define SWEEPER_FEW   8
#define SWEEPER_NEVER INT64_MAX

struct sweeper_hooks {
    store_send send;
    void (*swept)(void *arg, const struct expire_answer *answer);
    /* This connection can't be used (a replica): bring it down. */
    void (*reset)(void *arg, const char *why);
};

struct sweeper_config {
    int64_t interval_ms; /* 1 to SWEEPER_GAP_MS / 2 */
    int64_t holdback_ms; /* the script's; 0: none */
};

struct sweeper {
    const struct sweeper_hooks *hooks;
    void *arg;
    struct sweeper_config config;
    const struct store *store;
    struct recovery *recovery;
    struct store_request request;
    bool registered;
    int64_t next_ms;
    int64_t swept_ms; /* of the last answer; SWEEPER_NEVER: none yet */
    int64_t held_ms;  /* what that one said */
};

void sweeper_init(struct sweeper *s, const struct sweeper_config *config, const struct store *store,
                  struct recovery *recovery, const struct sweeper_hooks *hooks, void *arg);
void sweeper_finish(struct sweeper *s);
/* A registration was answered: sweeps begin with the first on a connection. */
void sweeper_registered(struct sweeper *s, int64_t now_ms);
void sweeper_disconnected(struct sweeper *s);
/* Sweeps if it is time. */
void sweeper_tick(struct sweeper *s, int64_t now_ms);
/* Something hints at a deadline: sweep soon. */
void sweeper_wake(struct sweeper *s, int64_t now_ms);
/* When to tick next; SWEEPER_NEVER while an answer is awaited or nothing can be done. */
int64_t sweeper_due(const struct sweeper *s);

#endif
