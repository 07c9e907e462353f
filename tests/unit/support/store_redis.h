/* SPDX-License-Identifier: MIT */
/* A store on a Redis of the test's own: sends what store/commands.h writes, keeps the answer, and hears what
 * is published.
 *
 *     struct store_redis t;
 *     store_redis_start(&t);
 *     store_redis_apply(&t, (struct session_op[]){store_redis_op('o', "alice", "n1/1", "phone")}, 1);
 *     … t.answer, t.messages[0 .. t.message_count - 1] …
 *     store_redis_stop(&t);
 */
#ifndef TEST_SUPPORT_STORE_REDIS_H
#define TEST_SUPPORT_STORE_REDIS_H

#include "redis_server.h"

#include "store/commands.h"
#include "store/reads.h"

#define STORE_REDIS_TTL      10000 /* sessions that shall end sooner get an older beat */
#define STORE_REDIS_MESSAGES 4096

struct store_redis_message {
    char *channel, *payload;
};

struct store_redis {
    struct redis_server server;
    struct store store;
    int64_t ttl_ms, holdback_ms, gap_ms, limit;
    redisContext *heard;
    struct redisReply *reply; /* of the last script; freed with the next */
    int result;               /* of its reader */
    struct apply_answer answer;
    struct expire_answer swept;
    struct store_redis_message messages[STORE_REDIS_MESSAGES]; /* since store_redis_forget */
    size_t message_count;
};

/* Fails the test with a sentence. */
void store_redis_fail(const char *what);

/* The reply, which the caller frees or keeps. */
struct redisReply *store_redis_send(struct store_redis *t, const struct bytes *command);

/* Further replies of a command that was several. */
struct redisReply *store_redis_next(struct store_redis *t);

/* The text of a reply to a command; "(nil)" for none. Valid until the next question of this kind. */
const char *store_redis_text(struct store_redis *t, int argc, const char *const *argv);

#define STORE_REDIS_TEXT(t, ...)                                                                             \
    store_redis_text(t, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),                 \
                     (const char *[]){__VA_ARGS__})

int64_t store_redis_now(struct store_redis *t);
void store_redis_wait_until(struct store_redis *t, int64_t redis_ms);

/* As at the beginning of each connection. */
void store_redis_load_scripts(struct store_redis *t);
void store_redis_start(struct store_redis *t);

/* Messages that were heard so far are dropped. */
void store_redis_forget(struct store_redis *t);
void store_redis_stop(struct store_redis *t);

/* Takes in all that was published until now: a pong comes behind it. */
void store_redis_hear(struct store_redis *t);

/* An empty Redis and a plain store, for the next case on the same process. */
void store_redis_clear(struct store_redis *t);

/* As the last reply, in place of the one before it. */
void store_redis_keep(struct store_redis *t, struct redisReply *reply);

/* Session, device and user as C strings; a full mobile operation. */
struct session_op store_redis_op(char kind, const char *user, const char *session, const char *device);

/* Each sends the script and reads its answer: what the reader returned. */
int store_redis_apply(struct store_redis *t, const struct session_op *ops, size_t count);
/* Plain beats, in the store's present epoch; the outcomes of those that are plain. */
void store_redis_beats(struct store_redis *t, const struct session_op *ops, size_t count, char *outcomes);
int store_redis_repair(struct store_redis *t, const struct span *users, size_t count);
int store_redis_sweep(struct store_redis *t);

#endif
