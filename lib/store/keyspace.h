/* SPDX-License-Identifier: MIT */
/* Redis's keyspace events as a wake-up: the flags they need, and the channel they come on (KEYS.md: detection
 * does not rest on them). */
#ifndef STORE_KEYSPACE_H
#define STORE_KEYSPACE_H

#include "base/bytes.h"
#include "redis/reply.h"

#define KEYSPACE_CHANNEL_SIZE 48

/* "__keyevent@0__:expired" */
void keyspace_channel(int64_t db, char out[KEYSPACE_CHANNEL_SIZE]);
/* Appends CONFIG GET notify-keyspace-events. */
void keyspace_ask(struct bytes *out);
/* Reads its answer: 0 with the flags as they stand; -1 for an error answer (not allowed, not known). */
int keyspace_read(const struct redisReply *reply, struct span *ret_flags);
/* Whether expired events are published with these flags. */
bool keyspace_suffices(struct span flags);
/* Appends CONFIG SET with `Ex` added to the flags, never put in their place. */
void keyspace_add(struct span flags, struct bytes *out);

#endif
