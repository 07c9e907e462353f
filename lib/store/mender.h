/* The mender: walks through what stands in Redis now and then, and has the repair script put right what other
 * writers left (contract section 4, "adopted"; section 5).
 *
 * A pass goes over the names of the users' keys (SCAN) and over the index (ZSCAN) in pages, and asks for the
 * repair of their users in batches; in the index only of batches in which some user's key is missing, and
 * over the meta records, which outlive their users, only every MENDER_META_EVERY-th time. One command is
 * under way at a time, and it rests longer than each took, so that Redis is not hogged; any number of daemons
 * may do so, and a jitter keeps them apart. An I/O-free machine; time is an argument (monotonic ms). */
#ifndef STORE_MENDER_H
#define STORE_MENDER_H

#include "base/random.h"
#include "store/commands.h"

#define MENDER_PAGE       500
#define MENDER_BATCH      200
#define MENDER_META_EVERY 4
#define MENDER_NEVER      INT64_MAX

struct mender_hooks {
    /* Sends one command; its answer comes back to mender_answer. -1: not connected. */
    int (*send)(void *arg, struct span command);
    /* One user's outcome: the letters of repair.lua. */
    void (*mended)(void *arg, char outcome);
};

struct mender_config {
    int64_t interval_ms; /* from pass to pass, give or take a quarter; 0: never */
    int64_t ttl_ms;
    int64_t longest_ms; /* see store_repair */
    uint64_t seed;
};

enum mender_phase { MENDER_RESTING, MENDER_KEYS, MENDER_INDEX };
/* The command under way: a page of names, whether all keys of a batch are there, a repair. */
enum mender_command { MENDER_ASKS_PAGE, MENDER_ASKS_KEYS, MENDER_ASKS_REPAIR };

struct mender {
    const struct mender_hooks *hooks;
    void *arg;
    struct mender_config config;
    const struct store *store;
    struct rng rng;
    enum mender_phase phase;
    bool connected, waiting, text;
    enum mender_command command_kind;
    bool suspect;              /* a key of the next batch is missing */
    char cursor[24];           /* of the phase; "" when the phase has no further page */
    struct bytes users;        /* of the page, each behind a newline */
    struct span left;          /* of them, those not yet repaired */
    size_t batch, batch_count; /* bytes and users of `left` that the command under way covers */
    int64_t sent_ms, next_ms;
    uint64_t passes;
    struct bytes command;
};

void mender_init(struct mender *m, const struct mender_config *config, const struct store *store,
                 const struct mender_hooks *hooks, void *arg);
void mender_finish(struct mender *m);
/* Down: the pass is given up, another follows. */
void mender_connected(struct mender *m, bool connected, int64_t now_ms);
void mender_answer(struct mender *m, const struct redisReply *reply, int64_t now_ms);
void mender_tick(struct mender *m, int64_t now_ms);
/* When to tick next; MENDER_NEVER while an answer is awaited or nothing can be done. */
int64_t mender_due(const struct mender *m);

#endif
