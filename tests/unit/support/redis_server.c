/* SPDX-License-Identifier: MIT */
#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REDIS_SERVER_ARGS 32

void redis_server_fail(const char *what)
{
    fprintf(stderr, "redis_server: %s\n", what);
    exit(99);
}

void redis_server_sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

int redis_server_free_port(void)
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

static void redis_server_exec(const struct redis_server *s)
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

static void redis_server_disconnect(struct redis_server *s)
{
    if (s->control)
        redisFree(s->control);
    s->control = NULL;
}

redisContext *redis_server_connect(struct redis_server *s)
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

void redis_server_run(struct redis_server *s)
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

void redis_server_start(struct redis_server *s)
{
    strcpy(s->dir, "/tmp/presence-test-XXXXXX");
    if (!mkdtemp(s->dir))
        redis_server_fail("no directory");
    snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
    s->port = s->tcp ? redis_server_free_port() : 0;
    redis_server_run(s);
}

void redis_server_kill(struct redis_server *s)
{
    redis_server_disconnect(s);
    if (s->pid > 0 && (kill(s->pid, SIGKILL) < 0 || waitpid(s->pid, NULL, 0) != s->pid))
        redis_server_fail("kill");
    s->pid = 0;
}

void redis_server_pause(const struct redis_server *s)
{
    int status;
    if (kill(s->pid, SIGSTOP) < 0 || waitpid(s->pid, &status, WUNTRACED) != s->pid)
        redis_server_fail("pause");
}

void redis_server_resume(const struct redis_server *s)
{
    if (kill(s->pid, SIGCONT) < 0)
        redis_server_fail("resume");
}

int redis_server_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void redis_server_stop(struct redis_server *s)
{
    redis_server_kill(s);
    if (s->dir[0])
        nftw(s->dir, redis_server_remove, 8, FTW_DEPTH | FTW_PHYS);
    s->dir[0] = '\0';
}

redisReply *redis_server_call(struct redis_server *s, const char *command, ...)
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
