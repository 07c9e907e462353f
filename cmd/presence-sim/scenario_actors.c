/* SPDX-License-Identifier: MIT */
/* The statements that make phones, dashboards and servers. */
#include "scenario.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX   15000
#define SERVERS_MAX 64

/* What `phone` and `dashboard` have in common. */
struct actor_options {
    const char *name, *user, *device, *role, *groups, *watch_groups, *watch_users;
    struct server *servers[SERVERS_MAX];
    size_t server_count;
    uint64_t count; /* 0: one, without a number */
    int64_t beat_ms;
    enum sim_encoding encoding;
    bool reconnect, batch, resume;
};

static int take_servers(struct scenario *s, const char *list, struct actor_options *call)
{
    struct span rest = span_of(list);
    call->server_count = 0;
    while (rest.len && call->server_count < SERVERS_MAX) {
        char name[128];
        struct server *server = NULL;
        if (!span_copy(span_split(&rest, ','), name, sizeof(name)))
            server = sim_server(&s->sim, name);
        if (!server)
            return -1;
        call->servers[call->server_count++] = server;
    }
    return call->server_count ? 0 : -1;
}

static int take_beat(const char *value, int64_t *ret)
{
    if (!strcmp(value, "never")) {
        *ret = -1;
        return 0;
    }
    return settings_duration_parse(span_of(value), ret) || *ret <= 0 ? -1 : 0;
}

static int take_encoding(const char *value, enum sim_encoding *ret)
{
    static const char *const names[] = {"msgpack", "json", "plain"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(value, names[i])) {
            *ret = (enum sim_encoding)i;
            return 0;
        }
    return -1;
}

static int take_switch(const char *value, bool *ret)
{
    bool on = !strcmp(value, "yes");
    if (!on && strcmp(value, "no"))
        return -1;
    *ret = on;
    return 0;
}

static int take_option(struct scenario *s, const char *word, struct actor_options *call)
{
    const struct {
        const char *key;
        const char **text;
    } texts[] = {{"user", &call->user},
                 {"device", &call->device},
                 {"role", &call->role},
                 {"groups", &call->groups},
                 {"watch-groups", &call->watch_groups},
                 {"watch-users", &call->watch_users}};
    const char *value;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if ((value = scenario_option(word, texts[i].key))) {
            *texts[i].text = value;
            return 0;
        }
    if ((value = scenario_option(word, "server")))
        return take_servers(s, value, call);
    if ((value = scenario_option(word, "beat")))
        return take_beat(value, &call->beat_ms);
    if ((value = scenario_option(word, "encoding")))
        return take_encoding(value, &call->encoding);
    if ((value = scenario_option(word, "reconnect")))
        return take_switch(value, &call->reconnect);
    if ((value = scenario_option(word, "batch")))
        return take_switch(value, &call->batch);
    if ((value = scenario_option(word, "resume")))
        return take_switch(value, &call->resume);
    if ((value = scenario_option(word, "count")))
        return span_to_u64(span_of(value), COUNT_MAX, &call->count) || !call->count ? -1 : 0;
    return -1;
}

static enum outcome take_call(struct scenario *s, const struct shellwords *w, struct actor_options *ret)
{
    *ret = (struct actor_options){.name = w->items[1], .reconnect = true};
    for (size_t i = 0; i < s->sim.server_count && i < SERVERS_MAX; i++)
        ret->servers[ret->server_count++] = s->sim.servers[i];
    for (size_t i = 2; i < w->count; i++)
        if (take_option(s, w->items[i], ret))
            return scenario_say(s, OUTCOME_WRONG, "no such option, value or server: %.200s", w->items[i]);
    if (!ret->server_count)
        return scenario_say(s, OUTCOME_WRONG, "there is no server yet to connect to");
    return OUTCOME_DONE;
}

/* The name itself, or with a number behind it. */
static void numbered(char out[256], const char *name, uint64_t count, uint64_t index)
{
    if (count)
        snprintf(out, 256, "%.200s%llu", name, (unsigned long long)index + 1);
    else
        snprintf(out, 256, "%.255s", name);
}

static uint64_t seed_of(const struct scenario *s, size_t index)
{
    return s->sim.seed * 1000003 + index;
}

