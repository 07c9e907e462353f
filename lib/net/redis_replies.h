/* hiredis's reader, putting what it reads into an arena: a bulk answer has hundreds of replies, and an
 * allocation or two for each is a quarter of what it costs to read them. */
#ifndef NET_REDIS_REPLIES_H
#define NET_REDIS_REPLIES_H

#include "base/arena.h"

struct redisContext;
struct redisReader;
struct redisReplyObjectFunctions;

struct redis_replies {
    struct redisReader *reader;
    struct redisReplyObjectFunctions *functions;
    void *data;
};

/* Replies from now on belong to the arena: nobody frees them one by one. Between two whole replies only. */
struct redis_replies redis_replies_begin(struct redisContext *context, struct arena *arena);
/* Back to replies that are freed. With half a reply read it must not be called: the context can only be
 * closed then, before the arena is. */
void redis_replies_end(const struct redis_replies *before);

#endif
