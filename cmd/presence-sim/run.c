/* SPDX-License-Identifier: MIT */
/* presence-sim run FILE: plays a scenario line by line, waits for what the lines wait for, and says how it ended. */
#include "base/mem.h"
#include "commands.h"
#include "scenario.h"
#include "scratch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS          10  /* for what only time changes */
#define SWEEP_MS         250 /* how often users shown online too long are looked for */
#define FINISH_MS        10000
#define FINISH_FAILED_MS 2000

static const char *lookup(void *arg, const char *name)
{
    return scenario_variable_get(arg, name);
}

static void record_step(struct scenario *s, const struct script_line *line)
{
    struct recorder *r = &s->sim.recorder;
    recorder_begin(r, NULL, NULL, "step");
    recorder_number(r, "line", line->number);
    recorder_text(r, "text", span_of(line->text));
    recorder_end(r);
    if (s->options.verbose)
        fprintf(stderr, "%8.3f %4d  %s\n", (double)(sim_now(&s->sim) - s->totals.began_ms) / 1000,
                line->number, line->text);
}

static enum outcome run_line(struct scenario *s)
{
    const struct script_line *line = &s->script.lines[s->at];
    struct shellwords words;
    if (shellwords_split(span_of(line->text), lookup, s, &words, s->why, sizeof(s->why)))
        return OUTCOME_WRONG;
    shellwords_finish(&s->words);
    s->words = words;
    s->totals.steps++;
    record_step(s, line);
    /* A sentence about an earlier line must not explain this one. */
    s->why[0] = '\0';
    return scenario_statement_find(words.items[0])->run(s, &s->words);
}

static enum outcome look_at_pending(struct scenario *s)
{
    struct pending *p = &s->pending;
    int64_t now = sim_now(&s->sim);
    enum outcome outcome = p->check(s, &s->words);
    if (outcome == OUTCOME_DONE && now < p->after_ms) {
        if (p->when_early == OUTCOME_FAILED)
            scenario_say(s, OUTCOME_FAILED, "it holds already, %lld ms too early",
                         (long long)(p->after_ms - now));
        return p->when_early;
    }
    if (outcome != OUTCOME_WAIT || now < p->until_ms)
        return outcome;
    size_t len = strlen(s->why);
    snprintf(s->why + len, sizeof(s->why) - len, ", after %lld ms", (long long)(now - p->since_ms));
    return p->when_late;
}

static void note_held(struct scenario *s)
{
    int64_t ms = sim_now(&s->sim) - s->pending.since_ms;
    recorder_begin(&s->sim.recorder, NULL, NULL, "held");
    recorder_number(&s->sim.recorder, "line", s->script.lines[s->at].number);
    recorder_number(&s->sim.recorder, "after", ms);
    recorder_end(&s->sim.recorder);
    if (s->options.verbose)
        fprintf(stderr, "               after %lld ms\n", (long long)ms);
}

/* Plays on until something has to be waited for. */
static void advance(struct scenario *s)
{
    while (!s->sim.ended) {
        bool waited = s->pending.check;
        if (!waited && s->at == s->script.count) {
            scenario_end(s, OUTCOME_DONE);
            return;
        }
        enum outcome outcome = waited ? look_at_pending(s) : run_line(s);
        if (outcome == OUTCOME_WAIT) {
            if (waited)
                return;
            continue;
        }
        if (outcome != OUTCOME_DONE) {
            scenario_end(s, outcome);
            return;
        }
        if (waited)
            note_held(s);
        s->pending = (struct pending){0};
        s->at++;
    }
}

static void on_look_soon(void *arg)
{
    struct scenario *s = arg;
    if (s->pending.check && !s->sim.ended)
        advance(s);
}

static void on_look(struct wheel_timer *timer, int64_t now_ms)
{
    struct scenario *s = list_entry(timer, struct scenario, timers.look);
    advance(s);
    sim_start(&s->sim, &s->timers.look, LOOK_MS);
}

/* Inside of hooks no statement runs: a phone must not be acted upon in the middle of its own callback. */
static void on_news(void *arg)
{
    struct scenario *s = arg;
    loop_task_want(s->timers.look_soon);
    if (!s->sim.ended && sim_fault_count(&s->sim)) {
        scenario_say(s, OUTCOME_FAILED, "a dashboard was told what is not so; see the fault above");
        scenario_end(s, OUTCOME_FAILED);
    }
}

static void on_sweep(struct wheel_timer *timer, int64_t now_ms)
{
    struct scenario *s = list_entry(timer, struct scenario, timers.sweep);
    for (size_t i = 0; i < s->actors.dashboard_count; i++)
        if (dashboard_ready(s->actors.dashboards[i]))
            view_checker_sweep(&s->actors.dashboards[i]->view_checker, sim_server_time(&s->sim));
    sim_start(&s->sim, &s->timers.sweep, SWEEP_MS);
}

static void on_limit(struct wheel_timer *timer, int64_t now_ms)
{
    struct scenario *s = list_entry(timer, struct scenario, timers.limit);
    size_t len = strlen(s->why);
    snprintf(s->why + len, sizeof(s->why) - len, "%sit took longer than --timeout allows", len ? "; " : "");
    scenario_complain(s);
    sim_end(&s->sim, EXIT_TIMEOUT);
}

