/* SPDX-License-Identifier: MIT */
/* The table of statements, and those too small for a file of their own. */
#include "scenario.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_LATE_MS (INT64_MAX / 1000)

static enum outcome statement_set(struct scenario *s, const struct shellwords *w)
{
    if (!scenario_variable_valid(w->items[1]))
        return scenario_say(s, OUTCOME_WRONG, "no name: %.100s", w->items[1]);
    if (strcmp(w->items[0], "default") != 0 || !scenario_variable_get(s, w->items[1]))
        scenario_variable_set(s, w->items[1], w->items[2], false);
    return OUTCOME_DONE;
}

static enum outcome statement_env(struct scenario *s, const struct shellwords *w)
{
    if (!scenario_variable_valid(w->items[1]) || setenv(w->items[1], w->items[2], 1))
        return scenario_say(s, OUTCOME_WRONG, "no name: %.100s", w->items[1]);
    return OUTCOME_DONE;
}

static enum outcome check_waited(struct scenario *s, const struct shellwords *w)
{
    return OUTCOME_DONE;
}

static enum outcome statement_wait(struct scenario *s, const struct shellwords *w)
{
    int64_t ms;
    if (settings_duration_parse(span_of(w->items[1]), &ms))
        return scenario_say(s, OUTCOME_WRONG, "no duration: %.100s", w->items[1]);
    /* Waiting is never late: `after` alone holds it back. */
    return scenario_wait(s, check_waited, ms, NEVER_LATE_MS, OUTCOME_FAILED);
}

static enum outcome statement_say(struct scenario *s, const struct shellwords *w)
{
    for (size_t i = 1; i < w->count; i++)
        fprintf(stderr, "%s%s", w->items[i], i + 1 < w->count ? " " : "\n");
    return OUTCOME_DONE;
}

static int take_state(const char *word, bool *ret_online)
{
    *ret_online = !strcmp(word, "online");
    return *ret_online || !strcmp(word, "offline") ? 0 : -1;
}

static enum outcome statement_never(struct scenario *s, const struct shellwords *w)
{
    struct ban ban;
    if (take_state(w->items[2], &ban.online))
        return scenario_say(s, OUTCOME_WRONG, "online or offline, not %.100s", w->items[2]);
    ban.user = mem_strdup(w->items[1]);
    s->actors.bans = mem_realloc(s->actors.bans, (s->actors.ban_count + 1) * sizeof(*s->actors.bans));
    s->actors.bans[s->actors.ban_count++] = ban;
    return OUTCOME_DONE;
}

static enum outcome statement_allow(struct scenario *s, const struct shellwords *w)
{
    size_t kept = 0;
    bool online;
    if (take_state(w->items[2], &online))
        return scenario_say(s, OUTCOME_WRONG, "online or offline, not %.100s", w->items[2]);
    for (size_t i = 0; i < s->actors.ban_count; i++)
        if (s->actors.bans[i].online == online && !strcmp(s->actors.bans[i].user, w->items[1]))
            free(s->actors.bans[i].user);
        else
            s->actors.bans[kept++] = s->actors.bans[i];
    if (kept == s->actors.ban_count)
        return scenario_say(s, OUTCOME_WRONG, "it was not forbidden");
    s->actors.ban_count = kept;
    return OUTCOME_DONE;
}

static enum outcome statement_tolerate(struct scenario *s, const struct shellwords *w)
{
    bool tolerate = !strcmp(w->items[0], "tolerate");
    for (size_t i = 1; i < w->count; i++) {
        enum fault fault;
        if (view_checker_fault_parse(span_of(w->items[i]), &fault))
            return scenario_say(s, OUTCOME_WRONG, "no such fault: %.100s", w->items[i]);
        s->sim.tolerated[fault] = tolerate;
    }
    return OUTCOME_DONE;
}

static void set_late(struct scenario *s, int64_t ms)
{
    s->options.late_ms = ms;
    for (size_t i = 0; i < s->actors.dashboard_count; i++)
        s->actors.dashboards[i]->view_checker.late_ms = ms;
}

static enum outcome statement_rule(struct scenario *s, const struct shellwords *w)
{
    struct oracle_rules *rules = &s->sim.truth.rules;
    const struct {
        const char *name;
        int64_t *value;
    } names[] = {{"ttl", &rules->ttl_ms},
                 {"delivery", &rules->delivery_ms},
                 {"skew", &rules->skew_ms},
                 {"drain-grace", &rules->drain_grace_ms},
                 {"heartbeat-min", &rules->beat_min_ms}};
    int64_t ms;
    if (settings_duration_parse(span_of(w->items[2]), &ms))
        return scenario_say(s, OUTCOME_WRONG, "no duration: %.100s", w->items[2]);
    if (!strcmp(w->items[1], "late")) {
        set_late(s, ms * s->options.patience);
        return OUTCOME_DONE;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(w->items[1], names[i].name)) {
            *names[i].value = ms;
            return OUTCOME_DONE;
        }
    return scenario_say(s, OUTCOME_WRONG, "no such rule: %.100s", w->items[1]);
}

static const struct statement statements[] = {
    {"set", 2, 2, statement_set},
    {"default", 2, 2, statement_set},
    {"env", 2, 2, statement_env},
    {"port", 1, 0, statement_port},
    {"process", 2, 0, statement_process},
    {"start", 1, 0, statement_start},
    {"stop", 1, 0, statement_stop},
    {"kill", 1, 0, statement_stop},
    {"signal", 2, 2, statement_signal},
    {"run", 1, 0, statement_run},
    {"server", 2, 2, statement_server},
    {"phone", 1, 0, statement_phone},
    {"dashboard", 1, 0, statement_dashboard},
    {"connect", 1, 0, statement_act},
    {"close", 1, 0, statement_act},
    {"drop", 1, 0, statement_act},
    {"abort", 1, 0, statement_act},
    {"half-close", 1, 0, statement_act},
    {"freeze", 1, 0, statement_act},
    {"thaw", 1, 0, statement_act},
    {"beat", 1, 0, statement_act},
    {"silent", 1, 0, statement_act},
    {"speak", 1, 0, statement_act},
    {"forget", 1, 0, statement_act},
    {"roam", 1, 0, statement_roam},
    {"send", 3, 3, statement_send},
    {"churn", 2, 0, statement_churn},
    {"still", 1, 0, statement_still},
    {"talk", 2, 0, statement_talk},
    {"wait", 1, 1, statement_wait},
    {"say", 1, 0, statement_say},
    {"expect", 2, 0, statement_expect},
    {"never", 2, 2, statement_never},
    {"allow", 2, 2, statement_allow},
    {"tolerate", 1, 0, statement_tolerate},
    {"enforce", 1, 0, statement_tolerate},
    {"rule", 2, 2, statement_rule},
};

const struct statement *scenario_statement_find(const char *name)
{
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        if (!strcmp(statements[i].name, name))
            return &statements[i];
    return NULL;
}
