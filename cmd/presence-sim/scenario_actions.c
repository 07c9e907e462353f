/* SPDX-License-Identifier: MIT */
/* What phones and dashboards do in a scenario. */
#include "scenario.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct act {
    const char *name;
    void (*phone)(struct phone *p);
    void (*dashboard)(struct dashboard *d);
};

static void beat(struct phone *p)
{
    phone_beat(p);
}

static void fall_silent(struct phone *p)
{
    phone_set_silent(p, true);
}

static void speak(struct phone *p)
{
    phone_set_silent(p, false);
}

static const struct act acts[] = {
    {"connect", phone_connect, dashboard_connect},
    {"close", phone_close, dashboard_close},
    {"drop", phone_drop, dashboard_abort},
    {"abort", phone_abort, dashboard_abort},
    {"half-close", phone_half_close, NULL},
    {"freeze", phone_freeze, dashboard_freeze},
    {"thaw", phone_thaw, dashboard_thaw},
    {"beat", beat, NULL},
    {"silent", fall_silent, NULL},
    {"speak", speak, NULL},
    {"forget", phone_forget, NULL},
};

static const struct act *act_find(const char *name)
{
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        if (!strcmp(acts[i].name, name))
            return &acts[i];
    return NULL;
}

static size_t act_on(struct scenario *s, const struct act *act, const char *pattern)
{
    size_t found = 0;
    for (size_t i = 0; act->phone && i < s->actors.phone_count; i++)
        if (scenario_matches(pattern, s->actors.phones[i]->config.name)) {
            act->phone(s->actors.phones[i]);
            found++;
        }
    for (size_t i = 0; act->dashboard && i < s->actors.dashboard_count; i++)
        if (scenario_matches(pattern, s->actors.dashboards[i]->config.name)) {
            act->dashboard(s->actors.dashboards[i]);
            found++;
        }
    return found;
}

static enum outcome nobody(struct scenario *s, const char *pattern)
{
    return scenario_say(s, OUTCOME_WRONG, "nobody is called %.200s", pattern);
}

enum outcome statement_act(struct scenario *s, const struct shellwords *w)
{
    const struct act *act = act_find(w->items[0]);
    for (size_t i = 1; i < w->count; i++)
        if (!act_on(s, act, w->items[i]))
            return nobody(s, w->items[i]);
    return OUTCOME_DONE;
}

static size_t roam(struct scenario *s, const char *pattern, struct server *to)
{
    size_t found = 0;
    for (size_t i = 0; i < s->actors.phone_count; i++)
        if (scenario_matches(pattern, s->actors.phones[i]->config.name)) {
            phone_roam(s->actors.phones[i], to);
            found++;
        }
    return found;
}

enum outcome statement_roam(struct scenario *s, const struct shellwords *w)
{
    const char *to = scenario_option(w->items[w->count - 1], "to");
    size_t names = to ? w->count - 1 : w->count;
    struct server *server = to ? sim_server(&s->sim, to) : NULL;
    if (to && !server)
        return scenario_say(s, OUTCOME_WRONG, "no server is called %.200s", to);
    for (size_t i = 1; i < names; i++)
        if (!roam(s, w->items[i], server))
            return nobody(s, w->items[i]);
    return OUTCOME_DONE;
}

static int from_hex(const char *text, struct bytes *out)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i += 2) {
        char pair[3] = {text[i], i + 1 < len ? text[i + 1] : 'x', '\0'}, *end;
        long value = strtol(pair, &end, 16);
        if (end != pair + 2)
            return -1;
        bytes_append_char(out, (char)value);
    }
    return 0;
}

enum outcome statement_send(struct scenario *s, const struct shellwords *w)
{
    struct phone *phone = scenario_phone(s, w->items[1]);
    struct dashboard *dashboard = scenario_dashboard(s, w->items[1]);
    bool hex = !strcmp(w->items[2], "hex");
    bytes_auto data = BYTES_INIT;
    if (!phone && !dashboard)
        return nobody(s, w->items[1]);
    if (!hex && strcmp(w->items[2], "text"))
        return scenario_say(s, OUTCOME_WRONG, "text or hex, not %.100s", w->items[2]);
    if (hex ? from_hex(w->items[3], &data) : (bytes_append_text(&data, w->items[3]), 0))
        return scenario_say(s, OUTCOME_WRONG, "no hexadecimal bytes: %.100s", w->items[3]);
    if (phone ? phone_send(phone, bytes_span(&data), hex) : dashboard_send(dashboard, bytes_span(&data), hex))
        return scenario_say(s, OUTCOME_FAILED, "%s has no open connection", w->items[1]);
    return OUTCOME_DONE;
}

static int take_percent(const char *value, int64_t *ret)
{
    uint64_t percent;
    if (span_to_u64(span_of(value), 100, &percent))
        return -1;
    *ret = (int64_t)percent;
    return 0;
}

static int take_rule(const char *word, struct churn_rules *rules)
{
    const char *value;
    if ((value = scenario_option(word, "stay")))
        return settings_duration_parse(span_of(value), &rules->stay_ms) || !rules->stay_ms ? -1 : 0;
    if ((value = scenario_option(word, "away")))
        return settings_duration_parse(span_of(value), &rules->away_ms);
    if ((value = scenario_option(word, "silent")))
        return take_percent(value, &rules->silent_percent);
    if ((value = scenario_option(word, "roam")))
        return take_percent(value, &rules->roam_percent);
    return -1;
}

/* Their timers stand in the wheel: they are made for all phones at once, and never moved while one runs. */
static void make_churns(struct scenario *s, const struct churn_rules *rules)
{
    for (size_t i = 0; i < s->actors.churn_count; i++)
        churn_stop(&s->actors.churns[i]);
    free(s->actors.churns);
    s->actors.churns = mem_array(s->actors.phone_count + 1, sizeof(*s->actors.churns));
    s->actors.churn_count = s->actors.phone_count;
    for (size_t i = 0; i < s->actors.churn_count; i++)
        churn_init(&s->actors.churns[i], s->actors.phones[i], rules, s->sim.seed * 7919 + i);
}

enum outcome statement_churn(struct scenario *s, const struct shellwords *w)
{
    struct churn_rules rules = {.stay_ms = 0};
    size_t found = 0;
    for (size_t i = 2; i < w->count; i++)
        if (take_rule(w->items[i], &rules))
            return scenario_say(s, OUTCOME_WRONG, "no such option or value: %.200s", w->items[i]);
    if (!rules.stay_ms || rules.silent_percent + rules.roam_percent > 100)
        return scenario_say(s, OUTCOME_WRONG, "stay=D is missing, or silent and roam are over 100 together");
    if (!rules.away_ms)
        rules.away_ms = (rules.stay_ms + 1) / 2;
    make_churns(s, &rules);
    for (size_t i = 0; i < s->actors.churn_count; i++)
        if (scenario_matches(w->items[1], s->actors.phones[i]->config.name)) {
            churn_start(&s->actors.churns[i]);
            found++;
        }
    return found ? OUTCOME_DONE : nobody(s, w->items[1]);
}

enum outcome statement_still(struct scenario *s, const struct shellwords *w)
{
    for (size_t i = 0; i < s->actors.churn_count; i++)
        for (size_t k = 1; k < w->count; k++)
            if (scenario_matches(w->items[k], s->actors.phones[i]->config.name))
                churn_stop(&s->actors.churns[i]);
    return OUTCOME_DONE;
}