static void add_phone(struct scenario *s, const struct actor_options *call, const char *name,
                      const char *user)
{
    const struct phone_config config = {.name = name,
                                        .user = user,
                                        .device = call->device,
                                        .groups = call->groups,
                                        .role = call->role,
                                        .servers = call->servers,
                                        .server_count = call->server_count,
                                        .beat_ms = call->beat_ms,
                                        .reconnect = call->reconnect,
                                        .encoding = call->encoding,
                                        .seed = seed_of(s, s->actors.phone_count)};
    s->actors.phones = mem_realloc(s->actors.phones, (s->actors.phone_count + 1) * sizeof(struct phone *));
    s->actors.phones[s->actors.phone_count] = phone_create(&s->sim, &config);
    s->actors.phones[s->actors.phone_count]->server =
        call->count ? s->actors.phone_count % call->server_count : 0;
    s->actors.phone_count++;
}

enum outcome statement_phone(struct scenario *s, const struct shellwords *w)
{
    struct actor_options call;
    enum outcome outcome = take_call(s, w, &call);
    for (uint64_t i = 0; outcome == OUTCOME_DONE && i < (call.count ? call.count : 1); i++) {
        char name[256], user[256];
        numbered(name, call.name, call.count, i);
        numbered(user, call.user ? call.user : call.name, call.count, i);
        if (scenario_phone(s, name) || scenario_dashboard(s, name))
            return scenario_say(s, OUTCOME_WRONG, "%s is there already", name);
        if (!identity_user_valid(span_of(user)))
            return scenario_say(s, OUTCOME_WRONG, "%s is no valid user id", user);
        add_phone(s, &call, name, user);
    }
    return outcome;
}

/* Whatever a dashboard shows must not be forbidden. */
static void on_shown(void *arg, struct dashboard *d, const struct view_entry *view_entry)
{
    struct scenario *s = arg;
    for (size_t i = 0; i < s->actors.ban_count; i++)
        if (s->actors.bans[i].online == view_entry->online &&
            scenario_matches(s->actors.bans[i].user, view_entry->user)) {
            scenario_say(s, OUTCOME_FAILED, "%s shows %s %s, which must never be", d->config.name,
                         view_entry->user, view_entry->online ? "online" : "offline");
            scenario_end(s, OUTCOME_FAILED);
        }
}

static void add_dashboard(struct scenario *s, const struct actor_options *call, const char *name,
                          const char *user)
{
    const struct dashboard_config config = {.name = name,
                                            .user = user,
                                            .role = call->role,
                                            .groups = call->groups,
                                            .watch_groups = call->watch_groups,
                                            .watch_users = call->watch_users,
                                            .servers = call->servers,
                                            .server_count = call->server_count,
                                            .encoding = call->encoding,
                                            .batch = call->batch,
                                            .resume = call->resume,
                                            .seed = seed_of(s, 500000 + s->actors.dashboard_count),
                                            .shown = on_shown,
                                            .arg = s};
    s->actors.dashboards =
        mem_realloc(s->actors.dashboards, (s->actors.dashboard_count + 1) * sizeof(struct dashboard *));
    s->actors.dashboards[s->actors.dashboard_count] = dashboard_create(&s->sim, &config);
    s->actors.dashboards[s->actors.dashboard_count]->server =
        call->count ? s->actors.dashboard_count % call->server_count : 0;
    s->actors.dashboard_count++;
}

enum outcome statement_dashboard(struct scenario *s, const struct shellwords *w)
{
    struct actor_options call;
    enum outcome outcome = take_call(s, w, &call);
    for (uint64_t i = 0; outcome == OUTCOME_DONE && i < (call.count ? call.count : 1); i++) {
        char name[256];
        numbered(name, call.name, call.count, i);
        if (scenario_phone(s, name) || scenario_dashboard(s, name))
            return scenario_say(s, OUTCOME_WRONG, "%s is there already", name);
        add_dashboard(s, &call, name, call.user ? call.user : name);
    }
    return outcome;
}

enum outcome statement_server(struct scenario *s, const struct shellwords *w)
{
    char error[600];
    if (sim_add_server(&s->sim, w->items[1], w->items[2], error, sizeof(error)))
        return scenario_say(s, OUTCOME_WRONG, "%s", error);
    return OUTCOME_DONE;
}
