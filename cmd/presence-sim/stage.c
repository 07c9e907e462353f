/* The stage: plays the lines, waits for what they wait for, and judges. */
#include "stage.h"

#include "base/mem.h"
#include "scratch.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS  10  /* for what only time changes */
#define SWEEP_MS 250 /* how often users shown online too long are looked for */

enum outcome stage_say(struct stage *s, enum outcome outcome, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->why, sizeof(s->why), format, args);
    va_end(args);
    return outcome;
}

enum outcome stage_wait(struct stage *s, enum outcome (*check)(struct stage *s, const struct words *w),
                        int64_t after_ms, int64_t within_ms, enum outcome when_late)
{
    int64_t now = sim_now(&s->sim);

    s->pending = (struct pending){.check = check,
                                  .since_ms = now,
                                  .after_ms = now + after_ms,
                                  .until_ms = now + within_ms * s->options.patience,
                                  .when_early = OUTCOME_WAIT,
                                  .when_late = when_late};
    return OUTCOME_WAIT;
}

static int exit_code_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE: return EXIT_YES;
    case OUTCOME_WRONG: return EXIT_CONFIG;
    case OUTCOME_UNREACHABLE: return EXIT_UNREACHABLE;
    default: return EXIT_NO;
    }
}

static void complain(struct stage *s)
{
    const struct script_line *line = s->at < s->script.count ? &s->script.lines[s->at] : NULL;

    if (line)
        fprintf(stderr, "%s:%d: %s\n  %s\n", line->file, line->number, line->text, s->why);
    else
        fprintf(stderr, "%s: %s\n", s->file, s->why);
}

void stage_end(struct stage *s, enum outcome outcome)
{
    if (s->sim.ended)
        return;
    if (outcome != OUTCOME_DONE)
        complain(s);
    sim_end(&s->sim, exit_code_of(outcome));
}

static const char *lookup(void *arg, const char *name)
{
    return variable_get(arg, name);
}

static void record_step(struct stage *s, const struct script_line *line)
{
    struct recorder *r = &s->sim.recorder;

    recorder_begin(r, NULL, NULL, "step");
    recorder_number(r, "line", line->number);
    recorder_text(r, "text", span_of(line->text));
    recorder_end(r);
    if (s->options.verbose)
        fprintf(stderr, "%8.3f %4d  %s\n", (double)(sim_now(&s->sim) - s->began_ms) / 1000, line->number,
                line->text);
}

static enum outcome play_line(struct stage *s)
{
    const struct script_line *line = &s->script.lines[s->at];
    struct words words;

    if (words_split(span_of(line->text), lookup, s, &words, s->why, sizeof(s->why)))
        return OUTCOME_WRONG;
    words_finish(&s->words);
    s->words = words;
    s->steps++;
    record_step(s, line);
    /* A sentence about an earlier line must not explain this one. */
    s->why[0] = '\0';
    return statement_find(words.items[0])->run(s, &s->words);
}

static enum outcome look_at_pending(struct stage *s)
{
    struct pending *p = &s->pending;
    int64_t now = sim_now(&s->sim);
    enum outcome outcome = p->check(s, &s->words);

    if (outcome == OUTCOME_DONE && now < p->after_ms) {
        if (p->when_early == OUTCOME_FAILED)
            stage_say(s, OUTCOME_FAILED, "it holds already, %lld ms too early",
                      (long long)(p->after_ms - now));
        return p->when_early;
    }
    if (outcome != OUTCOME_WAIT || now < p->until_ms)
        return outcome;
    size_t len = strlen(s->why);

    snprintf(s->why + len, sizeof(s->why) - len, ", after %lld ms", (long long)(now - p->since_ms));
    return p->when_late;
}

