/* SPDX-License-Identifier: MIT */
/* Who: user ids, device ids, roles (PROTOCOL.md), and the sizes of all identifiers. */
#ifndef PRESENCE_IDENTITY_H
#define PRESENCE_IDENTITY_H

#include "base/bytes.h"

#define USER_ID_MAX   128 /* bytes of UTF-8 */
#define DEVICE_ID_MAX 128
#define GROUP_ID_MAX  128
#define TOKEN_ID_MAX  128 /* jti (RFC 7519, 4.1.7) */
#define GROUPS_MAX    256 /* groups in one claim or one interest */
/* Groups that the sessions of one user claim together; of more, the first ones by name count. */
#define GROUPS_UNION_MAX 500

/* Sizes of texts with their NUL. */
#define NODE_ID_SIZE 64 /* a daemon's id, without '/'; "ctl" and the like for those that are none */
#define EPOCH_SIZE   64
#define RUN_ID_SIZE  41 /* Redis's run_id: 40 hex digits */

#define PREFIX_MAX 64 /* bytes of UTF-8 with which the names of keys and channels begin */

enum role { ROLE_MOBILE, ROLE_WEB, ROLE_DASHBOARD };

/* 1–128 bytes of UTF-8 without control characters; ':' is allowed. The same rule holds for devices,
 * groups and token ids. */
bool identity_user_valid(struct span id);
bool identity_device_valid(struct span id);
bool identity_group_valid(struct span id);
bool identity_token_valid(struct span id);
/* "mobile", "web", "dashboard": 0, else -1. */
int role_parse(struct span text, enum role *ret);
const char *role_name(enum role role);

#endif
