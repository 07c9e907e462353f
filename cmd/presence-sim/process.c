/* SPDX-License-Identifier: MIT */
#include "process.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ws_handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL      2000
#define LOOK_EVERY_MS 5

static bool is_assignment(const char *word)
{
    size_t len = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return len && word[len] == '=';
}

static char **copy_list(char *const *words, size_t count)
{
    char **list = mem_array(count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        list[i] = mem_strdup(words[i]);
    list[count] = NULL;
    return list;
}

static void free_list(char **list)
{
    for (size_t i = 0; list[i]; i++)
        free(list[i]);
    free(list);
}

struct process *process_create(const char *name, char *const *words, size_t count, const char *log,
                               char *error, size_t size)
{
    size_t at = count && !strncmp(words[0], "ready=", 6), assignments = at;
    while (assignments < count && is_assignment(words[assignments]))
        assignments++;
    if (assignments == count) {
        snprintf(error, size, "the command of %s is missing", name);
        return NULL;
    }
    struct process *p = mem_zalloc(sizeof(*p));
    p->name = mem_strdup(name);
    p->log = mem_strdup(log);
    p->ready = at ? mem_strdup(words[0] + 6) : NULL;
    p->environment = copy_list(words + at, assignments - at);
    p->argv = copy_list(words + assignments, count - assignments);
    return p;
}

void process_destroy(struct process *p)
{
    if (p->pid) {
        kill(-p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    free(p->name);
    free(p->log);
    free(p->ready);
    free_list(p->environment);
    free_list(p->argv);
    free(p);
}

/* In the child: never returns. */
static void become(const struct process *p, int log, pid_t parent)
{
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    for (size_t i = 0; p->environment[i]; i++)
        putenv(p->environment[i]);
    execvp(p->argv[0], p->argv);
    dprintf(STDERR_FILENO, "%s: %s\n", p->argv[0], strerror(errno));
    _exit(127);
}

int process_start(struct process *p, char *error, size_t size)
{
    int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
        snprintf(error, size, "%s: %s", p->log, strerror(errno));
        return -1;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(p, log, parent);
    close(log);
    if (pid < 0) {
        snprintf(error, size, "%s: %s", p->name, strerror(errno));
        return -1;
    }
    setpgid(pid, pid);
    p->pid = pid;
    p->told_to_end = p->has_ended = false;
    return 0;
}

static void note_end(struct process *p, int status)
{
    p->pid = 0;
    p->has_ended = true;
    p->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool process_reap(struct process *p)
{
    int status;
    if (!p->pid || waitpid(p->pid, &status, WNOHANG) != p->pid)
        return false;
    note_end(p, status);
    return true;
}

void process_signal(struct process *p, int signum)
{
    if (!p->pid)
        return;
    if (signum == SIGTERM || signum == SIGINT || signum == SIGKILL || signum == SIGQUIT)
        p->told_to_end = true;
    kill(-p->pid, signum);
}

bool process_is_ready(const struct process *p)
{
    struct ws_target target;
    char error[300];
    if (!p->ready)
        return true;
    if (ws_target_parse(p->ready, &target, error, sizeof(error)))
        return false;
    int fd = socket(target.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ready = !connect(fd, (const struct sockaddr *)&target.addr, target.addr_len);
    close(fd);
    return ready;
}

static void wait_ms(int64_t ms)
{
    poll(NULL, 0, (int)ms);
}

int process_finish(struct process *p, int64_t limit_ms)
{
    int64_t until = clock_mono_ms() + limit_ms;
    if (!p->pid)
        return p->status;
    process_signal(p, SIGTERM);
    process_signal(p, SIGCONT);
    while (!process_reap(p) && clock_mono_ms() < until)
        wait_ms(LOOK_EVERY_MS);
    if (!p->pid)
        return p->status;
    process_signal(p, SIGKILL);
    while (!process_reap(p))
        wait_ms(LOOK_EVERY_MS);
    return p->status;
}

void process_log_tail(const struct process *p, struct bytes *out)
{
    FILE *in = fopen(p->log, "re");
    if (!in)
        return;
    if (fseek(in, -LOG_TAIL, SEEK_END))
        rewind(in);
    char *to = bytes_reserve(out, LOG_TAIL);
    out->len += fread(to, 1, LOG_TAIL, in);
    fclose(in);
}
