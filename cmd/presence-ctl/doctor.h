/* The doctor's parts: what each finds goes through doctor_say. Each examination returns 0, or an exit code
 * when Redis went away meanwhile. */
#ifndef PRESENCE_CTL_DOCTOR_H
#define PRESENCE_CTL_DOCTOR_H

#include "ctl.h"

enum verdict {
    VERDICT_FINE,
    VERDICT_NOTE, /* worth knowing, wrong or not */
    VERDICT_FAULT,
};

struct doctor {
    struct ctl *c;
    size_t notes, faults;
    struct nodes nodes;
    int64_t online; /* users in the index */
};

/* `check` is a stable name for programs; `mend` is what to do about it, NULL for nothing. */
void doctor_say(struct doctor *d, enum verdict verdict, const char *check, const char *mend,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

int doctor_redis(struct doctor *d);    /* doctor_redis.c: the server and its settings */
int doctor_channels(struct doctor *d); /* doctor_channels.c: publish and subscribe */
int doctor_daemons(struct doctor *d);  /* doctor_daemons.c: who is alive, clocks, sweeps */
int doctor_ready(struct doctor *d);    /* doctor_ready.c: what they say of themselves over HTTP */
int doctor_state(struct doctor *d);    /* doctor_state.c: index, keys and sessions */

#endif
