/* What is asked of Redis: each function appends one whole command as RESP to `out`, and has a reader for its
 * answer.
 *
 * Knows no connection: the same commands go over the loop's link and the blocking one. Readers return 0;
 * STORE_NOSCRIPT when the script must be sent as text (call again with `text` true); STORE_FENCED;
 * STORE_ERROR for every other error answer and for an answer of a wrong shape. Spans in answers borrow from
 * the reply. Times are milliseconds of Redis's clock. */
#ifndef STORE_COMMANDS_H
#define STORE_COMMANDS_H

#include "presence/revocation.h"
#include "presence/session_op.h"
#include "store/reply.h"

#define STORE_NOSCRIPT (-1)
#define STORE_FENCED   (-2)
#define STORE_ERROR    (-3)

#define RUN_ID_SIZE 41
#define NODE_ID_MAX 64
#define EPOCH_MAX   64

/* Who asks, for the common head of all scripts. */
struct store {
    const char *prefix;
    int64_t db;
    int64_t log_max;          /* entries kept in presence:log, about */
    char run_id[RUN_ID_SIZE]; /* of the Redis process at the other end */
    char node[NODE_ID_MAX];   /* this daemon's id, without '/'; "ctl" and the like for those that are none */
    uint64_t generation;      /* of the connection; 0: not fenced */
    uint64_t known_rev;       /* the highest revision this process ever saw: a new epoch begins above it */
    int64_t
        until_ms; /* by Redis's clock: a batch of operations that is executed later is refused; 0: never */
};

/* What every script says of the state. */
struct store_state {
    int64_t now_ms;
    struct span epoch;
    uint64_t rev;
    int64_t online; /* users; -1: not said */
};

void store_apply(const struct store *s, int64_t ttl_ms, int64_t grace_ms, const struct session_op *ops,
                 size_t count, bool text, struct bytes *out);
struct apply_answer {
    struct store_state state;
    struct span outcomes; /* one session_op_outcome each, in order */
};
int store_read_apply(const struct redisReply *reply, struct apply_answer *ret);

void store_expire(const struct store *s, int64_t limit, int64_t holdback_ms, int64_t gap_ms, bool text,
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
void store_load(const struct store *s, struct span cursor, int64_t page, bool text, struct bytes *out);
struct load_answer {
    struct store_state state; /* epoch empty: there is none */
    struct span cursor;
    const struct redisReply *users; /* flat: read with load_user */
    size_t count;
};
struct load_user {
    struct span user, device, groups; /* groups: JSON array or empty */
    int64_t last_seen_ms;
    uint64_t rev;
};
int store_read_load(const struct redisReply *reply, struct load_answer *ret);
void load_user(const struct load_answer *answer, size_t i, struct load_user *ret);

struct node_says {
    const char *program, *address;
    int64_t offset_ms;    /* own wall clock minus Redis's */
    const char *asserted; /* the epoch in which all own sessions stand, "" for none */
    int64_t forget_ms;
    bool leave;
};
void store_node(const struct store *s, const struct node_says *says, bool text, struct bytes *out);
struct node_answer {
    struct store_state state;
    int64_t swept_ms; /* 0: never */
    int64_t held_ms;
    const struct redisReply *nodes; /* (name, JSON) pairs */
    uint64_t revoked_version;       /* of the list of revoked tokens; 0: there is none */
};
int store_read_node(const struct redisReply *reply, struct node_answer *ret);

/* One daemon of presence:nodes. The spans point into *json, which the caller releases with node_finish. */
struct node {
    struct span name;
    struct span program, address, asserted;
    int64_t seen_ms, offset_ms;
    void *json;
};
/* The i-th pair of a HGETALL-like reply: 0, or -1 for one of a wrong form. */
int node_read(const struct redisReply *pairs, size_t i, struct node *ret);
void node_finish(struct node *n);

/* Says revocations, and reads all that are in force. */
void store_revoke(const struct store *s, const struct revocations *list, bool text, struct bytes *out);
struct revoke_answer {
    struct store_state state;
    uint64_t version;
    int64_t homeless; /* how many found no room (REVOCATIONS_MAX) */
    const struct redisReply *pairs;
    size_t count;
};
int store_read_revoke(const struct redisReply *reply, struct revoke_answer *ret);
/* "issued\tuntil", as it stands in presence:revoked: 0, or -1. */
int revocation_value_read(struct span value, int64_t *ret_issued_s, int64_t *ret_until_ms);
/* The i-th: 0, or -1 for one of a wrong form. */
int revoke_entry(const struct revoke_answer *answer, size_t i, struct span *ret_name, int64_t *ret_issued_s,
                 int64_t *ret_until_ms);

void store_audit(const struct store *s, struct span cursor, int64_t page, bool text, struct bytes *out);
struct audit_answer {
    struct span cursor;
    const struct redisReply *pairs; /* user, session, user, session … */
};
int store_read_audit(const struct redisReply *reply, struct audit_answer *ret);

/* longest_ms: how far ahead a session's deadline may lie: the TTL, or the drain grace. */
void store_repair(const struct store *s, int64_t ttl_ms, int64_t longest_ms, const struct span *users,
                  size_t count, bool text, struct bytes *out);
int store_read_repair(const struct redisReply *reply,
                      struct apply_answer *ret); /* outcomes: the letters of repair.lua */

/* Plain reads. */

/* Two commands' worth per question, sent as 1 + count commands: ZMSCORE, then HMGET lastSeen deviceId for
 * each id. */
void store_status(const struct store *s, const struct span *users, size_t count, struct bytes *out);
/* Answers: the ZMSCORE reply, then `count` HMGET replies. Reading the i-th user: */
struct status_answer {
    bool online;
    int64_t last_seen_ms;
    struct span device; /* data NULL: none */
};
int store_read_status(const struct redisReply *scores, size_t i, const struct redisReply *meta,
                      struct status_answer *ret);

/* HMGET epoch: id, run_id, started; answer read with reply_at. */
void store_epoch(const struct store *s, struct bytes *out);
/* HGETALL of the user's meta and sessions; ZSCORE in the index: three commands. */
void store_user(const struct store *s, struct span user, struct bytes *out);
/* XRANGE of the log: revisions from `first` on, at most `count`. Entries are read with log_entry. */
void store_log(const struct store *s, uint64_t first, int64_t count, struct bytes *out);
/* XREVRANGE: from `last` down. */
void store_log_back(const struct store *s, uint64_t last, int64_t count, struct bytes *out);
/* The i-th entry: its revision and its event's JSON: 0, or -1. */
int log_entry(const struct redisReply *entries, size_t i, uint64_t *ret_rev, struct span *ret_event);
void store_group(const char *pattern, struct span group, struct bytes *out); /* SMEMBERS */
void store_publish(const struct store *s, int channel, struct span payload,
                   struct bytes *out); /* channel: enum key */

/* One session as it stands in presence:sessions:<id>. */
struct stored_session {
    struct span name, device, reason, groups;
    int64_t deadline_ms, beat_ms, opened_ms;
};
int stored_session_read(struct span name, struct span value, struct stored_session *ret);

#endif