static void note_held(struct stage *s)
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
static void play_on(struct stage *s)
{
    while (!s->sim.ended) {
        bool waited = s->pending.check != NULL;
        if (!waited && s->at == s->script.count) {
            stage_end(s, OUTCOME_DONE);
            return;
        }
        enum outcome outcome = waited ? look_at_pending(s) : play_line(s);
        if (outcome == OUTCOME_WAIT) {
            if (waited)
                return;
            continue;
        }
        if (outcome != OUTCOME_DONE) {
            stage_end(s, outcome);
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
    struct stage *s = arg;

    if (s->pending.check && !s->sim.ended)
        play_on(s);
}

static void on_look(struct wheel_timer *timer, int64_t now_ms)
{
    struct stage *s = list_entry(timer, struct stage, look);

    play_on(s);
    sim_start(&s->sim, &s->look, LOOK_MS);
}

/* Inside of hooks nothing is played: a phone must not be acted upon in the middle of its own callback. */
static void on_news(void *arg)
{
    struct stage *s = arg;

    loop_task_want(s->look_soon);
    if (!s->sim.ended && sim_fault_count(&s->sim)) {
        stage_say(s, OUTCOME_FAILED, "a dashboard was told what is not so; see the fault above");
        stage_end(s, OUTCOME_FAILED);
    }
}

static void on_sweep(struct wheel_timer *timer, int64_t now_ms)
{
    struct stage *s = list_entry(timer, struct stage, sweep);

    for (size_t i = 0; i < s->dashboard_count; i++)
        if (dashboard_ready(s->dashboards[i]))
            witness_sweep(&s->dashboards[i]->witness, sim_server_time(&s->sim));
    sim_start(&s->sim, &s->sweep, SWEEP_MS);
}

static void on_limit(struct wheel_timer *timer, int64_t now_ms)
{
    struct stage *s = list_entry(timer, struct stage, limit);
    size_t len = strlen(s->why);

    snprintf(s->why + len, sizeof(s->why) - len, "%sit took longer than --timeout allows", len ? "; " : "");
    complain(s);
    sim_end(&s->sim, EXIT_TIMEOUT);
}

static void on_interrupted(void *arg)
{
    struct stage *s = arg;

    stage_say(s, OUTCOME_FAILED, "interrupted");
    stage_end(s, OUTCOME_FAILED);
}

static void on_child(void *arg, int signum)
{
    struct stage *s = arg;

    if (s->command)
        process_reap(s->command);
    for (size_t i = 0; i < s->process_count; i++) {
        struct process *p = s->processes[i];
        if (!process_reap(p) || p->told_to_end)
            continue;
        /* One that is being started has its own words. */
        if (s->pending.check)
            play_on(s);
        stage_say(s, OUTCOME_FAILED, "%s ended by itself, with %d", p->name, p->status);
        stage_end(s, OUTCOME_FAILED);
    }
    loop_task_want(s->look_soon);
}

static int check_line(struct stage *s, const struct script_line *line, char *error, size_t size)
{
    struct words w;

    if (words_split(span_of(line->text), NULL, NULL, &w, error, size))
        return -1;
    const struct statement *statement = statement_find(w.items[0]);
    size_t arguments = w.count - 1;
    int result = 0;

    if (!statement)
        result = snprintf(error, size, "no such statement: %.100s", w.items[0]);
    else if (arguments < statement->min || (statement->max && arguments > statement->max))
        result = snprintf(error, size, "%s: too %s words", w.items[0],
                          arguments < statement->min ? "few" : "many");
    words_finish(&w);
    return result ? -1 : 0;
}

/* Before anything is played. */
static int check_script(struct stage *s)
{
    for (s->at = 0; s->at < s->script.count; s->at++)
        if (check_line(s, &s->script.lines[s->at], s->why, sizeof(s->why))) {
            complain(s);
            return -1;
        }
    s->at = 0;
    return 0;
}

static int given_variables(struct stage *s)
{
    struct span rest = span_of(s->options.variables);

    while (rest.len) {
        struct span value = span_split(&rest, ','), name = span_split(&value, '=');
        mem_auto char *n = mem_strndup(name.data, name.len),
                      *v = mem_strndup(value.len ? value.data : "", value.len);
        if (!variable_name_valid(n)) {
            fprintf(stderr, "presence-sim: --set %s: NAME=VALUE\n", s->options.variables);
            return -1;
        }
        variable_set(s, n, v, true);
    }
    return 0;
}

static int prepare(struct stage *s)
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
    s->bin = scratch_own_directory();
    s->scratch = scratch_create();
    if (!s->bin || !s->scratch)
        return EXIT_INTERNAL;
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)s->sim.seed);
    variable_set(s, "BIN", s->bin, false);
    variable_set(s, "TMP", s->scratch, false);
    variable_set(s, "SEED", seed, false);
    return 0;
}

static void set_up(struct stage *s)
{
    s->sim.interrupted = on_interrupted;
    s->sim.news = on_news;
    s->sim.arg = s;
    s->look_soon = loop_task_create(s->sim.loop, on_look_soon, s);
    loop_on_signal(s->sim.loop, SIGCHLD, on_child, s);
    wheel_timer_init(&s->look, on_look);
    wheel_timer_init(&s->sweep, on_sweep);
    wheel_timer_init(&s->limit, on_limit);
}

int stage_create(const struct options *options, const char *file, struct stage **ret)
{
    struct stage *s = mem_zalloc(sizeof(*s));

    s->options = *options;
    s->file = file;
    s->options.late_ms *= options->patience;
    s->options.delivery_ms *= options->patience;
    s->options.skew_ms *= options->patience;
    s->options.time_limit_ms *= options->patience;
    if (!s->options.secret)
        s->options.secret = s->made_secret = scratch_secret();
    int code = sim_init(&s->sim, &s->options, "run");

    if (code) {
        free(s->made_secret);
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

void stage_play(struct stage *s)
{
    if (s->sim.ended)
        return;
    s->began_ms = sim_now(&s->sim);
    sim_start(&s->sim, &s->look, 0);
    sim_start(&s->sim, &s->sweep, SWEEP_MS);
    sim_start(&s->sim, &s->limit, s->options.time_limit_ms);
    sim_run(&s->sim);
}
