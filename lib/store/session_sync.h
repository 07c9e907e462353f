/* SPDX-License-Identifier: MIT */
/* The session sync: keeps the store's picture of this server's sessions true.
 *
 * It sends the batches of the session table (presence/sessions.h), one at a time, and alone decides when:
 * openings and ends at once, or where they keep coming in a batch each PACE_MAX_MS; beats alone within
 * BEAT_GATHER_MS. Beats of a batch go as plain commands before the script with all else; those whose answers
 * say that they did not do are said again by the script. In another epoch it asserts every living session, then ends those that stand in the
 * store under its name but live no more (the audit), and has the registry report when that is done; after a
 * reconnect to a Redis process that is not known to be the same one it does so without another epoch. After an
 * outage it holds ends back until other servers had time to assert their sessions.
 *
 * Asks on the registry's connection, and only while it is registered. An I/O-free machine like it. */
#ifndef STORE_SESSION_SYNC_H
#define STORE_SESSION_SYNC_H

#include "presence/sessions.h"
#include "store/node_registry.h"

struct session_sync_hooks {
    store_send send;
    /* session_sync_flush is to be called at that time; one that isn't ahead: before the loop waits again. */
    void (*flush_at)(void *arg, int64_t due_ms);
    /* One outcome of an operation, for counters. */
    void (*outcome)(void *arg, char outcome);
};

struct session_sync_config {
    int64_t ttl_ms;
    int64_t drain_ms;
    int64_t
        holdback_ms;   /* after a silence of Redis, or in a new epoch, ends wait so long for other servers */
    int64_t answer_ms; /* how long a batch may take until the link gives it up; 0: any time */
};

struct session_sync {
    const struct session_sync_hooks *hooks;
    void *arg;
    struct session_sync_config config;
    struct node_registry *registry;
    struct sessions *sessions;
    struct store_request batch, audit;
    int64_t beat_gather_ms; /* from one batch to the next, of beats alone */
    int64_t paced_ms;       /* the pauses behind the batches sent so far end then; */
    int64_t credit_ms;      /* so much earlier the next openings and ends may leave */
    int64_t flush_ms;       /* as last told to flush_at; INT64_MAX: since then it was flushed */
    int64_t retry_ms;       /* nothing is sent until then, after an error answer */
    int64_t
        plain_ms;    /* beats are plain from then on: a TTL after a connection was lost, whose commands may be
                         executed late */
    bool was_lost;   /* one was, since this one was registered */
    int64_t ends_ms; /* ends are held back until then, */
    int64_t held_ms; /* in a row since then; 0: never yet */
    int64_t free_ms; /* since then they are sent again; 0: they are held back, or none was sent */
    enum { AUDIT_NONE, AUDIT_DUE, AUDIT_RUNNING, AUDIT_ENDING } audit_state;
    char cursor[32];
    char drain_text[24];
    char outcomes[SESSIONS_BATCH_MAX];
    struct session_op ops[SESSIONS_BATCH_MAX];
    size_t op_count;      /* of the batch in flight; */
    size_t beat_count;    /* of them plain, */
    size_t beat_commands; /* in so many commands */
};

void session_sync_init(struct session_sync *s, const struct session_sync_config *config,
                       struct node_registry *registry, struct sessions *sessions,
                       const struct session_sync_hooks *hooks, void *arg);
void session_sync_finish(struct session_sync *s);
/* To be called before node_registry_connected. */
void session_sync_connected(struct session_sync *s, const char *run_id, int64_t now_ms);
/* To be called after node_registry_disconnected. */
void session_sync_disconnected(struct session_sync *s);
/* From the registry's hook `state`. */
void session_sync_state(struct session_sync *s, const struct node_registry_news *news, int64_t now_ms);
/* From the registry's hook `nodes`: this connection is registered. */
void session_sync_registered(struct session_sync *s, int64_t now_ms);
/* Something was changed in the session table. */
void session_sync_changed(struct session_sync *s, int64_t now_ms);
/* Sends what is pending, if no batch is in flight. */
void session_sync_flush(struct session_sync *s, int64_t now_ms);
/* Every 50 ms or so: what is left over, retries. */
void session_sync_tick(struct session_sync *s, int64_t now_ms);
/* Everything was sent and confirmed. */
bool session_sync_idle(const struct session_sync *s);

#endif
