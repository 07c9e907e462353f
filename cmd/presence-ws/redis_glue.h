/* SPDX-License-Identifier: MIT */
/* Redis for presence-ws: the machines of lib/store on the links of lib/redis. What they find out that concerns
 * other parts goes out through hooks; the sessions' own hooks (sessions.entered, sessions.refused) are set by
 * the owner after redis_glue_start. */
#ifndef PRESENCE_WS_REDIS_GLUE_H
#define PRESENCE_WS_REDIS_GLUE_H

#include "config.h"
#include "presence/outage.h"
#include "presence/sessions.h"
#include "store/keys.h"
#include "store/redis_trial.h"
#include "store/revocation_sync.h"
#include "store/roster_sync.h"
#include "store/session_sync.h"

struct redis_glue_hooks {
    struct roster_sync_hooks roster; /* its `send` ends in redis_glue_send */
    void (*revoked)(void *arg);      /* there are new revocations */
};

struct redis_glue {
    /* For the other parts, each by the functions of its own header. */
    struct store store;
    struct redis_time time;
    struct sessions sessions;
    struct node_registry registry;
    struct session_sync session_sync;
    struct roster_sync roster_sync;
    struct revocation_sync revocation_sync;
    struct outage outage; /* as clients are told in their HELLO */
    int64_t online;       /* users, as Redis last said; -1: not yet */
    /* Its own. */
    const struct config *config;
    struct loop *loop;
    const struct redis_glue_hooks *hooks;
    void *arg;
    struct redis_trial *trial; /* NULL with PRESENCE_ENABLED=false, as the next two */
    struct redis_link *link;   /* of the trial */
    struct redis_subscriber *subscriber;
    struct issuer_lead issuer_lead;
    struct loop_task *flush_task;   /* urgent operations: before the loop waits */
    struct loop_timer *flush_timer; /* or when they, or beats, have gathered for a moment */
    char updates_channel[KEYS_CHANNEL_SIZE], control_channel[KEYS_CHANNEL_SIZE];
};

/* config, loop, node, address and hooks outlive the glue; hooks get `arg`. */
void redis_glue_start(struct redis_glue *g, const struct config *config, struct loop *loop, const char *node,
                      const char *address, const struct redis_glue_hooks *hooks, void *arg);
void redis_glue_stop(struct redis_glue *g);
/* Every 20 ms or so, or less often while it is calm. */
void redis_glue_tick(struct redis_glue *g, int64_t now_ms);
bool redis_glue_calm(const struct redis_glue *g);
/* The session table has something to send: at once, or with the next gathering. */
void redis_glue_dirty(struct redis_glue *g);
/* Sends a command of a machine of lib/store. */
int redis_glue_send(struct redis_glue *g, struct store_request *request, struct span commands);
bool redis_glue_up(const struct redis_glue *g);
/* Redis's clock, as this server reckons it. */
int64_t redis_glue_now(const struct redis_glue *g);
/* A token was accepted: what it tells of its issuer's clock, a revocation must know. */
void redis_glue_saw_issuer(struct redis_glue *g, int64_t issued_s);
/* Whether the token was revoked. */
bool redis_glue_revoked(const struct redis_glue *g, const struct bearer *bearer);
/* "up", "lost" or "off", as clients are told. */
const char *redis_glue_state(const struct redis_glue *g);
/* Why clients can't be served by the store's present state; NULL: they can. */
const char *redis_glue_missing(const struct redis_glue *g);
void redis_glue_gather_metrics(const struct redis_glue *g);

#endif
