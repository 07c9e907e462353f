/* SPDX-License-Identifier: MIT */
/* What is said on presence:control (KEYS.md): orders to the servers, and news that are no
 * transitions.
 *
 *     {"cmd":"groups","userId":"123","groups":["a","b"],"rev":7,"epoch":"…","db":0}
 *         the groups a user claims became others, after the change of that revision
 *     {"cmd":"node","node":"…","db":0}
 *         a daemon is new in presence:nodes
 *     {"cmd":"kick","userId":"123","deviceId":"…","db":0}
 *         close the connections of the user, or of that device
 *     {"cmd":"assert","userId":"123","db":0}
 *         who has a session of the user writes it again
 *     {"cmd":"revoke","name":"u:123","issued":1702281234,"until":1702367634000,"db":0}
 *         refuse tokens (revocation.h)
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include "presence/identity.h"

struct control {
    struct span cmd;
    struct span user;           /* empty for those that are about none */
    struct span device;         /* empty: all devices */
    size_t group_count;         /* in the array given to control_read */
    struct span name;           /* of a revocation; empty: none */
    int64_t issued_s, until_ms; /* of it */
    uint64_t rev;               /* of groups: the newest revision then; 0: not said */
    int64_t db;                 /* -1: not said */
    void *json;                 /* owns what the spans point at */
};

/* 0; -1: no JSON object, without cmd, a userId, deviceId, time or db that is none, or groups that are no list
 * of ids. On success the caller calls control_finish. */
int control_read(struct span text, struct span groups[GROUPS_UNION_MAX], struct control *ret);
void control_finish(struct control *c);
void control_write_kick(struct span user, struct span device, int64_t db, struct bytes *out);

/* A JSON array of group ids, as meta's field `groups` and the scripts hold it. Returns the owner of the
 * spans, for control_groups_finish; NULL with *ret_count 0 for an empty or wrong text. */
void *control_groups_read(struct span text, struct span groups[GROUPS_UNION_MAX], size_t *ret_count);
void control_groups_finish(void *owner);
void control_groups_write(const struct span *groups, size_t count, struct bytes *out);

#endif
