/* SPDX-License-Identifier: MIT */
/* A phone: one user's device, which connects, beats, falls silent, leaves in all the ways phones do, and
 * returns.
 *
 * It tells the oracle (oracle.h) whatever it does, as far as the network could carry it: beats behind
 * a frozen connection do not count. */
#ifndef SIM_PHONE_H
#define SIM_PHONE_H

#include "base/rng.h"
#include "sim.h"

enum phone_state {
    PHONE_OFF, /* no connection; it may be waiting to connect again */
    PHONE_CONNECTING,
    PHONE_OPEN,
    PHONE_CLOSING /* the close frame is out */
};

struct link; /* one connection of a phone */
struct phone;

struct phone_config {
    const char *name; /* shown and recorded */
    const char *user;
    const char *device;            /* NULL: the name */
    const char *groups;            /* separated by ',', NULL: no claim */
    const char *role;              /* NULL: mobile */
    struct server *const *servers; /* where it connects: the first, and after a loss the next in turn */
    size_t server_count;
    int64_t beat_ms; /* 0: what HELLO says, else 30 s; negative: never by itself */
    bool reconnect;  /* comes back by itself after losing its server */
    enum sim_encoding encoding;
    uint64_t seed; /* of its own decisions */
    /* The state has changed; may be NULL. */
    void (*changed)(void *arg, struct phone *phone);
    void *arg;
};

struct phone {
    struct sim *sim;
    struct phone_config config; /* its texts are the phone's own */
    size_t server;              /* index of the one in use */
    enum phone_state state;
    bool silent; /* holds its connection and sends no beats */
    struct link *link;
    struct list left_behind;        /* connections in a network the phone has left */
    struct wheel_timer beat, retry; /* retry: the connect's deadline, then the wait for the next */
    struct rng rng;
    int64_t hello_beat_ms;
    int attempts;
    uint64_t opened; /* connections so far */
    /* phone_on_message */
    void (*message)(void *arg, struct phone *phone, struct span data);
    void *message_arg;
    /* How the last connection ended. */
    bool has_ended;
    enum ws_end end;
    int end_code;
};

struct phone *phone_create(struct sim *sim, const struct phone_config *config);
/* Drops what is open. */
void phone_destroy(struct phone *p);

void phone_connect(struct phone *p);
/* One beat now: 0, or -1 when the phone has no open connection. */
int phone_beat(struct phone *p);
void phone_set_silent(struct phone *p, bool silent);
/* The ways to leave; nothing happens without a connection, and the phone does not come back by itself. */
void phone_close(struct phone *p);      /* a close frame, 1000 */
void phone_drop(struct phone *p);       /* FIN: the app was killed */
void phone_abort(struct phone *p);      /* RST */
void phone_half_close(struct phone *p); /* FIN, and stays to read */
/* The network is dead in both directions, and alive again. */
void phone_freeze(struct phone *p);
void phone_thaw(struct phone *p);
bool phone_frozen(const struct phone *p);
/* Changes the network: the old connection stays behind, dead; a new one goes to `server` (NULL: the next). */
void phone_roam(struct phone *p, struct server *server);
/* Resets the connections left behind. */
void phone_forget(struct phone *p);
/* Of its connection in use, messages of other types than presence's. NULL: nobody asks. */
void phone_on_message(struct phone *p, void (*message)(void *arg, struct phone *phone, struct span data),
                      void *arg);
/* Sends bytes as one message, for rule breakers: 0 or -1. */
int phone_send(struct phone *p, struct span payload, bool binary);

#endif
