/* SPDX-License-Identifier: MIT */
#include "presence/outage.h"

void outage_init(struct outage *o, int64_t wall_ms)
{
    *o = (struct outage){.lost = true, .since_wall_ms = wall_ms, .broken = true, .broken_wall_ms = wall_ms};
}

static void note(struct outage *o, bool broken, int64_t mono_ms, int64_t wall_ms)
{
    if (broken && !o->broken) {
        o->broken_ms = mono_ms;
        o->broken_wall_ms = wall_ms;
    }
    o->broken = broken;
}

bool outage_look(struct outage *o, bool current, int64_t mono_ms, int64_t wall_ms)
{
    note(o, !current, mono_ms, wall_ms);
    if (o->lost == o->broken || (o->broken && mono_ms - o->broken_ms < OUTAGE_SAID_MS))
        return false;
    o->lost = o->broken;
    o->since_wall_ms = o->lost ? o->broken_wall_ms : wall_ms;
    return true;
}
