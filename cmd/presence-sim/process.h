/* SPDX-License-Identifier: MIT */
/* Processes of a scenario: servers that are started, stopped, killed, paused. Each is the leader of its own
 * group, dies with this program, and writes to a log of its own. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "base/bytes.h"

#include <sys/types.h>

struct process {
    char *name;
    char **argv;        /* NULL-terminated */
    char **environment; /* NAME=value, on top of the inherited; NULL-terminated */
    char *ready;        /* host:port or unix:path that must take connections; NULL: running is ready */
    char *log;          /* path */
    pid_t pid;          /* 0: not running */
    bool told_to_end;   /* its end is no surprise */
    int status;         /* of its last end: the exit status, or 128 + signal */
    bool has_ended;
};

/* `words`: [ready=ADDRESS] [NAME=value …] COMMAND [ARGUMENT …], copied. NULL with a sentence in error. */
struct process *process_create(const char *name, char *const *words, size_t count, const char *log,
                               char *error, size_t size);
/* Kills what still runs. */
void process_destroy(struct process *p);
/* 0, or -1 with a sentence in error. A command that can't be executed ends with 127. */
int process_start(struct process *p, char *error, size_t size);
/* Takes its end, if it has ended: true when it had run until now. */
bool process_reap(struct process *p);
void process_signal(struct process *p, int signum);
/* Whether `ready` takes a connection now. */
bool process_is_ready(const struct process *p);
/* TERM, and KILL after limit_ms; waits. Returns its status. */
int process_finish(struct process *p, int64_t limit_ms);
/* The last lines of the log, for a person. */
void process_log_tail(const struct process *p, struct bytes *out);

#endif
