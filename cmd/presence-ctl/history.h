/* A user's last transitions, out of presence:log, or the last one out of presence:meta when the log no longer
 * reaches back. */
#ifndef PRESENCE_CTL_HISTORY_H
#define PRESENCE_CTL_HISTORY_H

#include "presence/story.h"
#include "user.h"

struct history {
    struct story_transition *items; /* newest first */
    size_t count, capacity;
    bool from_meta;       /* the log knows nothing of the user */
    int64_t reaches_ms;   /* the oldest entry looked at; 0: the log is empty */
    bool whole;           /* all of the log was looked at */
    struct bytes **texts; /* own what the items' spans point at, one each */
};

/* The last `limit` transitions and one more, if there is one: 0, and the caller calls history_finish; or an
 * exit code. */
int history_load(struct ctl *c, struct span id, const struct user *user, size_t limit, struct history *ret);
void history_finish(struct history *h);

#endif
