/* SPDX-License-Identifier: MIT */
/* The revocation sync: keeps a server's list of revoked tokens equal to the store's, and the store's whole.
 *
 * It hears of each at once (presence:control), reads the list whenever its version is another than the one
 * known, and after another epoch says what it holds, so that a Redis that lost its memory gets it back from
 * any server. An I/O-free machine like the others. */
#ifndef STORE_REVOCATION_SYNC_H
#define STORE_REVOCATION_SYNC_H

#include "presence/revocation.h"
#include "store/commands.h"
#include "store/store_request.h"
#include "wire/control.h"

struct revocation_sync_hooks {
    store_send send;
    /* More tokens are revoked than before: look at the connections. */
    void (*revoked)(void *arg);
};

struct revocation_sync {
    const struct revocation_sync_hooks *hooks;
    void *arg;
    const struct store *store;
    struct revocations list;
    uint64_t version; /* of the store's list, when it was read last */
    bool due;         /* to be said and read */
    struct store_request request;
};

void revocation_sync_init(struct revocation_sync *r, const struct store *store,
                          const struct revocation_sync_hooks *hooks, void *arg);
void revocation_sync_finish(struct revocation_sync *r);
void revocation_sync_disconnected(struct revocation_sync *r);
/* Another epoch: what was in the store may be gone. */
void revocation_sync_epoch(struct revocation_sync *r);
/* The version that an answer told, each second. */
void revocation_sync_version(struct revocation_sync *r, uint64_t version);
/* presence:control's `revoke`. */
void revocation_sync_control(struct revocation_sync *r, const struct control *control);
/* Sends what is due; every 50 ms or so while connected. now_ms: Redis's. */
void revocation_sync_tick(struct revocation_sync *r, int64_t now_ms);

#endif
