/* SPDX-License-Identifier: MIT */
/* Events: the JSON objects on presence:online, presence:offline and presence:updates, and in presence:log.
 *
 *     {"userId":"123","status":"online","timestamp":…,"lastSeen":…,"deviceId":…,"rev":…,"epoch":"…","db":0,
 *      "reason":"connected","node":"…","groups":["a"]}
 *
 * The scripts write them; userId and status alone are enough to be one (guide, Troubleshooting: published by
 * hand). */
#ifndef WIRE_EVENT_H
#define WIRE_EVENT_H

#include "presence/change.h"
#include "presence/identity.h"

#define EVENT_SIZE_MAX 262144

struct event {
    struct change change; /* rev 0 when published by hand */
    struct span epoch;    /* empty: by hand */
    int64_t db;           /* -1: not said */
    void *json;           /* owns what the spans point at */
    struct span groups[GROUPS_UNION_MAX];
};

/* 0; -1: no JSON object, over EVENT_SIZE_MAX, no valid userId, or a status other than "online" and "offline".
 * userId may be an integer. Unknown keys are ignored; a key of ours alone (rev, epoch, db, reason, node,
 * groups) of a wrong type makes the event invalid; timestamp, lastSeen and deviceId of a wrong type count as
 * not said (0, empty). rev may be decimal text; rev and epoch stand together or not at all. On success the
 * caller calls event_finish; on failure *ret is undefined. ret->change.groups points into *ret: don't copy
 * the struct. */
int event_read(struct span text, struct event *ret);
void event_finish(struct event *e);

#endif
