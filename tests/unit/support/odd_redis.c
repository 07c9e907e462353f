/* SPDX-License-Identifier: MIT */
#include "odd_redis.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void odd_redis_say(int fd, struct span text)
{
    if (send(fd, text.data, text.len, MSG_NOSIGNAL) < 0)
        return;
}

/* Each command begins a line with its star. */
static void odd_redis_serve(int fd, const char *trigger, struct span odd)
{
    bytes_auto heard = BYTES_INIT;
    bool first = odd.len > 0;
    size_t looked = 0;
    ssize_t n;

    while ((n = recv(fd, bytes_reserve(&heard, 4096), 4096, 0)) > 0) {
        heard.len += (size_t)n;
        bool subscribes = memmem(heard.data, heard.len, "SUBSCRIBE", 9) != NULL;
        for (; !subscribes && looked < heard.len; looked++)
            if (heard.data[looked] == '*' && (looked == 0 || heard.data[looked - 1] == '\n'))
                odd_redis_say(fd, SPAN("+OK\r\n"));
        if (subscribes)
            odd_redis_say(fd, SPAN("*3\r\n$9\r\nsubscribe\r\n$16\r\npresence:updates\r\n:1\r\n"
                                   "*3\r\n$9\r\nsubscribe\r\n$16\r\npresence:control\r\n:2\r\n"));
        if (first && memmem(heard.data, heard.len, trigger, strlen(trigger))) {
            odd_redis_say(fd, odd);
            first = false;
        }
        if (subscribes)
            bytes_reset(&heard), looked = 0;
    }
}

void odd_redis_start(struct odd_redis *r, const char *trigger, struct span odd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    strcpy(r->dir, "/tmp/presence-odd-XXXXXX");
    if (!mkdtemp(r->dir))
        exit(99);
    snprintf(r->path, sizeof(r->path), "%s/sock", r->dir);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", r->path);
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 8) < 0)
        exit(99);
    r->pid = fork();
    if (r->pid < 0)
        exit(99);
    if (r->pid > 0) {
        close(listener);
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (; (fd = accept(listener, NULL, NULL)) >= 0; odd = SPAN_NONE) {
        odd_redis_serve(fd, trigger, odd);
        close(fd);
    }
    _exit(0);
}

void odd_redis_stop(struct odd_redis *r)
{
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    unlink(r->path);
    rmdir(r->dir);
}
