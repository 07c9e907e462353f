/* SPDX-License-Identifier: MIT */
#include "watchers.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void watchers_init(struct watchers *w, struct sim *sim, size_t count, const char *prefix,
                   const struct dashboard_config *config)
{
    *w = (struct watchers){.sim = sim, .count = count};
    w->items = mem_array(count, sizeof(struct dashboard *));
    for (size_t i = 0; i < count; i++) {
        struct dashboard_config c = *config;
        char name[USER_ID_MAX + 32];
        snprintf(name, sizeof(name), "%.128s%zu", prefix, i + 1);
        c.name = name;
        c.servers = sim->servers;
        c.server_count = sim->server_count;
        c.seed = sim->seed * 104729 + i;
        w->items[i] = dashboard_create(sim, &c);
        w->items[i]->server = i % sim->server_count;
    }
}

void watchers_connect(struct watchers *w)
{
    for (size_t i = 0; i < w->count; i++)
        dashboard_connect(w->items[i]);
}

void watchers_finish(struct watchers *w)
{
    for (size_t i = 0; i < w->count; i++)
        dashboard_destroy(w->items[i]);
    free(w->items);
}

size_t watchers_ready(const struct watchers *w)
{
    size_t ready = 0;
    for (size_t i = 0; i < w->count; i++)
        ready += dashboard_ready(w->items[i]);
    return ready;
}

static bool agrees(const struct dashboard *d, int64_t now_ms, char *why)
{
    struct span user;
    if (!dashboard_ready(d)) {
        snprintf(why, 200, "%s is not connected", d->config.name);
        return false;
    }
    size_t differing = view_checker_disagreements(&d->view_checker, now_ms, &user);
    if (!differing)
        return true;
    const char *truth = oracle_state(&d->sim->truth, user, now_ms) == ORACLE_ONLINE    ? "online"
                        : oracle_state(&d->sim->truth, user, now_ms) == ORACLE_OFFLINE ? "offline"
                                                                                       : "undecided";
    snprintf(why, 200, "%s differs about %zu users, one of them %.*s: shown %s, in truth %s", d->config.name,
             differing, (int)(user.len < 60 ? user.len : 60), user.data,
             view_checker_shows_online(&d->view_checker, user) ? "online" : "offline", truth);
    return false;
}

size_t watchers_agreeing(const struct watchers *w, char *ret_why)
{
    int64_t now = sim_server_time(w->sim);
    size_t agreeing = 0;
    char why[200];
    ret_why[0] = '\0';
    for (size_t i = 0; i < w->count; i++)
        if (agrees(w->items[i], now, why))
            agreeing++;
        else if (!ret_why[0])
            snprintf(ret_why, 200, "%s", why);
    return agreeing;
}

void watchers_sweep(struct watchers *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (dashboard_ready(w->items[i]))
            view_checker_sweep(&w->items[i]->view_checker, sim_server_time(w->sim));
}

uint64_t watchers_changes(const struct watchers *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->count; i++)
        sum += w->items[i]->view_checker.changes;
    return sum;
}

uint64_t watchers_snapshots(const struct watchers *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->count; i++)
        sum += w->items[i]->view_checker.snapshots;
    return sum;
}
