/* SPDX-License-Identifier: MIT */
/* The sentences that answer "why is this user offline?" (presence-ctl(1), `why`).
 *
 * Pure: the caller gathers the facts; how a time is shown and what a node is called come from hooks. What comes from
 * outside is made printable (base/printable.h). */
#ifndef PRESENCE_CTL_EXPLANATION_H
#define PRESENCE_CTL_EXPLANATION_H

#include "base/bytes.h"

struct explanation_transition {
    bool online;
    int64_t at_ms;        /* when the store made it */
    int64_t last_seen_ms; /* the last sign of life then */
    uint64_t rev;
    struct span reason, device, node;
};

struct explanation_session {
    struct span name, device;
    struct span reason; /* it will end for; empty: silence */
    int64_t opened_ms, beat_ms, deadline_ms;
};

/* Heartbeats of one connection that came and did not count. */
struct explanation_refusal {
    int64_t count, at_ms; /* when the last came */
    struct span reason;   /* session_op_refusal_name, of the last */
    struct span session;  /* "node/connection" */
    struct span from;     /* the fromId of the last */
};

/* A refusal is of interest while nothing that counted came behind it, or for so long. */
#define EXPLANATION_REFUSAL_MS (60 * 60 * 1000)
bool explanation_refusal_matters(const struct explanation_refusal *r, int64_t last_seen_ms, int64_t now_ms);

/* All times are Redis's. */
struct explanation {
    struct span user;
    int64_t now_ms;
    int64_t ttl_ms;
    bool online;                                      /* the published state: the user stands in the index */
    const struct explanation_transition *transitions; /* newest first; may be empty */
    size_t count;
    const struct explanation_session *sessions;
    size_t session_count;
    const struct explanation_refusal *refusal; /* one that matters; NULL: none */
    bool swept;                                /* a presence-expiryd looks for missed deadlines */
    int64_t held_ms;                           /* expiries wait so long still; 0: they don't */
    void (*time)(void *arg, int64_t ms, struct bytes *out);
    void (*node)(void *arg, struct span name, struct bytes *out);
    void *arg;
};

/* "user123 is offline since 12:01:04 (2 min 3 s)." */
void explanation_headline(const struct explanation *s, struct bytes *out);
/* Why the i-th transition happened: "Silent since 12:00:04, so …". Nothing when i is beyond the last. */
void explanation_cause(const struct explanation *s, size_t i, struct bytes *out);
/* How long the state lasted that the i-th transition ended; nothing where that is not known. */
void explanation_before(const struct explanation *s, size_t i, struct bytes *out);
/* One session as it stands: "device-abc: last sign of life 3 s ago, lives 57 s more …". */
void explanation_of_session(const struct explanation *s, const struct explanation_session *session,
                            struct bytes *out);
/* "12 heartbeats refused: fromId is not the token's user (token "ab-1", heartbeat "AB-1")", without a full
 * stop. */
void explanation_of_refusal(struct span user, const struct explanation_refusal *r, struct bytes *out);
/* The same as a sentence, with when and at which server; nothing without one. */
void explanation_refused(const struct explanation *s, struct bytes *out);
/* What does not fit together, if anything: a session overdue, none behind an online user … */
void explanation_doubt(const struct explanation *s, struct bytes *out);

#endif
