/* SPDX-License-Identifier: MIT */
/* Whose changes are wanted: named users, and members of named groups, by Redis's set or by the claim of a token. */
#ifndef PRESENCE_CTL_FILTER_H
#define PRESENCE_CTL_FILTER_H

#include "ctl.h"
#include "idset.h"
#include "presence/change.h"

struct filter {
    struct ctl *c;
    bool all; /* neither users nor groups were named */
    struct idset users;
    struct span *groups;
    size_t group_count;
    struct idset members;   /* of the groups' sets */
    struct idset claimants; /* who is online and claims one of the groups */
    int64_t read_ms;        /* the sets are read again then, monotonic */
};

/* Ids as for --users and --groups, which outlive the filter; NULL: none. 0 or an exit code; the caller calls
 * filter_finish either way. */
int filter_init(struct filter *f, struct ctl *c, const char *users, const char *groups);
void filter_finish(struct filter *f);
/* Asks Redis who belongs to the groups. 0 or an exit code. */
int filter_load(struct filter *f, int64_t now_ms);
/* Reads the sets again, every 10 s. */
int filter_refresh(struct filter *f, int64_t now_ms);
bool filter_wants(struct filter *f, const struct change *change);
/* presence:control: somebody's claims became others. */
void filter_control(struct filter *f, struct span payload);

#endif
