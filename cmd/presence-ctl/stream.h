/* SPDX-License-Identifier: MIT */
/* The changes, each once and in the order of their revisions, whatever happens to the connections.
 *
 * Subscribes first, then asks where the log stands; what comes twice is dropped by its revision, a gap is filled from
 * presence:log, and so is what was published while the connection was lost or a subscription no longer worked.
 *
 * The servers follow changes with store/roster_sync, which keeps a copy of who is online: in another epoch, or behind a
 * log that no longer reaches back, it loads that state and reports only real differences. Here the log itself is
 * reported, with each entry's own reason, node and revision, also that of a user who is online as before; and no state
 * is loaded, whose size is that of all users. */
#ifndef PRESENCE_CTL_STREAM_H
#define PRESENCE_CTL_STREAM_H

#include "ctl.h"
#include "wire/event.h"

struct stream_hooks {
    /* A change, or one published by hand (rev 0). */
    void (*change)(void *arg, const struct event *event);
    /* These revisions are no longer in the log. */
    void (*gap)(void *arg, uint64_t first, uint64_t last);
    /* Another epoch than before: what changed before it is not known, unless it is the first of all. "":
     * Redis has lost it, and nobody has begun one yet. */
    void (*epoch)(void *arg, const char *epoch, bool first);
    /* presence:control; NULL: not wanted. */
    void (*control)(void *arg, struct span payload);
    /* The connection was lost, or is back. */
    void (*link)(void *arg, bool up, const char *why);
};

struct stream {
    struct ctl *c;
    const struct stream_hooks *hooks;
    void *arg;
    struct redis_sync *subscriber; /* NULL: not connected */
    char epoch[EPOCH_SIZE];        /* "": none yet */
    bool had_epoch;                /* there was one */
    uint64_t rev;                  /* all changes up to it were reported */
    int64_t retry_ms;              /* of the next attempt, monotonic */
    int64_t backoff_ms;
    bool ended; /* set by a hook: report no more */
};

/* The link of `c` is open. 0 with the position now, or an exit code. */
int stream_open(struct stream *s, struct ctl *c, const struct stream_hooks *hooks, void *arg);
void stream_close(struct stream *s);
/* Reports what came behind that position, before anything else. */
void stream_since(struct stream *s, struct span epoch, uint64_t rev);
/* Waits for one message, wait_ms at most, and reports what it brings; while not connected, tries to connect. */
void stream_step(struct stream *s, int64_t wait_ms);
bool stream_up(const struct stream *s);

#endif
