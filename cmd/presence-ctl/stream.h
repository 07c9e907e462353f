/* The changes, each once and in the order of their revisions, whatever happens to the connections.
 *
 * Subscribes first, then asks where the log stands; what comes twice is dropped by its revision, a gap is
 * filled from presence:log, and so is what was published while the connection was away or deaf. */
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
    /* The connection went, or came back. */
    void (*link)(void *arg, bool up, const char *why);
};

struct stream {
    struct ctl *c;
    const struct stream_hooks *hooks;
    void *arg;
    struct redis_sync *subscriber; /* NULL: away */
    char epoch[EPOCH_MAX];         /* "": none yet */
    bool met;                      /* there was one */
    uint64_t rev;                  /* all changes up to it were told */
    int64_t retry_ms;              /* of the next attempt, monotonic */
    int64_t backoff_ms;
    bool ended; /* set by a hook: tell no more */
};

/* The link of `c` is open. 0 with the position now, or an exit code. */
int stream_open(struct stream *s, struct ctl *c, const struct stream_hooks *hooks, void *arg);
void stream_close(struct stream *s);
/* Tells what came behind that position, before anything else. */
void stream_since(struct stream *s, struct span epoch, uint64_t rev);
/* Waits for one message, wait_ms at most, and tells what is to be told; tries to connect while away. */
void stream_step(struct stream *s, int64_t wait_ms);
bool stream_up(const struct stream *s);

#endif
