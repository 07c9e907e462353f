/* SPDX-License-Identifier: MIT */
/* The session table: the sessions of one server, and the operations that the store has yet to be sent.
 *
 * It holds the present state of each session and never a list of old commands: after an error, a lost answer
 * or a reconnect the server says what is so now. At most one batch is in flight, so that all writes of a
 * session are made in order. A beat without metadata allocates nothing.
 *
 * Rules (PROTOCOL.md and KEYS.md): a beat sooner than heartbeat_min after the last one written is kept, and is
 * written when the window opens or along with the end; a beat of a closed session is dropped; a session that
 * ended while Redis was away is ended in the store afterwards. What an outage has gathered is sent with the
 * beginnings before the ends, and so is an end beside the user's return in one batch: a phone that came back
 * meanwhile was never offline.
 *
 * Pure: time is an argument (monotonic ms); no I/O. The caller owns struct sessions; a session belongs to the
 * table from session_open until the store has confirmed its end. */
#ifndef PRESENCE_SESSIONS_H
#define PRESENCE_SESSIONS_H

#include "base/list.h"
#include "base/map.h"
#include "presence/session_op.h"

/* What is known of the heartbeats of one session that did not count. */
struct refusal {
    enum refusal_reason reason; /* of the last */
    uint32_t count;
    int64_t at_ms;       /* when the last came */
    int64_t reported_ms; /* at_ms of the last that was to be reported; 0: none */
    bool unreported;     /* more came since */
    uint8_t from_len;
    char from[REFUSED_FROM_MAX]; /* the fromId of the last */
    char text[24];               /* count and reason, as the store keeps them */
};

struct session {
    struct list link;        /* in sessions.queue, .deferred_ends or .in_flight, or in none */
    struct session *next;    /* of the same user */
    uint64_t number;         /* of the connection, unique in this process */
    int64_t opened_ms;       /* monotonic, as all times here */
    int64_t heard_ms;        /* last sign of life */
    int64_t written_ms;      /* heard_ms of the last beat that was put into a batch; 0: none */
    void *owner;             /* the connection; NULL once it has ended */
    char *metadata;          /* JSON of the newest beat that had one, until the store has it; NULL: none */
    struct refusal *refusal; /* NULL: every beat counted */
    const char *end_reason;
    uint8_t pending;   /* operations to be sent: PENDING_… */
    uint8_t in_flight; /* operations of the batch in flight */
    uint8_t user_len, device_len;
    uint16_t groups_len;
    bool ended : 1;
    bool cut : 1;       /* its connection ended as SESSION_CUT */
    bool orphaned : 1;  /* it stood in the store, but not here: only its end is to be sent */
    bool asserting : 1; /* counted in sessions.asserting */
    bool
        arriving : 1; /* set by the owner: sessions.entered is called once the store has confirmed its opening */
    bool metadata_due : 1; /* metadata is not in the batch in flight: it is to be put into one */
    bool open_sent : 1;    /* its opening was sent at least once: Redis may have it */
    char text[];           /* user, device, groups (JSON), one after the other */
};

struct sessions {
    struct list queue; /* sessions with pending operations, in the order in which they came up */
    struct list
        deferred_ends;     /* ends of an outage or a lost batch, or held back: sent behind all of `queue` */
    struct list in_flight; /* sessions of the batch that was sent and not answered yet */
    struct map by_user;    /* first session of each user; the others hang on `next` */
    uint64_t last_number;
    size_t count;     /* living, or ended and not yet confirmed */
    size_t asserting; /* sessions to be asserted after a loss, not confirmed yet */
    size_t orphaned;  /* ends of orphaned sessions, not confirmed yet */
    size_t urgent;    /* sessions in `queue` or `deferred_ends` with more pending than a beat */
    bool hurry;       /* a beat came when three quarters of the TTL had passed since the one before */
    bool connected; /* set by the owner: whether Redis can be reached. A session that begins and ends while it
                         can't is never reported */
    bool backlog;   /* the last batch had no room for all: the next need not wait for more */
    size_t batch_max; /* operations in the next batch: fewer while the store is too slow for more */
    bool hold_ends;   /* set by the owner: ends stay in `deferred_ends`, while other servers may not have
                         asserted their sessions yet */
    /* The opening of an arriving session is confirmed. Must not call the session table. Set by the owner. */
    void (*entered)(void *arg, struct session *s);
    /* The store has not taken a beat: session->refusal says why. Must not call the session table. NULL: nobody
     * asks. */
    void (*refused)(void *arg, struct session *s);
    void *arg;
    int64_t ttl_ms, heartbeat_min_ms;
    int64_t grace_ms, abort_grace_ms; /* ends are sent as OP_GRACE where the grace is not 0 */
    char node[NODE_ID_SIZE];
    size_t node_len;
    size_t batch_len; /* operations of the batch in flight */
    char *names;      /* "node/number" texts of the batch in flight */
};

