/* SPDX-License-Identifier: MIT */
/* Several dashboards as one: made, connected, asked whether they agree with the phones. */
#ifndef SIM_WATCHERS_H
#define SIM_WATCHERS_H

#include "dashboard.h"

struct watchers {
    struct sim *sim;
    struct dashboard **items;
    size_t count;
};

/* `config` without name, user, servers and seed: they are called PREFIX1, PREFIX2 … and spread over all
 * servers. */
void watchers_init(struct watchers *w, struct sim *sim, size_t count, const char *prefix,
                   const struct dashboard_config *config);
void watchers_connect(struct watchers *w);
void watchers_finish(struct watchers *w);
size_t watchers_ready(const struct watchers *w);
/* Dashboards that show what the phones did, at this moment. *ret_why: a word on the first that does not, 200
 * bytes. */
size_t watchers_agreeing(const struct watchers *w, char *ret_why);
/* Reports who is shown online too long. */
void watchers_sweep(struct watchers *w);
uint64_t watchers_changes(const struct watchers *w);
uint64_t watchers_snapshots(const struct watchers *w);

#endif
