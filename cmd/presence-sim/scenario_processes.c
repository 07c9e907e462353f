/* SPDX-License-Identifier: MIT */
/* Processes and commands of a scenario. */
#include "scenario.h"

#include "base/mem.h"
#include "base/random.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_MS   15000
#define STOP_MS    20000
#define RUN_MS     30000
#define PORT_LOW   20000 /* below Linux's range for outgoing connections */
#define PORT_HIGH  32000
#define PORT_TRIES 200

static enum outcome no_process(struct scenario *s, const char *name)
{
    return scenario_say(s, OUTCOME_WRONG, "no process is called %.200s", name);
}

static void log_path(const struct scenario *s, const char *name, struct bytes *out)
{
    bytes_printf(out, "%s/%s.log", s->env.scratch, name);
}

enum outcome statement_process(struct scenario *s, const struct shellwords *w)
{
    bytes_auto log = BYTES_INIT;
    char error[512];
    if (!scenario_variable_valid(w->items[1]) || scenario_process(s, w->items[1]))
        return scenario_say(s, OUTCOME_WRONG, "%.100s: no name of letters and digits, or there already",
                            w->items[1]);
    log_path(s, w->items[1], &log);
    struct process *p =
        process_create(w->items[1], w->items + 2, w->count - 2, bytes_text(&log), error, sizeof(error));
    if (!p)
        return scenario_say(s, OUTCOME_WRONG, "%s", error);
    s->env.processes = mem_realloc(s->env.processes, (s->env.process_count + 1) * sizeof(struct process *));
    s->env.processes[s->env.process_count++] = p;
    return OUTCOME_DONE;
}

static enum outcome check_started(struct scenario *s, const struct shellwords *w)
{
    for (size_t i = 1; i < w->count; i++) {
        const struct process *p = scenario_process(s, w->items[i]);
        if (p->has_ended)
            return scenario_say(s, OUTCOME_UNREACHABLE, "%s ended with %d before it was ready", p->name,
                                p->status);
        if (!process_is_ready(p))
            return scenario_say(s, OUTCOME_WAIT, "%s takes no connections on %s", p->name, p->ready);
    }
    return OUTCOME_DONE;
}

enum outcome statement_start(struct scenario *s, const struct shellwords *w)
{
    char error[512];
    for (size_t i = 1; i < w->count; i++) {
        struct process *p = scenario_process(s, w->items[i]);
        if (!p)
            return no_process(s, w->items[i]);
        if (p->pid)
            return scenario_say(s, OUTCOME_WRONG, "%s runs already", p->name);
        if (process_start(p, error, sizeof(error)))
            return scenario_say(s, OUTCOME_UNREACHABLE, "%s", error);
    }
    return scenario_wait(s, check_started, 0, START_MS, OUTCOME_UNREACHABLE);
}

static enum outcome check_stopped(struct scenario *s, const struct shellwords *w)
{
    for (size_t i = 1; i < w->count; i++) {
        const struct process *p = scenario_process(s, w->items[i]);
        if (p->pid)
            return scenario_say(s, OUTCOME_WAIT, "%s still runs", p->name);
    }
    return OUTCOME_DONE;
}

/* `stop` and `kill`. */
enum outcome statement_stop(struct scenario *s, const struct shellwords *w)
{
    int signum = !strcmp(w->items[0], "kill") ? SIGKILL : SIGTERM;
    for (size_t i = 1; i < w->count; i++) {
        struct process *p = scenario_process(s, w->items[i]);
        if (!p)
            return no_process(s, w->items[i]);
        process_signal(p, signum);
    }
    return scenario_wait(s, check_stopped, 0, STOP_MS, OUTCOME_FAILED);
}

