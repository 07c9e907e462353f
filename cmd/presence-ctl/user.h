/* SPDX-License-Identifier: MIT */
/* All that Redis knows of one user: what sessions, why, kick and heartbeat go by. */
#ifndef PRESENCE_CTL_USER_H
#define PRESENCE_CTL_USER_H

#include "ctl.h"
#include "explanation.h"
#include "show.h"

#define USER_SESSIONS_MAX 1000 /* more are not looked at */

struct user {
    struct redisReply *replies[3]; /* meta, sessions, score in the index */
    struct stored_session *sessions;
    size_t session_count;
    bool online;
    int64_t now_ms;
};

/* 0, and the caller calls user_finish; or an exit code. */
int user_load(struct ctl *c, struct span id, struct user *ret);
void user_finish(struct user *u);
/* A field of presence:meta; SPAN_NONE when it is not there. */
struct span user_meta(const struct user *u, const char *field);
/* A field that holds a number; 0 when it does not. */
int64_t user_meta_number(const struct user *u, const char *field);
/* The last refused heartbeats out of `value`, the field `refused` of presence:meta; false without any that
 * matter. The spans borrow from it. */
bool user_refusal_read(struct span value, int64_t last_seen_ms, int64_t now_ms,
                       struct explanation_refusal *ret);
/* The same of a user. */
bool user_refusal(const struct user *u, struct explanation_refusal *ret);
/* A JSON object, or null for NULL. */
void user_refusal_json(struct span user, const struct explanation_refusal *r, struct bytes *out);
/* The node of a session's name. */
struct span user_session_node(const struct stored_session *s);
/* Of a connection of a presence-ws, which a kick reaches. */
bool user_session_connected(const struct stored_session *s);

#endif
