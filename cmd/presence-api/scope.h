/* SPDX-License-Identifier: MIT */
/* Whom the holder of a token may see (PROTOCOL.md and HTTP.md), by the same rule as in presence-ws:
 * everyone, or the members of the groups that the token claims; members by Redis's sets, or while connected
 * with that claim. Everyone sees himself. Without the claim a dashboard sees everyone, a phone nobody else.
 */
#ifndef PRESENCE_API_SCOPE_H
#define PRESENCE_API_SCOPE_H

#include "auth/token.h"
#include "store/reads.h"

struct redisReply;

struct scope {
    bool bounded;       /* false: everyone is seen, and `token` may be empty */
    struct token token; /* owned */
};

void scope_finish(struct scope *s);
/* Whether the user is the token's own. */
bool scope_is_self(const struct scope *s, struct span user);
/* A phone's token without groups: it sees itself alone. */
bool scope_is_alone(const struct scope *s);
/* Whether all of a user is shown, not only what presence-ws shows to phones (status, lastSeen, deviceId). */
bool scope_sees_details(const struct scope *s, struct span user);
/* Whether the token names the group. */
bool scope_has(const struct scope *s, struct span group);
/* Appends the commands that tell who of the users is seen; returns how many, 0 when all are. */
size_t scope_ask(const struct scope *s, const struct store *store, const char *group_key,
                 const struct span *users, size_t count, struct bytes *commands);
/* Whether somebody holds the token that the question came with: then one more command asks whether it was
 * revoked. */
bool scope_ask_revoked(const struct scope *s, const struct store *store, struct bytes *commands);
bool scope_revoked(const struct scope *s, const struct redisReply *reply, int64_t now_ms);
/* By their answers (`replies`: the first of them), whether the i-th of the users is seen. */
bool scope_sees(const struct scope *s, const struct redisReply *const *replies, const struct span *users,
                size_t i);

#endif
