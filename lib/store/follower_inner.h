/* What the files of follower.h share. */
#ifndef STORE_FOLLOWER_INNER_H
#define STORE_FOLLOWER_INNER_H

#include "store/follower.h"

/* Sends f->command; false when an answer to one like it is still to come, or the link takes nothing. */
bool follower_send(struct follower *f, enum follower_tag tag);
void follower_group_answer(struct follower *f, const struct redisReply *reply, int64_t now_ms);

#endif
