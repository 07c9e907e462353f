/* What the commands of presence-ctl share: the settings, the link to Redis, how failures are told.
 *
 * A command gets its arguments, prints to stdout and returns an exit code; a failure's sentence stands in
 * c->error, which main prints. */
#ifndef PRESENCE_CTL_H
#define PRESENCE_CTL_H

#include "config.h"
#include "net/redis_sync.h"
#include "store/commands.h"
#include "store/keys.h"

struct ctl {
    struct config config;
    struct store store;
    struct redis_sync *redis; /* NULL: not connected */
    bool refused;             /* Redis is there, and refuses user, password or database */
    bool colour;              /* stdout is a terminal that shows colours */
    char error[700];          /* "": nothing to tell */
};

/* link.c: Redis, blocking. All return 0 or an exit code. */

/* Puts the sentence in c->error and returns `code`. */
int ctl_fail(struct ctl *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ctl_connect(struct ctl *c);
/* Sends `commands` (of which there are `count`) and takes their answers; the caller frees each (reply_free).
 */
int ctl_ask(struct ctl *c, struct span commands, struct redisReply **ret, size_t count);
/* The same for one command, where an error answer is a failure too. */
int ctl_ask_one(struct ctl *c, struct span command, struct redisReply **ret);
/* EVALSHA, and EVAL when Redis has not the script. `write` appends the command. */
int ctl_script(struct ctl *c, void (*write)(void *arg, bool text, struct bytes *out), void *arg,
               struct redisReply **ret);
/* PUBLISH; *ret_heard: how many got it. */
int ctl_publish(struct ctl *c, enum key channel, struct span payload, int64_t *ret_heard);
/* For an answer that its reader did not take: what Redis said. */
int ctl_refused(struct ctl *c, const struct redisReply *reply);
/* Redis's clock. */
int ctl_now(struct ctl *c, int64_t *ret_ms);
void replies_free(struct redisReply **replies, size_t count);

/* nodes.c: the daemons of presence:nodes. */

#define NODES_MAX      256
#define NODE_ALIVE_MS  5000 /* daemons say every second that they live */
#define PROGRAM_WS     "presence-ws"
#define PROGRAM_API    "presence-api"
#define PROGRAM_EXPIRY "presence-expiryd"

struct nodes {
    struct redisReply *reply;
    struct node items[NODES_MAX];
    size_t count;
    int64_t now_ms; /* Redis's time when they were read */
};

int nodes_load(struct ctl *c, struct nodes *ret);
void nodes_finish(struct nodes *n);
bool node_alive(const struct nodes *n, const struct node *node);
bool node_is(const struct node *node, const char *name);
/* How many of that program are alive. */
size_t nodes_alive(const struct nodes *n, const char *name);
/* "presence-ws 1a2b3c4d at 127.0.0.1:3000", or "node 1a2b3c4d, which is gone"; harmless on a terminal. */
void nodes_tell(const struct nodes *n, struct span name, struct bytes *out);

/* The commands, one file each or a family. */

int command_status(struct ctl *c, char **args, size_t count);
int command_list(struct ctl *c, char **args, size_t count);
int command_count(struct ctl *c, char **args, size_t count);
int command_watch(struct ctl *c, char **args, size_t count);
int command_wait(struct ctl *c, char **args, size_t count);
int command_online(struct ctl *c, char **args, size_t count);
int command_offline(struct ctl *c, char **args, size_t count);
int command_heartbeat(struct ctl *c, char **args, size_t count);
int command_publish(struct ctl *c, char **args, size_t count);
int command_sessions(struct ctl *c, char **args, size_t count);
int command_why(struct ctl *c, char **args, size_t count);
int command_token(struct ctl *c, char **args, size_t count);
int command_metrics(struct ctl *c, char **args, size_t count);
int command_doctor(struct ctl *c, char **args, size_t count);
int command_kick(struct ctl *c, char **args, size_t count);
int command_repair(struct ctl *c, char **args, size_t count);

/* arguments.c: 0, or EXIT_USAGE with the sentence. */

int argument_user(struct ctl *c, const char *text, struct span *ret);
int argument_status(struct ctl *c, const char *text, bool *ret_online);
/* "a,b,c" of valid ids, for --users and --groups: 0, or EXIT_USAGE. NULL is none. *ret_ids is the caller's to
 * free; the spans borrow from `list`. */
int argument_ids(struct ctl *c, const char *flag, const char *list, struct span **ret_ids, size_t *ret_count);

#endif
