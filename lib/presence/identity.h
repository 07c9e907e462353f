/* Who: user ids, device ids, roles (contract section 2). */
#ifndef PRESENCE_IDENTITY_H
#define PRESENCE_IDENTITY_H

#include "base/bytes.h"

#define USER_ID_MAX   128 /* bytes of UTF-8 */
#define DEVICE_ID_MAX 128
#define GROUP_ID_MAX  128
#define TOKEN_ID_MAX  128 /* jti (RFC 7519, 4.1.7) */
#define GROUPS_MAX    256 /* groups in one claim or one interest */

enum role { ROLE_MOBILE, ROLE_WEB, ROLE_DASHBOARD };

/* 1–128 bytes of UTF-8 without control characters; ':' is allowed. The same rule holds for devices,
 * groups and token ids. */
bool user_id_valid(struct span id);
bool device_id_valid(struct span id);
bool group_id_valid(struct span id);
bool token_id_valid(struct span id);
/* "mobile", "web", "dashboard": 0, else -1. */
int role_parse(struct span text, enum role *ret);
const char *role_name(enum role role);

#endif
