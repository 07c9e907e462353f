/* SPDX-License-Identifier: MIT */
/* A dashboard: watches, keeps what it was told in a view checker (presence/view checker.h), and comes back when it
 * loses its server. */
#ifndef SIM_DASHBOARD_H
#define SIM_DASHBOARD_H

#include "base/rng.h"
#include "client.h"
#include "sim.h"

struct dashboard;

struct dashboard_config {
    const char *name;
    const char *user;         /* NULL: the name */
    const char *role;         /* NULL: dashboard */
    const char *groups;       /* the claim, separated by ','; NULL: none */
    const char *watch_groups; /* the interest, likewise; NULL: not said */
    const char *watch_users;
    struct server *const *servers;
    size_t server_count;
    enum sim_encoding encoding;
    bool batch;
    bool resume; /* asks for what it missed instead of a snapshot */
    uint64_t seed;
    /* Each message before it is read: true when it is dealt with, and not for the view checker. May be NULL. */
    bool (*raw)(void *arg, struct dashboard *d, struct span data, bool binary);
    /* Each message read; may be NULL. */
    void (*told)(void *arg, struct dashboard *d, const struct client_message *message);
    /* What it shows of a user changed; may be NULL. */
    void (*shown)(void *arg, struct dashboard *d, const struct view_entry *view_entry);
    void (*changed)(void *arg, struct dashboard *d); /* its state; may be NULL */
    void *arg;
};

enum dashboard_state { DASHBOARD_OFF, DASHBOARD_CONNECTING, DASHBOARD_OPEN };

struct dashboard {
    struct sim *sim;
    struct dashboard_config config; /* its texts are the dashboard's own */
    size_t server;
    enum dashboard_state state;
    bool stopped; /* does not come back by itself */
    struct ws_client *client;
    struct wheel_timer retry;
    struct rng rng;
    struct view_checker view_checker;
    uint64_t
        snapshots_at_open; /* view checker.snapshots when it connected: more means that its view is of now */
    bool store_lost;       /* as the server's last HELLO says: the view is from before */
    bool store_turned;     /* the HELLO that is being read says other than the one before */
    bool resumed; /* it connected with a since, and was told that its view is whole without a snapshot */
    char epoch[64];
    uint64_t rev;
    int attempts;
    bool has_ended;
    enum ws_end end;
    int end_code;
    uint64_t messages, bytes;
};

struct dashboard *dashboard_create(struct sim *sim, const struct dashboard_config *config);
void dashboard_destroy(struct dashboard *d);
void dashboard_connect(struct dashboard *d);
void dashboard_close(struct dashboard *d);
void dashboard_abort(struct dashboard *d);
/* Reads no more, as a hung browser: the server's queue for it grows. */
void dashboard_freeze(struct dashboard *d);
void dashboard_thaw(struct dashboard *d);
/* Connected, and its view is that of this connection. */
bool dashboard_ready(const struct dashboard *d);
int dashboard_send(struct dashboard *d, struct span payload, bool binary);

#endif
