/* Where a program listens: TCP on both families, unix sockets, or sockets handed over by systemd (contract
 * section 1). */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/loop.h"

#include <stddef.h>

#define LISTEN_MAX 16

struct listen_set {
    int fds[LISTEN_MAX];
    char names[LISTEN_MAX][128]; /* "127.0.0.1:3000", "[::1]:3000", "unix:/run/x.sock" */
    bool loopback[LISTEN_MAX];   /* only this machine can reach it */
    bool is_unix[LISTEN_MAX];
    bool inherited[LISTEN_MAX]; /* systemd's: its socket file is not ours to remove */
    size_t count;
};

/* `spec`: addresses separated by commas: `3000` and `localhost:3000` (both loopback addresses),
 * `127.0.0.1:3000`,
 * `[::1]:3000`, `*:3000` (all of both families), `unix:/path` (mode 0660; a stale socket file nobody answers
 * on is replaced), `systemd` (LISTEN_FDS of this process). Names are not looked up. Port 0 lets the kernel
 * choose; names[] tell. A family the machine lacks is left out when the other works. Non-blocking,
 * close-on-exec, backlog 4096. With reuseport several processes may share a port. 0; -1 with a sentence in
 * error that names the address ("port 3000 is in use …"), and nothing is left open. */
int listen_open(const char *spec, bool reuseport, struct listen_set *ret, char *error, size_t size);
/* Only what listen_open would refuse for its form, without opening anything. Also fills names[], loopback[]
 * and is_unix[]; fds[] are -1. `systemd` counts as not loopback, since only the opened sockets tell. */
int listen_check(const char *spec, struct listen_set *ret, char *error, size_t size);
/* Closes, and removes the unix socket files. */
void listen_close(struct listen_set *set);

struct listener; /* accepts on a loop */
/* `accepted` owns fd (non-blocking, close-on-exec, TCP_NODELAY). `peer` is "127.0.0.1", "::1" or "unix",
 * valid during the call. When descriptors run out, accepting pauses for 100 ms at a time and `exhausted` is
 * called (may be NULL), so that the loop does not spin. */
struct listener_hooks {
    void (*accepted)(void *arg, int fd, const char *peer);
    void (*exhausted)(void *arg);
};
struct listener *listener_create(struct loop *loop, const struct listen_set *set,
                                 const struct listener_hooks *hooks, void *arg);
/* Stops accepting; the set stays the caller's. May be called from `accepted`. NULL is fine. */
void listener_destroy(struct listener *listener);

#endif