static void on_interrupted(void *arg)
{
    struct scenario *s = arg;
    scenario_say(s, OUTCOME_FAILED, "interrupted");
    scenario_end(s, OUTCOME_FAILED);
}

static void on_child(void *arg, int signum)
{
    struct scenario *s = arg;
    if (s->env.command)
        process_reap(s->env.command);
    for (size_t i = 0; i < s->env.process_count; i++) {
        struct process *p = s->env.processes[i];
        if (!process_reap(p) || p->told_to_end)
            continue;
        /* One that is being started has its own words. */
        if (s->pending.check)
            advance(s);
        scenario_say(s, OUTCOME_FAILED, "%s ended by itself, with %d", p->name, p->status);
        scenario_end(s, OUTCOME_FAILED);
    }
    loop_task_want(s->timers.look_soon);
}

static int check_line(struct scenario *s, const struct script_line *line, char *error, size_t size)
{
    struct shellwords w;
    if (shellwords_split(span_of(line->text), NULL, NULL, &w, error, size))
        return -1;
    const struct statement *statement = scenario_statement_find(w.items[0]);
    size_t arguments = w.count - 1;
    int result = 0;
    if (!statement)
        result = snprintf(error, size, "no such statement: %.100s", w.items[0]);
    else if (arguments < statement->min || (statement->max && arguments > statement->max))
        result = snprintf(error, size, "%s: too %s words", w.items[0],
                          arguments < statement->min ? "few" : "many");
    shellwords_finish(&w);
    return result ? -1 : 0;
}

/* Before any statement runs. */
static int check_script(struct scenario *s)
{
    for (s->at = 0; s->at < s->script.count; s->at++)
        if (check_line(s, &s->script.lines[s->at], s->why, sizeof(s->why))) {
            scenario_complain(s);
            return -1;
        }
    s->at = 0;
    return 0;
}

static int given_variables(struct scenario *s)
{
    struct span rest = span_of(s->options.variables);
    while (rest.len) {
        struct span value = span_split(&rest, ','), name = span_split(&value, '=');
        mem_auto char *n = mem_strndup(name.data, name.len),
                      *v = mem_strndup(value.len ? value.data : "", value.len);
        if (!scenario_variable_valid(n)) {
            fprintf(stderr, "presence-sim: --set %s: NAME=VALUE\n", s->options.variables);
            return -1;
        }
        scenario_variable_set(s, n, v, true);
    }
    return 0;
}

static int prepare(struct scenario *s)
{
    char seed[24];
    if (given_variables(s))
        return EXIT_USAGE;
    if (script_read(s->file, &s->script, s->why, sizeof(s->why))) {
        fprintf(stderr, "presence-sim: %s\n", s->why);
        return EXIT_CONFIG;
    }
    if (check_script(s))
        return EXIT_CONFIG;
    s->env.bin = scratch_own_directory();
    s->env.scratch = scratch_create();
    if (!s->env.bin || !s->env.scratch)
        return EXIT_INTERNAL;
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)s->sim.seed);
    scenario_variable_set(s, "BIN", s->env.bin, false);
    scenario_variable_set(s, "TMP", s->env.scratch, false);
    scenario_variable_set(s, "SEED", seed, false);
    return 0;
}

static void set_up(struct scenario *s)
{
    s->sim.hooks.interrupted = on_interrupted;
    s->sim.hooks.news = on_news;
    s->sim.hooks.arg = s;
    s->timers.look_soon = loop_task_create(s->sim.loop, on_look_soon, s);
    loop_on_signal(s->sim.loop, SIGCHLD, on_child, s);
    wheel_timer_init(&s->timers.look, on_look);
    wheel_timer_init(&s->timers.sweep, on_sweep);
    wheel_timer_init(&s->timers.limit, on_limit);
}

static int create(const struct options *options, const char *file, struct scenario **ret)
{
    struct scenario *s = mem_zalloc(sizeof(*s));
    s->options = *options;
    s->file = file;
    s->options.late_ms *= options->patience;
    s->options.delivery_ms *= options->patience;
    s->options.skew_ms *= options->patience;
    s->options.time_limit_ms *= options->patience;
    if (!s->options.secret)
        s->options.secret = s->env.made_secret = scratch_secret();
    int code = sim_init(&s->sim, &s->options, "run");
    if (code) {
        free(s->env.made_secret);
        free(s);
        return code;
    }
    set_up(s);
    code = prepare(s);
    scratch_environment(s->options.secret);
    *ret = s;
    if (code)
        sim_end(&s->sim, code);
    return 0;
}

static void start(struct scenario *s)
{
    if (s->sim.ended)
        return;
    s->totals.began_ms = sim_now(&s->sim);
    sim_start(&s->sim, &s->timers.look, 0);
    sim_start(&s->sim, &s->timers.sweep, SWEEP_MS);
    sim_start(&s->sim, &s->timers.limit, s->options.time_limit_ms);
    sim_run(&s->sim);
}

