/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define START_STEP_MS 10

static void on_start(struct wheel_timer *timer, int64_t now_ms)
{
    struct crowd *c = list_entry(timer, struct crowd, start);
    int64_t due = (sim_now(c->sim) - c->began_ms) * c->sim->options->connect_rate / 1000 + 1;
    for (; c->started < c->count && (int64_t)c->started < due; c->started++) {
        phone_connect(c->phones[c->started]);
        churn_start(&c->churns[c->started]);
    }
    if (c->started < c->count)
        sim_start(c->sim, &c->start, START_STEP_MS);
}

static struct phone *make_phone(struct crowd *c, size_t index)
{
    const struct options *o = c->sim->options;
    char user[USER_ID_MAX + 32], device[USER_ID_MAX + 40];
    snprintf(user, sizeof(user), "%.128s%zu", o->prefix, index + 1);
    snprintf(device, sizeof(device), "%s-phone", user);
    const struct phone_config config = {.name = user,
                                        .user = user,
                                        .device = device,
                                        .groups = o->groups,
                                        .servers = c->sim->servers,
                                        .server_count = c->sim->server_count,
                                        .beat_ms = o->beat_ms,
                                        .reconnect = true,
                                        .encoding = (enum sim_encoding)o->encoding,
                                        .seed = c->sim->seed * 1000003 + index};
    struct phone *phone = phone_create(c->sim, &config);
    phone->server = index % c->sim->server_count;
    return phone;
}

void crowd_init(struct crowd *c, struct sim *sim)
{
    const struct options *o = sim->options;
    const struct churn_rules rules = {.stay_ms = o->churn_ms,
                                      .away_ms = o->away_ms ? o->away_ms : o->churn_ms / 2,
                                      .silent_percent = o->silent_percent,
                                      .roam_percent = o->roam_percent};
    *c = (struct crowd){.sim = sim, .count = (size_t)o->users};
    c->phones = mem_array(c->count, sizeof(*c->phones));
    c->churns = mem_array(c->count, sizeof(*c->churns));
    for (size_t i = 0; i < c->count; i++) {
        c->phones[i] = make_phone(c, i);
        churn_init(&c->churns[i], c->phones[i], &rules, sim->seed * 7919 + i);
    }
    wheel_timer_init(&c->start, on_start);
}

void crowd_start(struct crowd *c)
{
    c->began_ms = sim_now(c->sim);
    sim_start(c->sim, &c->start, 0);
}

void crowd_hold_still(struct crowd *c)
{
    sim_stop(c->sim, &c->start);
    for (size_t i = 0; i < c->count; i++)
        churn_stop(&c->churns[i]);
}

size_t crowd_open(const struct crowd *c)
{
    size_t open = 0;
    for (size_t i = 0; i < c->count; i++)
        open += c->phones[i]->state == PHONE_OPEN && !phone_frozen(c->phones[i]);
    return open;
}

void crowd_finish(struct crowd *c)
{
    crowd_hold_still(c);
    for (size_t i = 0; i < c->count; i++)
        phone_destroy(c->phones[i]);
    free(c->phones);
    free(c->churns);
}