#define SESSIONS_BATCH_MAX 256 /* operations; keeps Redis busy for 2 ms at most */
#define SESSIONS_BATCH_MIN 8   /* as far as batches that the store has no time for are made smaller */

/* grace_ms: from the end of a connection to the end of its session; abort_grace_ms: from one that was cut. */
void sessions_init(struct sessions *t, const char *node, int64_t ttl_ms, int64_t heartbeat_min_ms,
                   int64_t grace_ms, int64_t abort_grace_ms);
/* Frees all sessions. */
void sessions_finish(struct sessions *t);

struct session *session_open(struct sessions *t, struct span user, struct span device,
                             struct span groups_json, void *owner, int64_t now_ms);
/* Returns 0 when the beat is to be written now (with the next batch), else the time at which session_release
 * must be called. metadata: JSON or empty. */
int64_t session_beat(struct sessions *t, struct session *s, struct span metadata, int64_t now_ms);
/* That time, for the newest kept beat. */
int64_t session_release_due(const struct sessions *t, const struct session *s);
/* The window has opened: the newest kept beat, if any, is written. */
void session_release(struct sessions *t, struct session *s);
/* A heartbeat came that does not count. `from`: its fromId, of which the first bytes are kept. The first is
 * reported to the store at once, later ones at most every heartbeat_min and with the end of the session. */
void session_refuse(struct sessions *t, struct session *s, enum refusal_reason reason, struct span from,
                    int64_t now_ms);
enum session_ending {
    SESSION_CLOSED,  /* the peer sent a close frame: a sign of life */
    SESSION_CUT,     /* FIN or RST without one, which a proxy sends as well as a phone; a sign of life too */
    SESSION_REFUSED, /* the server closed it: no sign of life */
};
/* The connection has ended, for `reason` (a constant string). A kept beat goes along. The session forgets its
 * owner. */
void session_end(struct sessions *t, struct session *s, const char *reason, enum session_ending how,
                 int64_t now_ms);
/* The connection was given up: no end is sent, the session keeps its deadline. A kept beat is still written.
 * The session forgets its owner. */
void session_abandon(struct sessions *t, struct session *s);
/* The server drains: the session lives at least the drain grace. */
void session_drain(struct sessions *t, struct session *s);

/* A session stands under this node's name in the store, but not in this table: it is ended there. */
void sessions_end_orphan(struct sessions *t, struct span user, uint64_t number, const char *reason);

/* First session of a user (others by ->next), NULL without. Ended ones may be among them (owner NULL). */
struct session *sessions_user(const struct sessions *t, struct span user);
struct session *sessions_find(const struct sessions *t, struct span user, uint64_t number);
struct span session_user(const struct session *s);
struct span session_device(const struct session *s);
/* JSON array of the claimed groups, or empty. */
struct span session_groups(const struct session *s);
/* Whether something is pending that may not wait: more than beats, or a beat near the deadline. */
bool sessions_urgent(const struct sessions *t);
bool sessions_pending(const struct sessions *t);
bool sessions_in_flight(const struct sessions *t);

/* The next batch, oldest first: at most batch_max operations; times are turned into Redis's by adding
 * offset_ms. Spans are valid until the answer. 0 when nothing is pending or a batch is in flight. drain_ms is
 * the text of OP_DRAIN's grace. */
size_t sessions_dequeue(struct sessions *t, int64_t offset_ms, struct span drain_ms,
                        struct session_op ops[SESSIONS_BATCH_MAX]);
/* The batch was executed: outcomes in the order of the operations. Those that were late, of sessions whose
 * deadline is still ahead, are pending again; so are beats with OUTCOME_ASK, which are not `plain` then. */
void sessions_complete(struct sessions *t, struct span outcomes, int64_t now_ms);
/* The answer was lost, or an error: what the batch was to say is pending again, as it is by now. */
void sessions_requeue(struct sessions *t);
/* The same, since the answer did not come in time: the next batch has half as many operations, down to
 * SESSIONS_BATCH_MIN; each that is executed doubles the number again. */
void sessions_timed_out(struct sessions *t);
/* Redis lost its memory: every session whose deadline is ahead is asserted with it. */
void sessions_assert_all(struct sessions *t, int64_t now_ms);
/* The same for the sessions of one user; these are not counted in sessions.asserting. */
void sessions_assert_user(struct sessions *t, struct span user, int64_t now_ms);

#endif
