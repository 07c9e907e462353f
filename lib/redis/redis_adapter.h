/* SPDX-License-Identifier: MIT */
/* One connection to Redis on the loop, from connect to close: a socket, TLS over it where wanted, and hiredis's
 * reader, which takes answers of any shape. No deadlines, no second try: that is redis_connector.h. */
#ifndef REDIS_REDIS_ADAPTER_H
#define REDIS_REDIS_ADAPTER_H

#include "base/bytes.h"
#include "net/loop.h"

struct redisReply;
struct redis_adapter;
struct redis_config;

struct redis_adapter_hooks {
    /* Connected, and with TLS the server has proved its name; commands may be sent. Must not close the adapter. */
    void (*opened)(void *arg);
    /* Whatever Redis says, in order: answers, messages, or what nobody asked for. Valid during the call; where
     * it returns true, until a later call returns false. */
    bool (*reply)(void *arg, const struct redisReply *reply);
    /* It is over, and the adapter gone; no hook is called any more. */
    void (*closed)(void *arg, const char *why);
};

/* Where to: a unix socket, or the numeric address of a host. */
struct redis_adapter_place {
    const char *unix_path; /* NULL: TCP */
    const char *ip;
    int port;
    const char *host; /* as TLS expects it in the certificate */
};

/* Begins to connect, with TLS where `config` says so. NULL: failed at once, and `why` (of `size` bytes) says
 * so. */
struct redis_adapter *redis_adapter_open(struct loop *loop, const struct redis_config *config,
                                         const struct redis_adapter_place *place,
                                         const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                         size_t size);
/* What it waits for while opened() has not come. */
const char *redis_adapter_lateness(const struct redis_adapter *a);
/* Closes without calling any hook; also from within reply(). The adapter is gone. */
void redis_adapter_close(struct redis_adapter *a);
/* Queues commands (RESP), copied, which are written at the end of the loop's turn. */
void redis_adapter_send(struct redis_adapter *a, struct span commands);
/* Bytes not yet taken by the socket. */
size_t redis_adapter_queued(const struct redis_adapter *a);

#endif
