/* SPDX-License-Identifier: MIT */
/* What is asked of Redis: each function appends one whole command as RESP to `out`, and has a reader for its
 * answer.
 *
 * Knows no connection: the same commands go over the loop's link and the blocking one. Readers return 0;
 * STORE_FENCED; STORE_ERROR for every other error answer and for an answer of a wrong shape. Spans in answers
 * borrow from the reply. Times are milliseconds of Redis's clock. */
#ifndef STORE_COMMANDS_H
#define STORE_COMMANDS_H

#include "presence/revocation.h"
#include "presence/session_op.h"
#include "redis/redis_link.h"
#include "redis/reply.h"
#include "store/scripts.h"

#define STORE_FENCED (-2)
#define STORE_ERROR  (-3)

#define STORE_RUN_ID_UNKNOWN REDIS_RUN_ID_UNKNOWN

/* Why a connection is to be given up after this error answer: a later one has spoken for this node, it is a
 * replica, or keys of another program stand in the place of ours (the trial of the next connection tells
 * which). NULL: it is of use. */
const char *store_connection_fault(int result, const struct redisReply *reply);

/* Who asks, for the common head of all scripts. */
struct store {
    const char *prefix;
    int64_t db;
    int64_t log_max;          /* entries kept in presence:log, about */
    char run_id[RUN_ID_SIZE]; /* of the Redis process at the other end; STORE_RUN_ID_UNKNOWN where INFO is not
                                 permitted */
    char node[NODE_ID_SIZE];  /* this daemon's id, without '/'; "ctl" and the like for those that are none */
    uint64_t generation;      /* of the connection; 0: not fenced */
    uint64_t known_rev;       /* the highest revision this process ever saw: a new epoch begins above it */
    int64_t
        until_ms; /* by Redis's clock: a batch of operations that is executed later is refused; 0: never */
};

/* The layout of a script's command: EVALSHA sha 1 due prefix run_id db known_rev log_max node generation. Behind this head
 * apply.lua takes the TTL and the time until which it may run, then for each operation its letter, user, session, beat, tail
 * and extra. */
#define STORE_HEAD_ARGS 11
#define STORE_APPLY_OPS (STORE_HEAD_ARGS + 2) /* where the operations begin */
#define STORE_OP_ARGS   6
#define STORE_RECKONING_MS                                                                                   \
    250 /* how far two servers' reckonings of Redis's clock may differ, as apply.lua has it */

/* What every script says of the state. */
struct store_state {
    int64_t now_ms;
    struct span epoch;
    uint64_t rev;
    int64_t online; /* users; -1: not said */
};

/* Scripts are called by their hash (EVALSHA); Redis must have got each of them on this connection's server
 * before: EVAL of the whole script, without arguments, which does nothing. */
void store_load_script(enum script script, struct bytes *out);

/* Those that are not `plain`, in order. */
void store_apply(const struct store *s, int64_t ttl_ms, const struct session_op *ops, size_t count,
                 struct bytes *out);
struct apply_answer {
    struct store_state state;
    struct span outcomes; /* one session_op_outcome each, in order */
};
int store_read_apply(const struct redisReply *reply, struct apply_answer *ret);

/* Beats without a script, those of the operations that are `plain`: three commands each, and two that tell whether
 * the store is as the beats take it for. None of them creates a session, or lowers the deadline of a key, so
 * that they may be executed late (KEYS.md, "Heartbeats"). Returns how many commands; 0 where no beat is plain. */
size_t store_beats(const struct store *s, int64_t ttl_ms, const struct session_op *ops, size_t count,
                   struct bytes *out);
/* Sets the outcome of each plain operation: OUTCOME_DONE, or OUTCOME_ASK where it did not do all, or where the
 * store is in another epoch. `replies`: one for each command. */
void store_read_beats(const struct redisReply *const *replies, struct span epoch,
                      const struct session_op *ops, size_t count, char *outcomes);

void store_expire(const struct store *s, int64_t limit, int64_t holdback_ms, int64_t gap_ms,
                  struct bytes *out);
struct expire_answer {
    struct store_state state;
    int64_t held_ms;               /* expiries wait so long still */
    int64_t next_ms;               /* first entry of the index; INT64_MAX when empty */
    int64_t looked;                /* entries looked at; equal to the limit: ask again at once */
    const struct redisReply *lags; /* one integer for each user who went offline: ms since the deadline */
};
int store_read_expire(const struct redisReply *reply, struct expire_answer *ret);

