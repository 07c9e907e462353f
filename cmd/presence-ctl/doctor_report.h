/* SPDX-License-Identifier: MIT */
/* What the doctor's examinations have in common: the findings. */
#ifndef PRESENCE_CTL_DOCTOR_REPORT_H
#define PRESENCE_CTL_DOCTOR_REPORT_H

#include "nodes.h"

enum verdict {
    VERDICT_FINE,
    VERDICT_NOTE, /* worth knowing, wrong or not */
    VERDICT_FAULT,
};

struct doctor {
    struct ctl *c;
    size_t notes, faults;
    struct nodes nodes; /* loaded once Redis was found good */
};

/* Prints a finding. `check` is a stable name for programs; `fix` is what to do about it, NULL for nothing. */
void doctor_report(struct doctor *d, enum verdict verdict, const char *check, const char *fix,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* How to let a user of Redis read the groups' sets, as presence-ws and presence-api do. */
void doctor_report_groups_fix(const struct doctor *d, struct bytes *out);

#endif
