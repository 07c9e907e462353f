/* SPDX-License-Identifier: MIT */
/* What the commands of presence-ctl share: the settings, the connection to Redis, and how a failure is reported.
 *
 * A command gets its arguments, prints to stdout and returns an exit code. The sentence about a failure stands in
 * c->error, which main prints. */
#ifndef PRESENCE_CTL_H
#define PRESENCE_CTL_H

#include "config.h"
#include "redis/redis_sync.h"
#include "store/reads.h"

struct ctl {
    struct config config;
    struct store store;
    struct redis_sync *redis; /* NULL: not connected */
    enum redis_fault fault;   /* why ctl_connect failed */
    bool color;               /* stdout is a terminal that shows colors */
    char error[700];          /* "": nothing to report */
};

/* A command: each is defined in its own file as `command_NAME`, and named in commands.h. */
struct command {
    struct command_info info;
    int (*run)(struct ctl *c, char **args, size_t count); /* the number of arguments is checked */
    bool unconnected; /* `run` connects to Redis by itself, or does not need it */
};

/* Puts the sentence in c->error and returns `code`. */
int ctl_fail(struct ctl *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Redis, blocking. All return 0 or an exit code. */

int ctl_connect(struct ctl *c);
void ctl_disconnect(struct ctl *c);
/* Sends `commands` (of which there are `count`) and takes their answers; the caller frees each (reply_free). */
int ctl_ask(struct ctl *c, struct span commands, struct redisReply **ret, size_t count);
/* The same for one command, where an error answer is a failure too. */
int ctl_ask_one(struct ctl *c, const struct bytes *command, struct redisReply **ret);
/* One EVALSHA; Redis is given the scripts first when it lacks them. An error of Redis is an answer. */
int ctl_script(struct ctl *c, struct span command, struct redisReply **ret);
/* Publishes; *ret_received: how many got it. */
int ctl_publish(struct ctl *c, enum key channel, struct span payload, int64_t *ret_received);
/* For an answer that its reader did not take: what Redis said. */
int ctl_refused(struct ctl *c, const struct redisReply *reply);
/* Redis's clock. */
int ctl_now(struct ctl *c, int64_t *ret_ms);
/* How many users are online. */
int ctl_online(struct ctl *c, int64_t *ret);
void ctl_free_replies(struct redisReply **replies, size_t count);

#endif
