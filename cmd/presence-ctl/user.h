/* All that Redis knows of one user: what sessions, why, kick and heartbeat go by. */
#ifndef PRESENCE_CTL_USER_H
#define PRESENCE_CTL_USER_H

#include "ctl.h"

#define USER_SESSIONS_MAX 1000 /* more are counted, not looked at */

struct user {
    struct redisReply *replies[3]; /* meta, sessions, score in the index */
    struct stored_session *sessions;
    size_t session_count; /* looked at */
    size_t in_store;      /* all, also those of a wrong form */
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
/* The node of a session's name. */
struct span session_node(const struct stored_session *s);
/* Of a connection of a presence-ws, which a kick reaches. */
bool session_is_connection(const struct stored_session *s);

#endif