static void finish_actors(struct scenario *s)
{
    for (size_t i = 0; i < s->actors.phone_count; i++)
        phone_destroy(s->actors.phones[i]);
    for (size_t i = 0; i < s->actors.dashboard_count; i++)
        dashboard_destroy(s->actors.dashboards[i]);
    free(s->actors.phones);
    free(s->actors.dashboards);
}

/* In the other order than they were started; one that ends badly on TERM spoils a good run. */
static void finish_processes(struct scenario *s)
{
    for (size_t i = s->env.process_count; i-- > 0;) {
        struct process *p = s->env.processes[i];
        bool ran = p->pid != 0, good = s->sim.exit_code == EXIT_YES;
        int status = process_finish(p, good ? FINISH_MS : FINISH_FAILED_MS);
        if (!ran || !good || !status)
            continue;
        fprintf(stderr, "%s: %s ended with %d at the end\n", s->file, p->name, status);
        s->sim.exit_code = EXIT_NO;
    }
}

static void free_all(struct scenario *s)
{
    for (size_t i = 0; i < s->env.process_count; i++)
        process_destroy(s->env.processes[i]);
    free(s->env.processes);
    if (s->env.command)
        process_destroy(s->env.command);
    for (size_t i = 0; i < s->variable_count; i++) {
        free(s->variables[i].name);
        free(s->variables[i].value);
    }
    free(s->variables);
    for (size_t i = 0; i < s->actors.ban_count; i++)
        free(s->actors.bans[i].user);
    free(s->actors.bans);
    free(s->actors.churns);
    shellwords_finish(&s->words);
    script_finish(&s->script);
    free(s->env.bin);
    free(s->env.scratch);
    free(s->env.made_secret);
    free(s);
}

struct told {
    uint64_t changes, snapshots;
    double seconds;
};

static struct told count_told(const struct scenario *s)
{
    struct told t = {.seconds =
                         s->totals.began_ms ? (double)(sim_now(&s->sim) - s->totals.began_ms) / 1000 : 0};
    for (size_t i = 0; i < s->actors.dashboard_count; i++) {
        t.changes += s->actors.dashboards[i]->view_checker.changes;
        t.snapshots += s->actors.dashboards[i]->view_checker.snapshots;
    }
    return t;
}

static void print_json(const struct scenario *s, const struct told *t)
{
    bytes_auto out = BYTES_INIT;
    bytes_append_text(&out, "{\"file\":");
    bytes_append_json(&out, span_of(s->file));
    bytes_printf(
        &out,
        ",\"exit\":%d,\"seed\":%llu,\"steps\":%llu,\"expectations\":%llu,\"snapshots\":%llu,\"changes\":%llu,"
        "\"faults\":%llu,\"tolerated\":%llu,\"seconds\":%.3f,\"why\":",
        s->sim.exit_code, (unsigned long long)s->sim.seed, (unsigned long long)s->totals.steps,
        (unsigned long long)s->totals.expectations, (unsigned long long)t->snapshots,
        (unsigned long long)t->changes, (unsigned long long)sim_fault_count(&s->sim),
        (unsigned long long)s->sim.counters.tolerated, t->seconds);
    bytes_append_json(&out, span_of(s->sim.exit_code ? s->why : ""));
    bytes_append_text(&out, "}\n");
    fwrite(out.data, 1, out.len, stdout);
}

static void print_verdict(const struct scenario *s, const struct told *t)
{
    if (s->options.json) {
        print_json(s, t);
        return;
    }
    printf("%s %s: %llu steps, %llu expectations, %llu snapshots, %llu changes told, %.1f s, seed %llu\n",
           s->sim.exit_code ? "FAILED" : "ok", s->file, (unsigned long long)s->totals.steps,
           (unsigned long long)s->totals.expectations, (unsigned long long)t->snapshots,
           (unsigned long long)t->changes, t->seconds, (unsigned long long)s->sim.seed);
}

static int finish(struct scenario *s)
{
    const struct told told = count_told(s);
    bool has_logs = s->env.process_count || s->env.command;
    sim_stop(&s->sim, &s->timers.look);
    sim_stop(&s->sim, &s->timers.sweep);
    sim_stop(&s->sim, &s->timers.limit);
    s->sim.hooks.news = NULL;
    for (size_t i = 0; i < s->actors.churn_count; i++)
        churn_stop(&s->actors.churns[i]);
    scenario_talks_end(s);
    finish_actors(s);
    finish_processes(s);
    if (s->totals.began_ms)
        print_verdict(s, &told);
    if (s->env.scratch && !s->options.keep && !(s->sim.exit_code && has_logs))
        scratch_remove(s->env.scratch);
    else if (s->env.scratch)
        fprintf(stderr, "%s: logs are in %s\n", s->file, s->env.scratch);
    loop_task_destroy(s->timers.look_soon);
    int code = sim_finish(&s->sim);
    free_all(s);
    fflush(stdout);
    return code;
}

int command_run(const struct options *options, const char *file)
{
    struct scenario *s;
    int code = create(options, file, &s);
    if (code)
        return code;
    start(s);
    return finish(s);
}
