/* SPDX-License-Identifier: MIT */
/* A scenario of presence-sim run: its lines, variables, phones, dashboards and processes, and what its statements share. The language
 * is described in SCENARIOS.md; each statement is a function of scenario_*.c, which run.c calls line by line. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "churn.h"
#include "dashboard.h"
#include "process.h"
#include "script.h"

#define WITHIN_MS 5000

enum outcome {
    OUTCOME_DONE,
    OUTCOME_WAIT,        /* scenario->pending says for what */
    OUTCOME_WRONG,       /* the statement makes no sense: exit 3 */
    OUTCOME_FAILED,      /* an expectation did not hold: exit 1 */
    OUTCOME_UNREACHABLE, /* a process did not come up: exit 4 */
};

struct scenario;

/* What a statement waits for. */
struct pending {
    /* OUTCOME_WAIT: not yet. Writes into scenario->why what is missing. */
    enum outcome (*check)(struct scenario *s, const struct shellwords *w);
    int64_t since_ms, after_ms, until_ms;
    enum outcome when_early; /* it holds before after_ms: OUTCOME_WAIT or OUTCOME_FAILED */
    enum outcome when_late;
};

struct variable {
    char *name, *value;
    bool fixed; /* from the command line */
};

struct ban {
    char *user;
    bool online;
};

struct conversation; /* of scenario_talk.c */

/* Who takes part. */
struct actors {
    struct phone **phones;
    size_t phone_count;
    struct churn *churns; /* one for each of the first phones */
    size_t churn_count;
    struct dashboard **dashboards;
    size_t dashboard_count;
    struct conversation **conversations;
    size_t conversation_count;
    struct ban *bans;
    size_t ban_count;
};

/* What the scenario started, and what for. */
struct environment {
    struct process **processes;
    size_t process_count;
    struct process *command; /* of `run` */
    char *bin, *scratch;
    char *made_secret; /* NULL: SECRET_KEY was given */
};

struct scenario {
    struct sim sim;
    struct options options;
    const char *file;
    struct script script;
    size_t at; /* the line being played */
    struct shellwords words;
    struct pending pending;
    struct variable *variables;
    size_t variable_count;
    struct actors actors;
    struct environment env;
    struct {
        struct wheel_timer look, limit, sweep;
        struct loop_task *look_soon; /* at the end of a turn in which something happened */
    } timers;
    struct {
        uint64_t steps, expectations;
        int64_t began_ms;
    } totals;
    char why[600]; /* a sentence on what is missing or wrong */
};

struct statement {
    const char *name;
    size_t min, max; /* arguments; max 0: any number */
    enum outcome (*run)(struct scenario *s, const struct shellwords *w);
};

/* NULL: no such statement. */
const struct statement *scenario_statement_find(const char *name);

/* The sentence in s->why, with the line, on stderr. */
void scenario_complain(struct scenario *s);
void scenario_end(struct scenario *s, enum outcome outcome);
/* Waits for `check` from now on: returns OUTCOME_WAIT. */
enum outcome scenario_wait(struct scenario *s,
                           enum outcome (*check)(struct scenario *s, const struct shellwords *w),
                           int64_t after_ms, int64_t within_ms, enum outcome when_late);
/* Fills scenario->why and returns `outcome`. */
enum outcome scenario_say(struct scenario *s, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void scenario_variable_set(struct scenario *s, const char *name, const char *value, bool fixed);
const char *scenario_variable_get(const struct scenario *s, const char *name);
bool scenario_variable_valid(const char *name);

/* By name; NULL: there is none. */
struct phone *scenario_phone(const struct scenario *s, const char *name);
struct dashboard *scenario_dashboard(const struct scenario *s, const char *name);
struct process *scenario_process(const struct scenario *s, const char *name);
bool scenario_matches(const char *pattern, const char *name);
/* "key=value" of a word, NULL when it has another key. */
const char *scenario_option(const char *word, const char *key);

/* The statements: the table is in scenario_statements.c. */
enum outcome statement_phone(struct scenario *s, const struct shellwords *w);
enum outcome statement_dashboard(struct scenario *s, const struct shellwords *w);
enum outcome statement_server(struct scenario *s, const struct shellwords *w);
enum outcome statement_act(struct scenario *s, const struct shellwords *w);
enum outcome statement_roam(struct scenario *s, const struct shellwords *w);
enum outcome statement_send(struct scenario *s, const struct shellwords *w);
enum outcome statement_churn(struct scenario *s, const struct shellwords *w);
enum outcome statement_talk(struct scenario *s, const struct shellwords *w);
enum outcome statement_still(struct scenario *s, const struct shellwords *w);
enum outcome statement_process(struct scenario *s, const struct shellwords *w);
enum outcome statement_start(struct scenario *s, const struct shellwords *w);
enum outcome statement_stop(struct scenario *s, const struct shellwords *w);
enum outcome statement_signal(struct scenario *s, const struct shellwords *w);
enum outcome statement_run(struct scenario *s, const struct shellwords *w);
enum outcome statement_port(struct scenario *s, const struct shellwords *w);
enum outcome statement_expect(struct scenario *s, const struct shellwords *w);

/* scenario_talk.c, for expectations and the end. */
enum outcome scenario_check_hear(struct scenario *s, const struct shellwords *w);
void scenario_talks_end(struct scenario *s);

#endif
