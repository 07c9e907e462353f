/* SPDX-License-Identifier: MIT */
/* Plain reads and messages: no script, no key written. Like store/commands.h: each function appends whole commands as
 * RESP to `out`, one unless it says otherwise, and a reader takes the answer. Spans in answers borrow from the
 * reply. Times are milliseconds of Redis's clock. */
#ifndef STORE_READS_H
#define STORE_READS_H

#include "store/commands.h"
#include "store/keys.h"

/* The state of the installation. */

/* TIME. The reader: 0, or STORE_ERROR. */
void store_time(struct bytes *out);
int store_read_time(const struct redisReply *reply, int64_t *ret_ms);
/* ZCARD of the index: how many users are online. */
void store_online(const struct store *s, struct bytes *out);
/* HGETALL of the daemons: read with store_node_read. */
void store_nodes(const struct store *s, struct bytes *out);
/* HMGET epoch: id, run_id, started; answer read with reply_at. */
void store_epoch(const struct store *s, struct bytes *out);
/* Where the changes stand: the epoch and the last revision at one moment. MULTI … EXEC, STORE_POSITION_ANSWERS answers,
 * of which the last one is read: 0, or STORE_ERROR. */
#define STORE_POSITION_ANSWERS 4
struct store_position {
    struct span epoch; /* empty: Redis has lost it, and nobody has begun one yet */
    uint64_t rev;
};
void store_position(const struct store *s, struct bytes *out);
int store_read_position(const struct redisReply *last, struct store_position *ret);
/* What presence-expiryd does: HMGET of the epoch. Absent values, and those of an error answer, are 0 or empty. */
struct sweep_state {
    int64_t swept_ms;   /* the last sweep; 0: never */
    int64_t hold_ms;    /* until when expiries wait */
    struct span run_id; /* of the Redis process that a daemon last spoke with */
};
void store_sweeps(const struct store *s, struct bytes *out);
void store_read_sweeps(const struct redisReply *reply, struct sweep_state *ret);

/* Users. */

/* Two commands' worth per question, sent as 1 + count commands: ZMSCORE, then HMGET lastSeen deviceId
 * sinceSeen sinceDevice for each id. */
void store_status(const struct store *s, const struct span *users, size_t count, struct bytes *out);
/* Answers: the ZMSCORE reply, then `count` HMGET replies. Reading the i-th user: */
struct status_answer {
    bool online;
    int64_t last_seen_ms;      /* the last sign of life as of the last transition, as viewers are told it */
    int64_t last_heartbeat_ms; /* the newest sign of life, not below last_seen_ms */
    struct span device;        /* of the last transition; data NULL: none */
};
int store_read_status(const struct redisReply *scores, size_t i, const struct redisReply *meta,
                      struct status_answer *ret);
/* HGETALL of the user's meta and sessions; ZSCORE in the index: three commands. */
void store_user(const struct store *s, struct span user, struct bytes *out);
/* A page of the index (ZSCAN: user, deadline, user, deadline …) and of the names of all users' keys (SCAN), by a
 * cursor that "0" begins and ends. The reader: 0, or STORE_ERROR. */
void store_index_page(const struct store *s, struct span cursor, int64_t count, struct bytes *out);
void store_keys_page(const struct store *s, struct span cursor, int64_t count, struct bytes *out);
int store_read_page(const struct redisReply *reply, struct span *ret_cursor,
                    const struct redisReply **ret_items);

/* One session as it stands in presence:sessions:<id>, with its last beat, which may stand in presence:meta:<id>. */
struct stored_session {
    struct span name, device, reason, groups;
    int64_t deadline_ms, beat_ms, opened_ms;
};
/* The i-th of HGETALL's answer, with that of the user's meta. 0, or STORE_ERROR for a value of another form. */
int store_session_read(const struct redisReply *sessions, size_t i, const struct redisReply *meta,
                       struct stored_session *ret);
/* What stands in presence:sessions:<id> alone. */
int store_session_value_read(struct span name, struct span value, struct stored_session *ret);

/* What presence:meta:<id> remembers of heartbeats that did not count, in its field `refused`. */
struct stored_refusal {
    int64_t count;       /* of that connection, so far */
    int64_t at_ms;       /* the last */
    struct span reason;  /* session_op_refusal_name, of the last */
    struct span session; /* "node/connection" */
    struct span from;    /* the fromId of the last; may be cut, may be empty */
};
/* 0, or STORE_ERROR for another form, also for none. */
int store_refusal_read(struct span value, struct stored_refusal *ret);
/* HGET of it, for each of the users. */
void store_refusals(const struct store *s, const struct span *users, size_t count, struct bytes *out);
/* ZRANGEBYSCORE … WITHSCORES: (user, when) pairs of those refused since then, the latest last; 1,000 at most. */
void store_refused_users(const struct store *s, int64_t since_ms, struct bytes *out);

/* The log of changes. */

/* XRANGE of the log: revisions from `first` on, at most `count`. Entries are read with store_log_entry. */
void store_log(const struct store *s, uint64_t first, int64_t count, struct bytes *out);
/* XREVRANGE: from `last` down. */
void store_log_back(const struct store *s, uint64_t last, int64_t count, struct bytes *out);
/* The i-th entry: its revision and its event's JSON: 0, or -1. */
int store_log_entry(const struct redisReply *entries, size_t i, uint64_t *ret_rev, struct span *ret_event);
/* TYPE of the log: "stream", "none", or the type of another program's key in its place. */
void store_log_type(const struct store *s, struct bytes *out);

/* Groups: the sets of another program. `pattern` as in keys_group. */

void store_group(const char *pattern, struct span group, struct bytes *out);       /* SMEMBERS */
void store_group_count(const char *pattern, struct span group, struct bytes *out); /* SCARD */
/* SSCAN: read with store_read_page. */
void store_group_page(const char *pattern, struct span group, struct span cursor, int64_t count,
                      struct bytes *out);
/* SMISMEMBER: an integer for each of the users. */
void store_group_has(const char *pattern, struct span group, const struct span *users, size_t count,
                     struct bytes *out);

/* Channels. */

void store_publish(const struct store *s, enum key channel, struct span payload, struct bytes *out);
void store_subscribe(const struct store *s, enum key channel, struct bytes *out);
/* PUBSUB NUMSUB. The reader: -1 where it is not permitted. */
void store_subscribers(const struct store *s, enum key channel, struct bytes *out);
int64_t store_read_subscribers(const struct redisReply *reply);
/* A channel that nobody else knows, by a random id, to try publishing and subscribing. */
void store_probe_subscribe(const struct store *s, const char *id, struct bytes *out);
void store_probe_publish(const struct store *s, const char *id, struct bytes *out);

/* The server. */

void store_info(const char *section, struct bytes *out); /* INFO; NULL: all */
void store_notifications(struct bytes *out); /* CONFIG GET notify-keyspace-events: (name, value) */

#endif
