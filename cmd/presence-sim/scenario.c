/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum outcome scenario_say(struct scenario *s, enum outcome outcome, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->why, sizeof(s->why), format, args);
    va_end(args);
    return outcome;
}

enum outcome scenario_wait(struct scenario *s,
                           enum outcome (*check)(struct scenario *s, const struct shellwords *w),
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

bool scenario_variable_valid(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return len && !name[len] && len < 64;
}

static struct variable *variable_find(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->variable_count; i++)
        if (!strcmp(s->variables[i].name, name))
            return &s->variables[i];
    return NULL;
}

const char *scenario_variable_get(const struct scenario *s, const char *name)
{
    const struct variable *v = variable_find(s, name);
    return v ? v->value : NULL;
}

void scenario_variable_set(struct scenario *s, const char *name, const char *value, bool fixed)
{
    struct variable *v = variable_find(s, name);
    if (v && v->fixed)
        return;
    if (!v) {
        s->variables = mem_realloc(s->variables, (s->variable_count + 1) * sizeof(*s->variables));
        v = &s->variables[s->variable_count++];
        *v = (struct variable){.name = mem_strdup(name)};
    }
    free(v->value);
    v->value = mem_strdup(value);
    v->fixed = fixed;
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

void scenario_complain(struct scenario *s)
{
    const struct script_line *line = s->at < s->script.count ? &s->script.lines[s->at] : NULL;
    if (line)
        fprintf(stderr, "%s:%d: %s\n  %s\n", line->file, line->number, line->text, s->why);
    else
        fprintf(stderr, "%s: %s\n", s->file, s->why);
}

void scenario_end(struct scenario *s, enum outcome outcome)
{
    if (s->sim.ended)
        return;
    if (outcome != OUTCOME_DONE)
        scenario_complain(s);
    sim_end(&s->sim, exit_code_of(outcome));
}

struct phone *scenario_phone(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->actors.phone_count; i++)
        if (!strcmp(s->actors.phones[i]->config.name, name))
            return s->actors.phones[i];
    return NULL;
}

struct dashboard *scenario_dashboard(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->actors.dashboard_count; i++)
        if (!strcmp(s->actors.dashboards[i]->config.name, name))
            return s->actors.dashboards[i];
    return NULL;
}

struct process *scenario_process(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->env.process_count; i++)
        if (!strcmp(s->env.processes[i]->name, name))
            return s->env.processes[i];
    return NULL;
}

bool scenario_matches(const char *pattern, const char *name)
{
    return !fnmatch(pattern, name, 0);
}

const char *scenario_option(const char *word, const char *key)
{
    size_t len = strlen(key);
    return !strncmp(word, key, len) && word[len] == '=' ? word + len + 1 : NULL;
}
