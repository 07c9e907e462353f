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
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REDIS_SERVER_ARGS 32

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

static inline void redis_server_fail(const char *what)
{
    fprintf(stderr, "redis_server: %s\n", what);
    exit(99);
}

static inline void redis_server_sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

/* A port nobody listens on right now. */
static inline int redis_server_free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        redis_server_fail("no free port");
    close(fd);
    return ntohs(at.sin_port);
}

static inline void redis_server_exec(const struct redis_server *s)
{
    char port[16], log[96];
    snprintf(port, sizeof(port), "%d", s->port);
    snprintf(log, sizeof(log), "%s/log", s->dir);
    const char *program = getenv("PRESENCE_REDIS_SERVER");
    const char *argv[REDIS_SERVER_ARGS + 1] = {program && *program ? program : "redis-server",
                                               "--port",
                                               port,
                                               "--bind",
                                               "127.0.0.1",
                                               "-::1",
                                               "--unixsocket",
                                               s->path,
                                               "--dir",
                                               s->dir,
                                               "--logfile",
                                               log,
                                               "--save",
                                               "",
                                               "--appendonly",
                                               "no"};
    size_t n = 16;
    for (const char *const *o = s->options; o && *o && n < REDIS_SERVER_ARGS; o++)
        argv[n++] = *o;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], (char **)argv);
    _exit(127);
}

static inline void redis_server_disconnect(struct redis_server *s)
{
    if (s->control)
        redisFree(s->control);
    s->control = NULL;
}

/* The control connection, made when there is none; NULL while the server doesn't answer. */
static inline redisContext *redis_server_connect(struct redis_server *s)
{
    if (s->control && !s->control->err)
        return s->control;
    redis_server_disconnect(s);
    redisContext *c = redisConnectUnixWithTimeout(s->path, (struct timeval){10, 0});
    if (c && !c->err)
        redisSetTimeout(c, (struct timeval){10, 0});
    redisReply *r = !c || c->err  ? NULL
                    : s->password ? redisCommand(c, "AUTH %s", s->password)
                                  : redisCommand(c, "PING");
    bool good = r && r->type == REDIS_REPLY_STATUS;
    freeReplyObject(r);
    if (good)
        return s->control = c;
    if (c)
        redisFree(c);
    return NULL;
}

/* Starts the process in its directory (again, after redis_server_kill) and waits until it answers. */
static inline void redis_server_run(struct redis_server *s)
{
    s->pid = fork();
    if (s->pid < 0)
        redis_server_fail("fork");
    if (s->pid == 0)
        redis_server_exec(s);
    for (int tries = 0; tries < 1000; tries++) {
        if (redis_server_connect(s))
            return;
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            redis_server_fail("redis-server ended at its start");
        redis_server_sleep_ms(10);
    }
    redis_server_fail("redis-server does not answer");
}

static inline void redis_server_start(struct redis_server *s)
{
    strcpy(s->dir, "/tmp/presence-test-XXXXXX");
    if (!mkdtemp(s->dir))
        redis_server_fail("no directory");
    snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
    s->port = s->tcp ? redis_server_free_port() : 0;
    redis_server_run(s);
}

/* kill -9; redis_server_run brings it back, empty and with another run_id. */
static inline void redis_server_kill(struct redis_server *s)
{
    redis_server_disconnect(s);
    if (s->pid > 0 && (kill(s->pid, SIGKILL) < 0 || waitpid(s->pid, NULL, 0) != s->pid))
        redis_server_fail("kill");
    s->pid = 0;
}

static inline void redis_server_pause(const struct redis_server *s)
{
    int status;
    if (kill(s->pid, SIGSTOP) < 0 || waitpid(s->pid, &status, WUNTRACED) != s->pid)
        redis_server_fail("pause");
}

static inline void redis_server_resume(const struct redis_server *s)
{
    if (kill(s->pid, SIGCONT) < 0)
        redis_server_fail("resume");
}

static inline int redis_server_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void redis_server_stop(struct redis_server *s)
{
    redis_server_kill(s);
    if (s->dir[0])
        nftw(s->dir, redis_server_remove, 8, FTW_DEPTH | FTW_PHYS);
    s->dir[0] = '\0';
}

/* Asks over the control connection, arguments up to NULL. Never NULL; the caller frees it (reply_free). */
static inline __attribute__((sentinel)) redisReply *redis_server_call(struct redis_server *s,
                                                                      const char *command, ...)
{
    const char *argv[64] = {command};
    int argc = 1;
    va_list args;
    va_start(args, command);
    for (const char *arg; argc < 64 && (arg = va_arg(args, const char *));)
        argv[argc++] = arg;
    va_end(args);
    redisContext *c = redis_server_connect(s);
    redisReply *r = c ? redisCommandArgv(c, argc, argv, NULL) : NULL;
    if (!r)
        redis_server_fail(c ? c->errstr : "no connection");
    return r;
}

/* The same when only success matters; an error reply ends the test. */
#define redis_server_do(s, ...)                                                                              \
    do {                                                                                                     \
        redisReply *redis_server_reply_ = redis_server_call((s), __VA_ARGS__, NULL);                         \
        if (redis_server_reply_->type == REDIS_REPLY_ERROR)                                                  \
            redis_server_fail(redis_server_reply_->str);                                                     \
        freeReplyObject(redis_server_reply_);                                                                \
    } while (0)

#endif
