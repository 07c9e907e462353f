/* SPDX-License-Identifier: MIT */
/* A redis-server of a test's own: on a unix socket in a fresh directory under /tmp, and on a loopback port if
 * asked for. It dies with the test. Everything that goes wrong here ends the test with a sentence.
 *
 * PRESENCE_REDIS_SERVER=valkey-server in the environment starts that instead, which takes the same arguments.
 *
 *     struct redis_server s = {0};           // .tcp = true: also on s.port of 127.0.0.1 and ::1
 *     redis_server_start(&s);
 *     reply_free(redis_server_call(&s, "SET", "key", "value", NULL));
 *     redis_server_stop(&s);
 */
#ifndef TEST_SUPPORT_REDIS_SERVER_H
#define TEST_SUPPORT_REDIS_SERVER_H

#include <ftw.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
    bool tcp; /* set before the start */
    const char *const
        *options; /* more arguments of redis-server, up to NULL; set before the start, may stay NULL */
    const char *password; /* of the default user, as set by `options`; for the control connection */
    char dir[64];
    char path[96]; /* the unix socket */
    int port;      /* 0 without tcp */
    pid_t pid;     /* 0: not running */
    redisContext *control;
};

void redis_server_fail(const char *what);
void redis_server_sleep_ms(int ms);

/* A port nobody listens on right now. */
int redis_server_free_port(void);

/* The control connection, made when there is none; NULL while the server doesn't answer. */
redisContext *redis_server_connect(struct redis_server *s);

/* Starts the process in its directory (again, after redis_server_kill) and waits until it answers. */
void redis_server_run(struct redis_server *s);
void redis_server_start(struct redis_server *s);

/* kill -9; redis_server_run brings it back, empty and with another run_id. */
void redis_server_kill(struct redis_server *s);
void redis_server_pause(const struct redis_server *s);
void redis_server_resume(const struct redis_server *s);

/* For nftw: a whole directory. */
int redis_server_remove(const char *path, const struct stat *st, int type, struct FTW *at);
void redis_server_stop(struct redis_server *s);

/* Asks over the control connection, arguments up to NULL. Never NULL; the caller frees it (reply_free). */
redisReply *redis_server_call(struct redis_server *s, const char *command, ...) __attribute__((sentinel));

/* The same when only success matters; an error reply ends the test. */
#define redis_server_do(s, ...)                                                                              \
    do {                                                                                                     \
        redisReply *redis_server_reply_ = redis_server_call((s), __VA_ARGS__, NULL);                         \
        if (redis_server_reply_->type == REDIS_REPLY_ERROR)                                                  \
            redis_server_fail(redis_server_reply_->str);                                                     \
        freeReplyObject(redis_server_reply_);                                                                \
    } while (0)

#endif