enum outcome statement_signal(struct scenario *s, const struct shellwords *w)
{
    static const struct {
        const char *name;
        int signum;
    } signals[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"KILL", SIGKILL}, {"HUP", SIGHUP},
                   {"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"USR1", SIGUSR1}};
    struct process *p = scenario_process(s, w->items[1]);
    if (!p)
        return no_process(s, w->items[1]);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (!strcmp(signals[i].name, w->items[2])) {
            process_signal(p, signals[i].signum);
            return OUTCOME_DONE;
        }
    return scenario_say(s, OUTCOME_WRONG, "no such signal: %.50s", w->items[2]);
}

/* The options in front of a command; returns how many words they are, or 0 for a wrong one. */
struct run_options {
    uint64_t exit;
    const char *contains;
    int64_t within_ms;
};

static size_t run_options(const struct shellwords *w, struct run_options *ret)
{
    size_t at = 1;
    *ret = (struct run_options){.within_ms = RUN_MS};
    for (const char *value; at < w->count; at++) {
        if ((value = scenario_option(w->items[at], "exit"))) {
            if (span_to_u64(span_of(value), 255, &ret->exit))
                return 0;
        } else if ((value = scenario_option(w->items[at], "contains"))) {
            ret->contains = value;
        } else if ((value = scenario_option(w->items[at], "within"))) {
            if (settings_duration_parse(span_of(value), &ret->within_ms))
                return 0;
        } else {
            break;
        }
    }
    return at;
}

static enum outcome check_ran(struct scenario *s, const struct shellwords *w)
{
    struct run_options options;
    bytes_auto output = BYTES_INIT;
    run_options(w, &options);
    if (s->env.command->pid)
        return scenario_say(s, OUTCOME_WAIT, "the command still runs");
    process_log_tail(s->env.command, &output);
    if ((uint64_t)s->env.command->status != options.exit)
        return scenario_say(s, OUTCOME_FAILED, "the command ended with %d, not %d: %.300s",
                            s->env.command->status, (int)options.exit, bytes_text(&output));
    if (options.contains && !strstr(bytes_text(&output), options.contains))
        return scenario_say(s, OUTCOME_FAILED, "the command did not write \"%.100s\": %.300s",
                            options.contains, bytes_text(&output));
    return OUTCOME_DONE;
}

enum outcome statement_run(struct scenario *s, const struct shellwords *w)
{
    struct run_options options;
    size_t at = run_options(w, &options);
    bytes_auto log = BYTES_INIT;
    char error[512], name[32];
    if (!at)
        return scenario_say(s, OUTCOME_WRONG, "exit=0-255, contains=TEXT, within=DURATION");
    if (s->env.command)
        process_destroy(s->env.command);
    snprintf(name, sizeof(name), "run-%d", s->script.lines[s->at].number);
    log_path(s, name, &log);
    unlink(bytes_text(&log));
    s->env.command =
        process_create(name, w->items + at, w->count - at, bytes_text(&log), error, sizeof(error));
    if (!s->env.command)
        return scenario_say(s, OUTCOME_WRONG, "%s", error);
    if (process_start(s->env.command, error, sizeof(error)))
        return scenario_say(s, OUTCOME_UNREACHABLE, "%s", error);
    return scenario_wait(s, check_ran, 0, options.within_ms, OUTCOME_FAILED);
}

static bool port_is_free(uint16_t port)
{
    const struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && !bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
    if (fd >= 0)
        close(fd);
    return is_free;
}

/* Not from the seed: two runs of one seed side by side must not meet. */
static uint16_t free_port(void)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = (uint16_t)(PORT_LOW + random_u64() % (PORT_HIGH - PORT_LOW));
        if (port_is_free(port))
            return port;
    }
    return 0;
}

enum outcome statement_port(struct scenario *s, const struct shellwords *w)
{
    for (size_t i = 1; i < w->count; i++) {
        uint16_t port = free_port();
        char text[8];
        if (!scenario_variable_valid(w->items[i]))
            return scenario_say(s, OUTCOME_WRONG, "no name: %.100s", w->items[i]);
        if (!port)
            return scenario_say(s, OUTCOME_UNREACHABLE, "no free port was found");
        snprintf(text, sizeof(text), "%d", port);
        scenario_variable_set(s, w->items[i], text, false);
    }
    return OUTCOME_DONE;
}
