/* The revoker: keeps a server's list of revoked tokens equal to the store's, and the store's whole.
 *
 * It hears of each at once (presence:control), reads the list whenever its version is another than the one
 * known, and after another epoch says what it holds, so that a Redis that lost its memory gets it back from
 * any server. An I/O-free machine like the asserter. */
#ifndef STORE_REVOKER_H
#define STORE_REVOKER_H

#include "presence/revocation.h"
#include "store/commands.h"
#include "wire/control.h"

struct revoker_hooks {
    /* Sends one command; its answer comes back to revoker_answer. -1: not connected. */
    int (*send)(void *arg, struct span command);
    /* More tokens are revoked than before: look at the connections. */
    void (*revoked)(void *arg);
};

struct revoker {
    const struct revoker_hooks *hooks;
    void *arg;
    const struct store *store;
    struct revocations list;
    uint64_t version; /* of the store's list, when it was read last */
    bool due;         /* to be said and read */
    bool waiting, text;
    struct bytes command;
};

void revoker_init(struct revoker *r, const struct store *store, const struct revoker_hooks *hooks, void *arg);
void revoker_finish(struct revoker *r);
void revoker_disconnected(struct revoker *r);
/* Another epoch: what was in the store may be gone. */
void revoker_epoch(struct revoker *r);
/* The version that an answer told, each second. */
void revoker_version(struct revoker *r, uint64_t version);
/* presence:control's `revoke`. */
void revoker_control(struct revoker *r, const struct control *control);
/* Sends what is due; every 50 ms or so while connected. now_ms: Redis's. */
void revoker_tick(struct revoker *r, int64_t now_ms);
void revoker_answer(struct revoker *r, const struct redisReply *reply);

#endif
