/* The sweeper: turns passed deadlines into offline transitions, by sending the expire script again and again.
 *
 * Every interval, sooner when the index's next entry is due sooner, at once when a sweep was full. After the
 * connection was lost, or in another epoch, it first waits until the servers that lived at the last contact
 * have spoken again (presence/recovery.h): the script's own hold-back begins with the first sweep, and a
 * server may need a backoff's time longer than we do to find Redis. An I/O-free machine like the asserter:
 * commands go out through a hook, answers come in, time is an argument (monotonic ms). */
#ifndef STORE_SWEEPER_H
#define STORE_SWEEPER_H

#include "presence/recovery.h"
#include "store/commands.h"

#define SWEEPER_LIMIT    500  /* entries of the index a sweep looks at */
#define SWEEPER_GAP_MS   1000 /* a longer silence between sweeps proves nothing (contract section 4) */
#define SWEEPER_FLOOR_MS 10   /* between sweeps that are not full */
#define SWEEPER_NEVER    INT64_MAX

struct sweeper_hooks {
    /* Sends one command; its answer comes back to sweeper_answer. -1: not connected. */
    int (*send)(void *arg, struct span command);
    void (*swept)(void *arg, const struct expire_answer *answer);
    /* This connection can't be used (a replica): bring it down. */
    void (*reset)(void *arg, const char *why);
};

struct sweeper_config {
    int64_t interval_ms; /* 1 to SWEEPER_GAP_MS / 2 */
    int64_t holdback_ms; /* 0: nobody is waited for either */
};

struct sweeper {
    const struct sweeper_hooks *hooks;
    void *arg;
    struct sweeper_config config;
    const struct store *store;
    bool connected, waiting, text;
    int64_t sent_ms, next_ms;
    int64_t swept_ms; /* of the last answer; SWEEPER_NEVER: none yet */
    int64_t held_ms;  /* what that one said */
    struct recovery recovery;
    int64_t resumed_redis_ms; /* Redis's time at the first registration on this connection; 0: not yet */
    struct bytes command;
};

void sweeper_init(struct sweeper *s, const struct sweeper_config *config, const struct store *store,
                  const struct sweeper_hooks *hooks, void *arg);
void sweeper_finish(struct sweeper *s);
/* The link is up (and the store knows its run_id), or down. */
void sweeper_connected(struct sweeper *s, bool connected, int64_t now_ms);
/* The daemons, as each registration tells. Sweeps begin with the first on a connection. */
void sweeper_nodes(struct sweeper *s, const struct node_answer *answer, int64_t now_ms);
void sweeper_answer(struct sweeper *s, const struct redisReply *reply, int64_t now_ms);
/* Sweeps if it is time. */
void sweeper_tick(struct sweeper *s, int64_t now_ms);
/* Something hints at a deadline: sweep soon. */
void sweeper_wake(struct sweeper *s, int64_t now_ms);
/* When to tick next; SWEEPER_NEVER while an answer is awaited or nothing can be done. */
int64_t sweeper_due(const struct sweeper *s);
/* Still waiting for servers. */
bool sweeper_recovering(const struct sweeper *s);

#endif
