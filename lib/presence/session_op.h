/* SPDX-License-Identifier: MIT */
/* What a server says of one session to the store: an operation of scripts/apply.lua, and how it went. */
#ifndef PRESENCE_SESSION_OP_H
#define PRESENCE_SESSION_OP_H

#include "presence/identity.h"

enum session_op_kind {
    OP_OPEN = 'o',
    OP_BEAT = 'b',
    OP_ASSERT = 'r',
    OP_END = 'e',
    OP_GRACE = 'g',
    OP_DRAIN = 'd',
    OP_FORCE_OFFLINE = 'f',
    OP_REFUSED = 'u', /* heartbeats of this session came and did not count; changes no state */
};

enum session_op_outcome {
    OUTCOME_DONE = '.',
    OUTCOME_ONLINE = 'n',
    OUTCOME_OFFLINE = 'f',
    OUTCOME_LATE = 'l',
    OUTCOME_MISSING = 'm',
    OUTCOME_FOREIGN = 'x', /* the user's keys hold other types */
    OUTCOME_ASK = '?',     /* plain commands could not write the beat: apply.lua is to be asked */
};

/* Why a heartbeat of an open connection did not count. */
enum refusal_reason {
    REFUSAL_FROM,    /* its fromId is not the token's user */
    REFUSAL_LATE,    /* it reached the store later than a TTL after it was sent */
    REFUSAL_FOREIGN, /* the user's keys hold other types */
};
/* As it stands in the store: "from", "late", "type". */
const char *session_op_refusal_name(enum refusal_reason reason);

#define REFUSED_FROM_MAX 128 /* bytes kept of a fromId */

struct session_op {
    enum session_op_kind kind;
    struct span user;
    struct span session; /* "node/connection" */
    struct span device;
    enum role role;
    bool plain;      /* a beat that plain commands may write, without apply.lua */
    int64_t beat_ms; /* last sign of life; 0: now */
    int64_t opened_ms;
    int64_t grace_ms;     /* OP_GRACE: from its execution to the end */
    struct span groups;   /* JSON array of the claim, or empty */
    struct span extra;    /* see apply.lua */
    struct span metadata; /* OP_END, OP_GRACE: JSON that a beat brought which was not written yet, or empty;
                             OP_REFUSED: the fromId that came */
};

#endif
