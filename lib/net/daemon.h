/* SPDX-License-Identifier: MIT */
/* What the three daemons do alike: their start, where they listen, how much they log, which signals they heed, what
 * they tell their process manager, what a reload reads again, how they end, what they are called (the manual pages).
 *
 * A shutdown has two phases. The daemon is not ready from the first signal on (/readyz), and serves as before
 * for the drain delay, in which load balancers notice. Then it drains: what is new is refused with 503, what
 * runs is finished, and it ends. A further signal goes on to the next phase at once. */
#ifndef NET_DAEMON_H
#define NET_DAEMON_H

#include "base/log.h"
#include "base/metrics.h"
#include "base/program.h"
#include "net/listener.h"
#include "net/loop.h"

struct log_config {
    int level;   /* LOG_LEVEL: enum log_level */
    char *debug; /* DEBUG: namespaces separated by commas or spaces (guide "Troubleshooting") */
};

/* Rows for `struct log_config`. */
#define LOG_SETTINGS_COUNT 2
extern const struct setting log_settings[LOG_SETTINGS_COUNT];

/* DEBUG=vp:presence, vp:* and * mean debug whatever LOG_LEVEL says; other programs' names there mean nothing.
 */
enum log_level daemon_log_level(const struct log_config *config);

enum daemon_phase { DAEMON_SERVING, DAEMON_LEAVING, DAEMON_DRAINING };

struct daemon_times {
    int64_t delay_ms; /* PRESENCE_DRAIN_DELAY */
    int64_t drain_ms; /* how long the drain takes at most, for the process manager's patience */
};

#define DAEMON_NODE_ID_SIZE 9

/* The first three are the program's to read, from its start hook on. */
struct daemon {
    struct loop *loop;
    /* Its name in presence:nodes: 8 random hex digits, so a daemon that starts again is another one. */
    char node[DAEMON_NODE_ID_SIZE];
    struct listen_set listen;
    struct listener *listener;
    const struct daemon_program *program;
    void *arg;
    const void *config; /* what the program was started with */
    int argc;           /* all arguments: a reload reads the flags again */
    char **argv;
    struct daemon_times times;
    enum daemon_phase phase;
    struct loop_timer *delay, *watchdog;
};

/* Not ready any more. */
static inline bool daemon_leaving(const struct daemon *d)
{
    return d->phase != DAEMON_SERVING;
}

/* What the skeleton needs of a program's settings. */
struct daemon_settings {
    const char *listen;      /* as listener_open takes it */
    const char *listen_name; /* "PRESENCE_WS_LISTEN": what names another address, beside --listen */
    bool reuseport;
    struct daemon_times times;
    const struct log_config *log;
};

/* A daemon, as its main.c describes it. All hooks get the arg of daemon_main; NULL where nothing is said of them is
 * not allowed. */
struct daemon_program {
    const struct program_info *info;
    size_t config_size;
    int (*check)(void *config, struct settings_error *error); /* as program_start takes it */
    void (*settings)(const void *config, struct daemon_settings *ret);
    struct metric *loop_turns;
    /* Before it listens: -1 with *error ends it with EXIT_CONFIG. NULL: nothing is to be loaded. */
    int (*load)(void *arg, struct settings_error *error);
    /* It has its loop, its name and its sockets: -1 ends it with EXIT_INTERNAL. */
    int (*start)(void *arg);
    /* The log has told one of the addresses. NULL: that is enough. */
    void (*listening)(void *arg, bool loopback);
    /* A listener's hooks. */
    void (*accepted)(void *arg, int fd, const char *peer);
    void (*exhausted)(void *arg); /* NULL: the log's line is enough */
    bool gathers_connections;
    /* Refuses what is new, finishes what runs, then stops the loop. Sockets of systemd are left alone already. */
    void (*drain)(void *arg);
    void (*hurry)(void *arg); /* a further signal meanwhile: stops the loop without waiting */
    /* SIGHUP: takes what can change while it runs; -1 with *error keeps all as it was. NULL: the log level alone. */
    int (*reload)(void *arg, const void *fresh, struct settings_report *report, struct settings_error *error);
    /* The keys, as the line about a reload names them. NULL: there are none. */
    void (*describe_keys)(void *arg, struct bytes *out);
    /* Runs the loop until nobody waits for an answer any more, within these bounds. */
    void (*linger)(void *arg, int64_t least_ms, int64_t most_ms);
    /* The opposite of start, before the loop is destroyed. */
    void (*stop)(void *arg);
};

/* How many connections this process has descriptors for, beside `spare` for all else: `wanted`, for which its limit
 * is raised as far as it may be; when that is not enough, a line of the log warns, and fewer are returned. With
 * wanted 0: as many as the limit allows now. At least `spare`. */
int64_t daemon_bound_connections(int64_t wanted, int64_t spare);

/* The whole life of a daemon; returns what main returns. *config is zero. */
int daemon_main(struct daemon *d, const struct daemon_program *program, void *config, void *arg, int argc,
                char **argv);

#endif
