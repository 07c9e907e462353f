/* What the three daemons do alike: how much they log, which signals they heed, what they are called (contract
 * section 1). */
#ifndef NET_DAEMON_H
#define NET_DAEMON_H

#include "base/log.h"
#include "base/settings.h"
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
enum log_level log_config_level(const struct log_config *config);

struct daemon_signals {
    void (*stop)(void *arg);   /* SIGTERM, SIGINT: drain; called again for each further one */
    void (*reload)(void *arg); /* SIGHUP: read again what can be; may be NULL, the signal is then ignored */
    void *arg;
};

/* *signals must outlive the loop. */
void daemon_on_signals(struct loop *loop, const struct daemon_signals *signals);

#define DAEMON_NODE_ID_SIZE 9
/* A fresh name for presence:nodes: 8 random hex digits, so a daemon that starts again is another one. */
void daemon_node_id(char out[DAEMON_NODE_ID_SIZE]);

#endif
