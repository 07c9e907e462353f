/* SPDX-License-Identifier: MIT */
/* doctor: walks through the guide's "Troubleshooting" and what else is known to go wrong. */
#include "doctor.h"

#include <stdio.h>

static int examine(struct doctor *d)
{
    int code = doctor_server(d);
    if (code == 0)
        code = nodes_load(d->c, &d->nodes);
    if (code != 0)
        return code;
    code = doctor_daemons(d);
    if (code == 0)
        code = doctor_state(d);
    nodes_finish(&d->nodes);
    return code;
}

static int doctor(struct ctl *c, char **args, size_t count)
{
    struct doctor d = {.c = c};
    if (!c->config.policy.enabled)
        doctor_report(&d, VERDICT_NOTE, "enabled", "PRESENCE_ENABLED=true",
                      "PRESENCE_ENABLED is false here: daemons with that setting keep no presence");
    int code = ctl_connect(c);
    if (code == 0) {
        code = examine(&d);
    } else {
        doctor_report(&d, VERDICT_FAULT, "redis", redis_fault_mend(c->fault), "%s", c->error);
        c->error[0] = '\0';
        code = EXIT_UNREACHABLE;
    }
    if (!c->config.json)
        printf("%zu fault%s, %zu note%s\n", d.faults, d.faults == 1 ? "" : "s", d.notes,
               d.notes == 1 ? "" : "s");
    return code != 0 ? code : d.faults > 0 ? EXIT_NO : EXIT_YES;
}

static const struct setting_table tables[] = {CONFIG_DAEMONS, CONFIG_PRESENCE};

const struct command command_doctor = {
    .info = {"doctor", "", "find out what is wrong, and how to fix it", CONFIG_OF_COMMAND(tables)},
    .run = doctor,
    .unconnected = true,
};
