/* SPDX-License-Identifier: MIT */
/* The roster sync: keeps a roster equal to the store.
 *
 * Subscribes first, then loads; applies changes by revision; fills a gap from presence:log; notices by the
 * revision in any answer that its subscription brings nothing any more; after another epoch waits for the
 * servers (recovery.h) and reports only real differences. Reads the sets of watched groups in the order of
 * presence/group_queue.h. An I/O-free machine: commands go out through a hook, answers come in through
 * store_request_answered, messages by a call, time is an argument (monotonic ms). */
#ifndef STORE_ROSTER_SYNC_H
#define STORE_ROSTER_SYNC_H

#include "presence/interest.h"
#include "presence/recovery.h"
#include "presence/redis_time.h"
#include "presence/roster.h"
#include "store/reads.h"
#include "store/store_request.h"
#include "wire/control.h"

struct roster_sync_hooks {
    store_send send;
    /* Something viewers are to be told: a change of state (rev > 0), or one published without a revision (0).
     * `claims`: the groups the user claims, as in interest.h. */
    void (*changed)(void *arg, const struct change *change, struct span claims);
    /* Who knows only revisions before this one can't be served any more (loaded, or another epoch). */
    void (*restarted)(void *arg, uint64_t rev);
    /* The first load is done, or watched groups were read: waiting viewers may begin. */
    void (*ready)(void *arg);
    /* These users joined or left a watched group by its set, online or not; not at its first reading. All
     * differences of one reading come at once. */
    void (*set_changed)(void *arg, struct group *group, const struct span *users, size_t count);
    /* A user who is online claims other groups now. */
    void (*regrouped)(void *arg, struct span user, struct span before, struct span now);
    /* A message on presence:control, for kick and the like; the groups of a user are taken already. */
    void (*control)(void *arg, const struct control *control);
};

struct roster_sync {
    const struct roster_sync_hooks *hooks;
    void *arg;
    const struct store *store;
    const struct redis_time *time;
    const char *group_key;
    struct roster roster;
    struct groups groups;
    struct recovery *recovery;
    struct store_request load, log;
    struct store_request group; /* several at a time, as the queue knows */
    char epoch[EPOCH_SIZE];     /* whose changes are taken; empty: none yet */
    bool wanted;                /* somebody watches */
    bool connected, subscribed;
    uint8_t rejoined;         /* the next so many registrations may show a store that lost memory */
    bool reload;              /* a load is due */
    int64_t retry_ms;         /* but not before this */
    uint64_t load_rev;        /* of the first page of the load under way */
    bool missed;              /* changes were seen beyond a gap: ask the log once more */
    bool claims_missed;       /* claims may have changed unheard: no log has that */
    uint64_t log_until;       /* the log must reach so far, when asked */
    uint64_t store_rev;       /* the highest revision in an answer of the store in this epoch */
    bool heard;               /* of the store's state, since it is connected and subscribed */
    uint64_t reach_rev;       /* one that was heard of; when it is reached, a later one */
    uint64_t heard_rev;       /* of a message beyond a gap, until the log was asked; 0: none */
    uint64_t applied_rev;     /* the roster's when the daemons were last heard of */
    int64_t behind_ms;        /* since when the roster is behind it; 0: it is not */
    uint8_t silent_fills;     /* times the log had what the subscription never brought, in a row */
    bool stale_subscription;  /* it is to be made anew; the owner resets this */
    int64_t groups_retry_ms;  /* no group is read before, after an error answer */
    size_t groups_unreported; /* read for the first time, but `ready` was not called since */
    int64_t groups_denied_ms; /* when Redis's user last was not allowed to read one; 0: never */
    char cursor[32];
    uint64_t gaps, loads, dropped; /* counters */
};

/* recovery: told of the servers by the owner (node_registry.h). */
void roster_sync_init(struct roster_sync *s, const struct store *store, const struct redis_time *time,
                      struct recovery *recovery, const char *group_key, const struct roster_sync_hooks *hooks,
                      void *arg);
void roster_sync_finish(struct roster_sync *s);
/* The first viewer has come. */
void roster_sync_want(struct roster_sync *s, int64_t now_ms);
void roster_sync_connected(struct roster_sync *s, bool connected, int64_t now_ms);
void roster_sync_subscribed(struct roster_sync *s, bool subscribed, int64_t now_ms);
/* A published message, by the name of its channel without the prefix: "updates", "control". */
void roster_sync_message(struct roster_sync *s, struct span channel, struct span payload, int64_t now_ms);
/* What some answer told of the store. */
void roster_sync_state(struct roster_sync *s, const struct store_state *state, int64_t now_ms);
/* An answer to a registration, behind roster_sync_state. */
void roster_sync_nodes(struct roster_sync *s, const struct node_answer *answer, int64_t now_ms);
/* Every 50 ms or so. */
void roster_sync_tick(struct roster_sync *s, int64_t now_ms);
/* The sets of an interest that were never read are read in the turn of its account (the viewer's user id). */
void roster_sync_ask_groups(struct roster_sync *s, struct span account, const struct interest *in,
                            int64_t now_ms);
/* Reads the groups whose turn it is. */
void roster_sync_read_groups(struct roster_sync *s, int64_t now_ms);
/* Whether Redis's user may not read the groups' sets, as the last readings showed. */
bool roster_sync_groups_denied(const struct roster_sync *s, int64_t now_ms);
/* Whether the epoch has changed and the store's word is not yet taken. */
bool roster_sync_recovering(const struct roster_sync *s);
/* Whether what was reported by `changed` is the store's present state, but for what is under way this moment,
 * and changes arrive. Before the first load nothing was reported: then only the latter counts. */
bool roster_sync_current(const struct roster_sync *s);

#endif
