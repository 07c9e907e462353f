/* SPDX-License-Identifier: MIT */
/* Expectations of a scenario: each is a question that is asked again whenever something happened. */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

/* A matching dashboard for which the question is answered by `ask`; all must be DONE. */
typedef enum outcome ask_dashboard(struct scenario *s, struct dashboard *d, const struct shellwords *w);

static enum outcome ask_all(struct scenario *s, const struct shellwords *w, const char *pattern,
                            ask_dashboard *ask)
{
    size_t found = 0;
    for (size_t i = 0; i < s->actors.dashboard_count; i++) {
        if (!scenario_matches(pattern, s->actors.dashboards[i]->config.name))
            continue;
        enum outcome outcome = ask(s, s->actors.dashboards[i], w);
        if (outcome != OUTCOME_DONE)
            return outcome;
        found++;
    }
    return found ? OUTCOME_DONE : scenario_say(s, OUTCOME_WRONG, "no dashboard is called %.200s", pattern);
}

static enum outcome ask_ready(struct scenario *s, const struct dashboard *d)
{
    if (dashboard_ready(d))
        return OUTCOME_DONE;
    return scenario_say(s, OUTCOME_WAIT, "%s has no snapshot%s", d->config.name,
                        d->client ? "" : ", and is not connected");
}

static enum outcome ask_sees(struct scenario *s, struct dashboard *d, const struct shellwords *w)
{
    bool online = !strcmp(w->items[4], "online");
    if (ask_ready(s, d) != OUTCOME_DONE)
        return OUTCOME_WAIT;
    if (view_checker_shows_online(&d->view_checker, span_of(w->items[3])) == online)
        return OUTCOME_DONE;
    return scenario_say(s, OUTCOME_WAIT, "%s shows %.100s %s", d->config.name, w->items[3],
                        online ? "offline" : "online");
}

static enum outcome check_sees(struct scenario *s, const struct shellwords *w)
{
    return ask_all(s, w, w->items[1], ask_sees);
}

static enum outcome ask_counts(struct scenario *s, struct dashboard *d, const struct shellwords *w)
{
    uint64_t wanted;
    span_to_u64(span_of(w->items[3]), UINT32_MAX, &wanted);
    if (ask_ready(s, d) != OUTCOME_DONE)
        return OUTCOME_WAIT;
    if (d->view_checker.online == wanted)
        return OUTCOME_DONE;
    return scenario_say(s, OUTCOME_WAIT, "%s shows %zu users online", d->config.name, d->view_checker.online);
}

static enum outcome check_counts(struct scenario *s, const struct shellwords *w)
{
    return ask_all(s, w, w->items[1], ask_counts);
}

static enum outcome ask_heard(struct scenario *s, struct dashboard *d, const struct shellwords *w)
{
    const struct view_entry *view_entry = view_checker_sight(&d->view_checker, span_of(w->items[3]));
    uint64_t heard = view_entry ? view_entry->changes : 0, wanted;
    span_to_u64(span_of(w->items[4]), UINT32_MAX, &wanted);
    if (heard == wanted)
        return OUTCOME_DONE;
    return scenario_say(s, heard > wanted ? OUTCOME_FAILED : OUTCOME_WAIT, "%s heard %llu changes of %.100s",
                        d->config.name, (unsigned long long)heard, w->items[3]);
}

static enum outcome check_heard(struct scenario *s, const struct shellwords *w)
{
    return ask_all(s, w, w->items[1], ask_heard);
}

static enum outcome ask_agrees(struct scenario *s, struct dashboard *d, const struct shellwords *w)
{
    static const char *const states[] = {"offline", "online", "undecided"};
    int64_t now = sim_server_time(&s->sim);
    struct span user;
    if (ask_ready(s, d) != OUTCOME_DONE)
        return OUTCOME_WAIT;
    size_t differing = view_checker_disagreements(&d->view_checker, now, &user);
    if (!differing)
        return OUTCOME_DONE;
    return scenario_say(s, OUTCOME_WAIT,
                        "%s differs about %zu users, one of them %.*s: shown %s, in truth %s", d->config.name,
                        differing, (int)(user.len < 100 ? user.len : 100), user.data,
                        view_checker_shows_online(&d->view_checker, user) ? "online" : "offline",
                        states[oracle_state(&s->sim.truth, user, now)]);
}

static enum outcome check_agrees(struct scenario *s, const struct shellwords *w)
{
    return ask_all(s, w, !strcmp(w->items[1], "everyone") ? "*" : w->items[1], ask_agrees);
}

/* How a phone's or a dashboard's connection stands. */
struct standing {
    const char *name;
    bool open, off, has_ended;
    enum ws_end end;
    int code;
};

static bool next_standing(const struct scenario *s, const char *pattern, size_t *at, struct standing *ret)
{
    for (; *at < s->actors.phone_count + s->actors.dashboard_count; (*at)++) {
        if (*at < s->actors.phone_count) {
            const struct phone *p = s->actors.phones[*at];
            *ret = (struct standing){
                p->config.name, p->state == PHONE_OPEN, p->state == PHONE_OFF, p->has_ended, p->end,
                p->end_code};
        } else {
            const struct dashboard *d = s->actors.dashboards[*at - s->actors.phone_count];
            *ret = (struct standing){
                d->config.name, d->state == DASHBOARD_OPEN, d->state == DASHBOARD_OFF, d->has_ended, d->end,
                d->end_code};
        }
        if (scenario_matches(pattern, ret->name)) {
            (*at)++;
            return true;
        }
    }
    return false;
}

