/* One connection of hiredis on the loop, from connect to close: the only asynchronous use of hiredis, so that
 * its rules stand in one place. No deadlines, no second try: that is redis_connector.h.
 *
 * Own event glue, since the one hiredis ships for libuv never reports a refused or reset connection. */
#ifndef NET_REDIS_ADAPTER_H
#define NET_REDIS_ADAPTER_H

#include "base/bytes.h"
#include "net/loop.h"

struct redisReply;
struct redis_adapter;

struct redis_adapter_hooks {
    /* Connected; commands may be sent. Must not close the adapter. */
    void (*opened)(void *arg);
    /* The answers in the order of the commands, then the messages subscribed to. Valid during the call. */
    void (*reply)(void *arg, const struct redisReply *reply);
    /* It is over, and the adapter gone; no hook is called any more. */
    void (*closed)(void *arg, const char *why);
};

/* Begins to connect, to a numeric address or a unix socket. NULL: failed at once, and `why` (of `size` bytes)
 * says so. */
struct redis_adapter *redis_adapter_open_tcp(struct loop *loop, const char *ip, int port,
                                             const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                             size_t size);
struct redis_adapter *redis_adapter_open_unix(struct loop *loop, const char *path,
                                              const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                              size_t size);
/* Closes without calling any hook; also from within reply(). The adapter is gone. */
void redis_adapter_close(struct redis_adapter *a);
/* Queues exactly one command (RESP), copied: 0, or -1 when the connection is going down. */
int redis_adapter_send(struct redis_adapter *a, struct span command);
/* Bytes not yet taken by the socket. */
size_t redis_adapter_queued(const struct redis_adapter *a);

#endif
