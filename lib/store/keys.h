/* SPDX-License-Identifier: MIT */
/* Names of keys and channels (KEYS.md). The scripts build the same
 * names from the prefix; nothing else spells one out. On a single Redis the names carry no hash tag; a
 * partitioned layout would give each partition its own prefix (`presence:{7}:`), and this module and the
 * prefix are all that knows. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "presence/identity.h"

#define KEYS_PREFIX_DEFAULT "presence:"
#define KEYS_CHANNEL_SIZE   (PREFIX_MAX + 16) /* a channel's name with its NUL */

enum key {
    KEY_DUE,
    KEY_REV,
    KEY_EPOCH,
    KEY_LOG,
    KEY_NODES,
    KEY_FENCE,
    KEY_REVOKED,
    KEY_REFUSED,
    CHANNEL_ONLINE,
    CHANNEL_OFFLINE,
    CHANNEL_UPDATES,
    CHANNEL_CONTROL,
};

enum user_key { USER_KEY_PRESENCE, USER_KEY_META, USER_KEY_SESSIONS };

/* Appends the name to out. */
void keys_name(const char *prefix, enum key key, struct bytes *out);
void keys_user(const char *prefix, enum user_key key, struct span user, struct bytes *out);
/* Patterns for SCAN … MATCH, of all names under the prefix and of one kind; glob characters in the prefix are
 * escaped. */
void keys_pattern(const char *prefix, struct bytes *out);
void keys_user_pattern(const char *prefix, enum user_key key, struct bytes *out);
/* The user of a key's name: 0, or -1 when it is none of that kind. */
int keys_user_of(const char *prefix, enum user_key key, struct span name, struct span *ret_user);
/* VoicePing's group members: `{group}` in the pattern is replaced (PRESENCE_GROUP_KEY, default
 * "g.{group}.u"). */
void keys_group(const char *pattern, struct span group, struct bytes *out);

#endif
