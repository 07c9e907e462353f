/* The follower: keeps a roster equal to the store.
 *
 * Subscribes first, then loads; applies changes by revision; fills a gap from presence:log; notices by the
 * revision in any answer that its subscription has gone deaf; after another epoch waits for the servers
 * (recovery.h) and says only real differences. Reads the sets of watched groups every 10 s. An I/O-free
 * machine like the asserter: commands go out through a hook, answers and messages come in, time is an
 * argument (monotonic ms). */
#ifndef STORE_FOLLOWER_H
#define STORE_FOLLOWER_H

#include "presence/interest.h"
#include "presence/recovery.h"
#include "presence/redis_time.h"
#include "presence/roster.h"
#include "store/commands.h"

enum follower_tag { FOLLOWER_LOAD, FOLLOWER_LOG, FOLLOWER_GROUP };
#define FOLLOWER_TAGS 3

struct follower_hooks {
    int (*send)(void *arg, enum follower_tag tag, struct span command);
    /* Something viewers are to be told: a change of state (rev > 0), or one published by hand (rev 0).
     * `claims`: the groups the user claims, as in interest.h. */
    void (*changed)(void *arg, const struct change *change, struct span claims);
    /* Who knows only revisions before this one can't be served any more (loaded, or another epoch). */
    void (*restarted)(void *arg, uint64_t rev);
    /* The first load is done, or a watched group was read: waiting viewers may begin. */
    void (*ready)(void *arg);
    /* A user joined or left a watched group by set (`group`, online or not; not at its first reading), or a
     * user who is online by claim (group NULL; `before`, `now`: claims). */
    void (*regrouped)(void *arg, struct group *group, struct span user, struct span before, struct span now);
    /* presence:control: a JSON object, already parsed as text of `cmd`; for kick and the like. */
    void (*control)(void *arg, struct span payload);
};

struct follower {
    const struct follower_hooks *hooks;
    void *arg;
    const struct store *store;
    const struct redis_time *time;
    const char *group_key;
    struct roster roster;
    struct groups groups;
    struct recovery recovery;
    char epoch[EPOCH_MAX]; /* whose changes are taken; empty: none yet */
    bool wanted;           /* somebody watches */
    bool connected, subscribed;
    bool waiting[FOLLOWER_TAGS];
    bool text;                         /* the load script must go as text */
    bool reload;                       /* a load is due */
    int64_t retry_ms;                  /* but not before this */
    uint64_t load_rev;                 /* of the first page of the load under way */
    bool missed;                       /* changes were seen beyond a gap: ask the log once more */
    bool claims_missed;                /* claims may have changed unheard: no log has that */
    uint64_t log_until;                /* the log must reach so far, when asked */
    uint64_t store_rev;                /* the highest revision heard of in this epoch */
    int64_t behind_ms;                 /* since when the roster is behind it; 0: it is not */
    uint8_t silent_fills;              /* times the log had what the subscription never brought, in a row */
    bool deaf;                         /* the subscription is to be made anew; the owner resets it */
    int64_t groups_ms;                 /* when the groups are read next */
    size_t group_at;                   /* place in groups.by_name, for reading one after the other */
    char group_name[GROUP_ID_MAX + 1]; /* the one being read */
    char cursor[32];
    uint64_t gaps, loads, dropped; /* counters */
    struct bytes command;
};

void follower_init(struct follower *f, const struct store *store, const struct redis_time *time,
                   const char *group_key, const struct follower_hooks *hooks, void *arg);
void follower_finish(struct follower *f);
/* The first viewer has come. */
void follower_want(struct follower *f, int64_t now_ms);
void follower_connected(struct follower *f, bool connected, int64_t now_ms);
void follower_subscribed(struct follower *f, bool subscribed, int64_t now_ms);
/* A published message, by the name of its channel without the prefix: "updates", "control". */
void follower_message(struct follower *f, struct span channel, struct span payload, int64_t now_ms);
/* What some answer told of the store. */
void follower_state(struct follower *f, const struct store_state *state, int64_t now_ms);
void follower_nodes(struct follower *f, const struct node_answer *answer, int64_t now_ms);
void follower_answer(struct follower *f, enum follower_tag tag, const struct redisReply *reply,
                     int64_t now_ms);
/* Every 50 ms or so. */
void follower_tick(struct follower *f, int64_t now_ms);
/* Read this group soon: a viewer names it. */
void follower_read_groups(struct follower *f, int64_t now_ms);
/* Whether the epoch has changed and the store's word is not yet taken. */
bool follower_recovering(const struct follower *f);

#endif
