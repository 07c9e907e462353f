/* SPDX-License-Identifier: MIT */
/* hiredis's reader, putting what it reads into an arena: a bulk answer has hundreds of replies, and an
 * allocation or two for each is a quarter of what it costs to read them. */
#ifndef REDIS_REDIS_REPLIES_H
#define REDIS_REDIS_REPLIES_H

#include "base/arena.h"

struct redisReader;

/* A reader whose replies belong to the arena: nobody frees them one by one. */
struct redisReader *redis_replies_reader(struct arena *arena);

#endif
