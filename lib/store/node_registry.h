/* SPDX-License-Identifier: MIT */
/* The node registry: registers this daemon in presence:nodes each second, and learns there how things stand:
 * Redis's clock, the epoch (another one: Redis was wiped, rolled back, failed over), which other daemons
 * live, and whether what Redis says can be believed again after a loss.
 *
 * What other answers say of the state (session_sync.h) is told to it as well, so that one place knows. An
 * I/O-free machine: commands go out through a hook, answers come in through store_request_answered, time is an
 * argument (monotonic ms), so that the simulation can run it. */
#ifndef STORE_NODE_REGISTRY_H
#define STORE_NODE_REGISTRY_H

#include "presence/recovery.h"
#include "presence/redis_time.h"
#include "store/commands.h"
#include "store/store_request.h"

/* What an answer has shown, compared with those before. */
struct node_registry_news {
    bool fresh_epoch;  /* another epoch than in the answer before */
    bool first_epoch;  /* which is the first of all */
    bool away;         /* Redis was silent or slow for so long that it counts as an outage; or a fresh epoch.
                         Never in the first answer of all */
    bool clock_moved;  /* Redis's clock and ours have moved against each other */
    int64_t silent_ms; /* since the answer before; of no meaning in the first */
};

struct node_registry_hooks {
    /* This machine's wall clock, for the offset that this daemon reports. */
    int64_t (*wall_ms)(void);
    store_send send;
    /* Every answer tells how things stand. */
    void (*state)(void *arg, const struct store_state *state, const struct node_registry_news *news);
    /* The daemons, with each answer to a registration. */
    void (*nodes)(void *arg, const struct node_answer *answer);
    /* This connection can't be used any more (fenced, a replica, foreign keys): bring it down. */
    void (*reset)(void *arg, const char *why);
};

/* Which presence-ws must have asserted their sessions before Redis is believed (recovery.h). */
enum node_registry_peers {
    NODE_REGISTRY_NO_PEERS,
    NODE_REGISTRY_EPOCH,      /* in a new epoch, those that were alive before */
    NODE_REGISTRY_CONNECTION, /* they must also have spoken again on each new connection of ours */
};

struct node_registry_config {
    const char *program, *address;
    int64_t ttl_ms; /* 0: this daemon needs none (presence-api) */
    enum node_registry_peers peers;
};

struct node_registry {
    const struct node_registry_hooks *hooks;
    void *arg;
    struct node_registry_config config;
    struct store *store;
    struct redis_time *time;
    struct recovery recovery;
    struct store_request request;
    bool connected;           /* the link is up */
    bool registered;          /* and this connection's registration was answered */
    bool hurry;               /* set by the owner: ask more often, as while peers are waited for */
    int64_t ahead_s;          /* how far ahead the clocks of the tokens' issuers are */
    int64_t next_ms;          /* when to register next */
    int64_t heard_ms;         /* the last answer of use; 0: none yet */
    int64_t resumed_redis_ms; /* Redis's time at the first answer on this connection */
    char epoch[EPOCH_SIZE];
    char asserted
        [EPOCH_SIZE]; /* kept by session_sync: the epoch in which all own sessions stand; "" without */
    uint64_t left;    /* kept by session_sync: sessions that are still to be asserted, or ended */
    uint64_t number, answered; /* registrations sent; the last one answered in `epoch`, 0: none */
    int64_t answered_ms;       /* Redis's time in that answer */
};

void node_registry_init(struct node_registry *r, const struct node_registry_config *config,
                        struct store *store, struct redis_time *time, const struct node_registry_hooks *hooks,
                        void *arg);
void node_registry_finish(struct node_registry *r);
/* The link is up; run_id and generation are put into the store. */
void node_registry_connected(struct node_registry *r, const char *run_id, uint64_t generation,
                             int64_t now_ms);
void node_registry_disconnected(struct node_registry *r);
/* Every 50 ms or so. */
void node_registry_tick(struct node_registry *r, int64_t now_ms);
/* Asks how things stand, now. */
void node_registry_probe(struct node_registry *r, int64_t now_ms);
/* Reports another lead of the issuers' clocks at once, or as soon as the question under way is answered. */
void node_registry_ahead(struct node_registry *r, int64_t ahead_s, int64_t now_ms);
/* Goodbye of a daemon that ends: out of presence:nodes. */
void node_registry_leave(struct node_registry *r, int64_t now_ms);
/* What another answer says of the state, to a command that was sent at sent_ms. */
void node_registry_heard(struct node_registry *r, const struct store_state *state, int64_t sent_ms,
                         int64_t now_ms);
/* Whether an answer with this result of its reader is of use; has a connection reset that can't be used. */
bool node_registry_usable(struct node_registry *r, int result, const struct redisReply *reply);
/* Tells `recovery` of each presence-ws in an answer. One that was last heard before spoken_redis_ms has not
 * spoken since, and so has asserted nothing. */
void node_registry_hear_peers(struct recovery *recovery, const struct node_answer *answer,
                              int64_t spoken_redis_ms, int64_t now_ms);

#endif