/* A page of the roster; cursor "0" begins and ends. */
void store_load(const struct store *s, struct span cursor, int64_t page, struct bytes *out);
struct load_answer {
    struct store_state state; /* epoch empty: there is none */
    struct span cursor;
    const struct redisReply *users; /* flat: read with store_load_user */
    size_t count;
};
struct store_load_user {
    struct span user, device, groups; /* groups: JSON array or empty */
    int64_t last_seen_ms;
    uint64_t rev;
};
int store_read_load(const struct redisReply *reply, struct load_answer *ret);
void store_load_user(const struct load_answer *answer, size_t i, struct store_load_user *ret);

struct node_says {
    const char *program, *address;
    int64_t offset_ms;    /* own wall clock minus Redis's */
    const char *asserted; /* the epoch in which all own sessions stand, "" for none */
    int64_t forget_ms;
    bool leave;
    uint64_t number;     /* of this registration, from 1 */
    uint64_t answered;   /* the last one that was answered in `epoch`; 0: none */
    int64_t answered_ms; /* Redis's time in that answer */
    const char *epoch;   /* "" for none */
    int64_t ahead_s;     /* how far ahead the clocks of the tokens' issuers are (issuer_lead) */
    uint64_t left;       /* own sessions that are still to be asserted, or ended, in the present epoch */
    int64_t ttl_ms;      /* the silence after which a user is offline, by its settings; 0: it needs none */
};
void store_node(const struct store *s, const struct node_says *says, struct bytes *out);
struct node_answer {
    struct store_state state;
    int64_t swept_ms; /* 0: never */
    int64_t held_ms;
    const struct redisReply *nodes; /* (name, JSON) pairs */
    uint64_t revoked_version;       /* of the list of revoked tokens; 0: there is none */
};
int store_read_node(const struct redisReply *reply, struct node_answer *ret);

/* One daemon of presence:nodes. The spans point into *json, which the caller releases with store_node_finish. */
struct node {
    struct span name;
    struct span program, address, asserted;
    int64_t seen_ms, offset_ms;
    int64_t ahead_s; /* 0 to ISSUER_LEAD_MAX_S */
    int64_t left;    /* sessions that it has still to assert; -1: it did not say */
    int64_t ttl_ms;  /* to NODE_TTL_MAX_MS; 0: it did not say */
    void *json;
};
#define NODE_TTL_MAX_MS INT64_C(86400000)
/* The i-th pair of a HGETALL-like reply: 0, or -1 for one of a wrong form. */
int store_node_read(const struct redisReply *pairs, size_t i, struct node *ret);
void store_node_finish(struct node *n);
/* The longest TTL among them, for a key of another writer that has none; `own_ms` when nobody says one. */
int64_t store_nodes_longest_ttl(const struct redisReply *pairs, int64_t own_ms);
/* How many daemons of a program were heard within RECOVERY_ALIVE_MS. now_ms: Redis's. */
size_t store_nodes_count_alive(const struct redisReply *pairs, const char *program, int64_t now_ms);

/* Says revocations, and reads all that are in force. */
void store_revoke(const struct store *s, const struct revocations *list, struct bytes *out);
struct revoke_answer {
    struct store_state state;
    uint64_t version;
    int64_t rejected; /* how many found no room (REVOCATIONS_MAX) */
    const struct redisReply *pairs;
    size_t count;
};
int store_read_revoke(const struct redisReply *reply, struct revoke_answer *ret);
/* "issued\tuntil", as it stands in presence:revoked: 0, or -1. */
int store_revocation_read(struct span value, int64_t *ret_issued_s, int64_t *ret_until_ms);
/* The i-th: 0, or -1 for one of a wrong form. */
int store_revoke_entry(const struct revoke_answer *answer, size_t i, struct span *ret_name,
                       int64_t *ret_issued_s, int64_t *ret_until_ms);

/* Tries what the scripts do; nothing is left of it. `all`: also what changes sessions, beside registering. */
void store_trial(const struct store *s, bool all, struct bytes *out);
/* The commands that fail: (name, error) pairs. 0, or STORE_ERROR: no script runs at all. */
int store_read_trial(const struct redisReply *reply, const struct redisReply **ret_failed);

void store_audit(const struct store *s, struct span cursor, int64_t page, struct bytes *out);
struct audit_answer {
    struct span cursor;
    const struct redisReply *pairs; /* user, session, user, session … */
};
int store_read_audit(const struct redisReply *reply, struct audit_answer *ret);

void store_repair(const struct store *s, int64_t ttl_ms, const struct span *users, size_t count,
                  struct bytes *out);
int store_read_repair(const struct redisReply *reply,
                      struct apply_answer *ret); /* outcomes: the letters of repair.lua */

#endif
