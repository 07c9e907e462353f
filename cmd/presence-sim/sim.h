/* SPDX-License-Identifier: MIT */
/* What everything in one run shares: loop, timers, servers, tokens, the truth, the history, the counters. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/random.h"
#include "base/wheel.h"
#include "client.h"
#include "options.h"
#include "recorder.h"
#include "view_checker.h"
#include "ws_client.h"

struct server {
    char *name; /* the URL, or a scenario's name */
    struct ws_target target;
};

/* A user with phones here, and the groups of its claim. */
struct person {
    char *id;
    char **groups;
    size_t group_count;
};

struct counters {
    uint64_t connects, opened, refused, unreachable, timeouts, lost, broken;
    uint64_t store_losses; /* times that a client was told so by a HELLO */
    uint64_t beats, closed_by_server;
    uint64_t left_close, left_drop, left_abort, fell_silent, roamed;
    uint64_t faults[FAULTS], tolerated;
};

/* The command's own. */
struct sim_hooks {
    void (*interrupted)(
        void *arg); /* a signal came; the second ends the loop by itself. NULL: the first does, too */
    void (*news)(void *arg); /* something was told or happened; NULL: nobody asks */
    void *arg;
};

struct sim {
    const struct options *options;
    struct loop *loop;
    struct ws_pool *pool;
    struct wheel wheel;
    struct loop_timer *tick;
    int64_t tick_at_ms; /* when it will fire; INT64_MAX: not at all */
    struct server **servers;
    size_t server_count;
    struct sockaddr_storage *sources;
    size_t source_count, next_source;
    struct map people;
    struct oracle truth;
    struct recorder recorder;
    struct counters counters;
    bool tolerated[FAULTS]; /* counted, and no failure */
    uint64_t seed;
    int64_t clock_offset_ms; /* the servers' clock minus ours */
    bool clock_known;
    int exit_code;
    int signals; /* how many SIGINT or SIGTERM have come */
    bool ended;
    struct sim_hooks hooks;
};

/* 0, or an exit code after a line on stderr. */
int sim_init(struct sim *sim, const struct options *options, const char *command);
/* Runs the loop until sim_end; returns the exit code. */
int sim_run(struct sim *sim);
void sim_end(struct sim *sim, int exit_code);
/* Writes the history's last line. Returns exit_code, or EXIT_INTERNAL when the history could not be written.
 */
int sim_finish(struct sim *sim);

/* Timers of the wheel, monotonic milliseconds. */
int64_t sim_now(const struct sim *sim);
void sim_start(struct sim *sim, struct wheel_timer *timer, int64_t delay_ms);
void sim_stop(struct sim *sim, struct wheel_timer *timer);
/* This machine's wall clock, and the servers' as far as known, in milliseconds since 1970. */
int64_t sim_wall(void);
int64_t sim_server_time(const struct sim *sim);
/* A HELLO: what time it is there, its TTL (0: not said), and whether its store is lost. */
void sim_hello(struct sim *sim, const struct client_message *hello);

/* 0, or -1 with a sentence in error. */
int sim_add_server(struct sim *sim, const char *name, const char *url, char *error, size_t size);
struct server *sim_server(const struct sim *sim, const char *name);
/* The next source address in turn; NULL: the kernel chooses. */
const struct sockaddr_storage *sim_source(struct sim *sim);
/* Finds or adds; groups are taken from the first call that names any. */
struct person *sim_person(struct sim *sim, const char *id, const char *groups);

/* A token of the user: 0, or -1. `groups`: separated by ',', NULL: no claim. */
int sim_token(const struct sim *sim, const char *user, const char *role, const char *groups,
              struct bytes *out);

void sim_fault(struct sim *sim, const char *dashboard, enum fault fault, struct span user, uint64_t rev,
               int64_t at_ms);
/* Faults that are not tolerated. */
uint64_t sim_fault_count(const struct sim *sim);
void sim_news(struct sim *sim);

#endif