static enum outcome ask_standing(struct scenario *s, const struct standing *st, const struct shellwords *w)
{
    static const char *const ends[] = {"unreachable", "refused", "closed", "lost", "broken"};
    const char *wanted = w->items[2];
    uint64_t code = 0;
    if (!strcmp(wanted, "open") ? st->open : !strcmp(wanted, "off") && st->off)
        return OUTCOME_DONE;
    if (w->count > 3)
        span_to_u64(span_of(w->items[3]), 65535, &code);
    if (st->has_ended && !strcmp(wanted, ends[st->end]) && (uint64_t)st->code == code)
        return OUTCOME_DONE;
    if (st->has_ended && !st->open)
        return scenario_say(s, OUTCOME_WAIT, "%s: %s %d", st->name, ends[st->end], st->code);
    return scenario_say(s, OUTCOME_WAIT, "%s is %s", st->name, st->open ? "open" : "not open");
}

static enum outcome check_standing(struct scenario *s, const struct shellwords *w)
{
    struct standing standing;
    size_t at = 0, found = 0;
    while (next_standing(s, w->items[1], &at, &standing)) {
        enum outcome outcome = ask_standing(s, &standing, w);
        if (outcome != OUTCOME_DONE)
            return outcome;
        found++;
    }
    return found ? OUTCOME_DONE : scenario_say(s, OUTCOME_WRONG, "nobody is called %.200s", w->items[1]);
}

static enum outcome check_ended(struct scenario *s, const struct shellwords *w)
{
    const struct process *p = scenario_process(s, w->items[1]);
    uint64_t status;
    if (!p)
        return scenario_say(s, OUTCOME_WRONG, "no process is called %.200s", w->items[1]);
    span_to_u64(span_of(w->items[3]), 255, &status);
    if (p->pid || !p->has_ended)
        return scenario_say(s, OUTCOME_WAIT, "%s runs", p->name);
    if ((uint64_t)p->status == status)
        return OUTCOME_DONE;
    return scenario_say(s, OUTCOME_FAILED, "%s ended with %d", p->name, p->status);
}

struct question {
    const char *verb;
    size_t count;  /* words with `expect` and the subject */
    size_t number; /* which of them is a number, 0: none */
    size_t state;  /* which is online or offline, 0: none */
    enum outcome (*check)(struct scenario *s, const struct shellwords *w);
};

static const struct question questions[] = {
    {"see", 5, 0, 4, check_sees},           {"sees", 5, 0, 4, check_sees},
    {"count", 4, 3, 0, check_counts},       {"counts", 4, 3, 0, check_counts},
    {"heard", 5, 4, 0, check_heard},        {"agree", 3, 0, 0, check_agrees},
    {"agrees", 3, 0, 0, check_agrees},      {"open", 3, 0, 0, check_standing},
    {"off", 3, 0, 0, check_standing},       {"closed", 4, 3, 0, check_standing},
    {"refused", 4, 3, 0, check_standing},   {"ended", 4, 3, 0, check_ended},
    {"hear", 4, 3, 0, scenario_check_hear},
};

static const struct question *question_find(const char *verb)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        if (!strcmp(questions[i].verb, verb))
            return &questions[i];
    return NULL;
}

static bool words_fit(const struct question *q, const struct shellwords *w)
{
    uint64_t number;
    if (w->count < q->count)
        return false;
    if (q->number && span_to_u64(span_of(w->items[q->number]), UINT32_MAX, &number))
        return false;
    return !q->state || !strcmp(w->items[q->state], "online") || !strcmp(w->items[q->state], "offline");
}

/* [after D] [within D] behind the question. */
static int take_bounds(const struct shellwords *w, size_t at, int64_t *after_ms, int64_t *within_ms)
{
    for (; at < w->count; at += 2) {
        int64_t *bound = !strcmp(w->items[at], "after")    ? after_ms
                         : !strcmp(w->items[at], "within") ? within_ms
                                                           : NULL;
        if (!bound || at + 1 == w->count || settings_duration_parse(span_of(w->items[at + 1]), bound))
            return -1;
    }
    return 0;
}

enum outcome statement_expect(struct scenario *s, const struct shellwords *w)
{
    const struct question *q = question_find(w->items[2]);
    int64_t after_ms = 0, within_ms = WITHIN_MS;
    if (!q || !words_fit(q, w))
        return scenario_say(s, OUTCOME_WRONG, "no such expectation, or a word is missing or wrong");
    if (take_bounds(w, q->count, &after_ms, &within_ms))
        return scenario_say(s, OUTCOME_WRONG, "behind the expectation: after DURATION, within DURATION");
    s->totals.expectations++;
    scenario_wait(s, q->check, after_ms, within_ms, OUTCOME_FAILED);
    s->pending.when_early = OUTCOME_FAILED;
    return OUTCOME_WAIT;
}
