/* The story of a user, told to a person who asks "why is this one offline?" (contract section 8, `why`).
 *
 * Pure: who tells gathers the facts; how a time is shown and what a node is called come from hooks. What
 * comes from outside is made harmless (base/plain.h). */
#ifndef PRESENCE_STORY_H
#define PRESENCE_STORY_H

#include "base/bytes.h"

struct story_transition {
    bool online;
    int64_t at_ms;        /* when the store made it */
    int64_t last_seen_ms; /* the last sign of life then */
    uint64_t rev;
    struct span reason, device, node;
};

struct story_session {
    struct span name, device;
    struct span reason; /* it will end for; empty: silence */
    int64_t opened_ms, beat_ms, deadline_ms;
};

/* All times are Redis's. */
struct story {
    struct span user;
    int64_t now_ms;
    int64_t ttl_ms;
    bool online;                                /* the published state: the user stands in the index */
    const struct story_transition *transitions; /* newest first; may be empty */
    size_t count;
    const struct story_session *sessions;
    size_t session_count;
    bool swept;      /* a presence-expiryd looks for missed deadlines */
    int64_t held_ms; /* expiries wait so long still; 0: they don't */
    void (*time)(void *arg, int64_t ms, struct bytes *out);
    void (*node)(void *arg, struct span name, struct bytes *out);
    void *arg;
};

/* "user123 is offline since 12:01:04 (2 min 3 s)." */
void story_headline(const struct story *s, struct bytes *out);
/* Why the i-th transition happened: "Silent since 12:00:04, so …". Nothing when i is beyond the last. */
void story_cause(const struct story *s, size_t i, struct bytes *out);
/* How long the state lasted that the i-th transition ended; nothing where that is not known. */
void story_before(const struct story *s, size_t i, struct bytes *out);
/* One session as it stands: "device-abc: last sign of life 3 s ago, lives 57 s more …". */
void story_of_session(const struct story *s, const struct story_session *session, struct bytes *out);
/* What does not fit together, if anything: a session overdue, none behind an online user … */
void story_doubt(const struct story *s, struct bytes *out);

#endif
