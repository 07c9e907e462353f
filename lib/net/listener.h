/* SPDX-License-Identifier: MIT */
/* Where a program listens: TCP on both families, unix sockets, or sockets handed over by systemd (the manual
 * pages). */
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
    bool unlinked[LISTEN_MAX];  /* ours was removed: what stands there now is somebody else's */
    size_t count;
};

/* `spec`: addresses separated by commas: `3000` and `localhost:3000` (both loopback addresses),
 * `127.0.0.1:3000`,
 * `[::1]:3000`, `*:3000` (all of both families), `unix:/path` (mode 0660; a stale socket file nobody answers
 * on is replaced), `systemd` (LISTEN_FDS of this process). Names are not looked up. Port 0 lets the kernel
 * choose; names[] tell. Of a name that stands for both families one that the machine lacks is left out, with
 * a warning in the log, when the other works; an address that is written out must work. Non-blocking,
 * close-on-exec, backlog 4096. With reuseport several processes may share a port. 0; -1 with a sentence in
 * error that names the address ("port 3000 is in use …"), and nothing is left open. */
int listener_open(const char *spec, bool reuseport, struct listen_set *ret, char *error, size_t size);
/* Only what listener_open would refuse for its form, without opening anything. Also fills names[], loopback[]
 * and is_unix[]; fds[] are -1. `systemd` counts as not loopback, since only the opened sockets tell. */
int listener_check(const char *spec, struct listen_set *ret, char *error, size_t size);
/* Removes the unix socket files, so that nobody new finds the sockets. */
void listener_unlink(struct listen_set *set);
/* The same, and closes. */
void listener_close_socket(struct listen_set *set);

struct listener; /* accepts on a loop */
/* `accepted` owns fd (non-blocking, close-on-exec, TCP_NODELAY). `peer` is "127.0.0.1", "::1" or "unix",
 * valid during the call. When descriptors run out, accepting pauses for 100 ms at a time and `exhausted` is
 * called (may be NULL), so that the loop does not spin. */
struct listener_hooks {
    void (*accepted)(void *arg, int fd, const char *peer);
    void (*exhausted)(void *arg);
    /* Connections that come by the hundred each second (LISTENER_MANY) wait for up to 8 ms (loop_coalesce), and are
     * accepted together. */
    bool gathers;
};
#define LISTENER_MANY 250
struct listener *listener_create(struct loop *loop, const struct listen_set *set,
                                 const struct listener_hooks *hooks, void *arg);
/* The program drains: sockets that systemd handed over are left alone from now on, since whoever waits there
 * is the next instance's; all others are accepted from as before. */
void listener_drain(struct listener *listener);
/* No handshake of TCP begins any more; those that are under way come to their end, and are accepted from as
 * before. */
void listener_shut(struct listener *listener);
/* Accepts all that wait now, as the last thing before the sockets are closed: the kernel would reset them. */
void listener_empty(struct listener *listener);
/* Stops accepting; the set stays the caller's. May be called from `accepted`. NULL is fine. */
void listener_destroy(struct listener *listener);

#endif
