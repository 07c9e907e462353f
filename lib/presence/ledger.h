/* The ledger: the sessions of one server, and what the store has yet to hear of them.
 *
 * It holds the present state of each session and never a list of old commands: after an error, a lost answer
 * or a reconnect the server says what is now. At most one batch is under way, so all writes of a session go
 * in order. A beat without metadata does not allocate.
 *
 * Rules (contract sections 3, 4): a beat sooner than heartbeat_min after the last one written is kept and
 * goes when the window opens, or along with the close; a beat of a closed session goes nowhere; a session
 * that ended unheard is ended in the store. What an outage has gathered is said with the lives before the
 * ends, so that a phone that came back meanwhile was never offline. Pure: time is an argument (monotonic ms);
 * no I/O. The caller owns struct ledger; sessions are the ledger's from session_open until the store has
 * heard of their end. */
#ifndef PRESENCE_LEDGER_H
#define PRESENCE_LEDGER_H

#include "base/list.h"
#include "base/map.h"
#include "presence/session_op.h"

struct session {
    struct list all;      /* in ledger.all */
    struct list queue;    /* in ledger.dirty, ledger.ends or ledger.flight, or in none */
    struct session *next; /* of the same user */
    uint64_t number;      /* of the connection, unique in this process */
    int64_t opened_ms;    /* monotonic, as all times here */
    int64_t heard_ms;     /* last sign of life */
    int64_t written_ms;   /* heard_ms of the last beat that was handed out; 0: none */
    void *owner;          /* the connection; NULL once it has ended */
    char *metadata;       /* JSON of the newest beat, until it is handed out; NULL: none */
    char *saying;         /* that of the batch under way */
    const char *end_reason;
    uint8_t want; /* what to say: WANT_… */
    uint8_t said; /* what the batch under way says */
    uint8_t user_len, device_len;
    uint16_t groups_len;
    bool ended;
    bool disowned;
    bool asserting; /* counted in ledger.asserting */
    bool arriving;  /* set by the owner: ledger.entered is called once the store has its beginning */
    bool uttered;   /* its beginning was handed out once: it may stand in the store */
    char text[];    /* user, device, groups (JSON), one after the other */
};

struct ledger {
    struct list all, dirty, flight;
    struct list ends;   /* of an outage or a lost batch, or held: said behind all that is dirty */
    struct map by_user; /* first session of each user; the others hang on `next` */
    uint64_t last_number;
    size_t count;     /* living, or ended and not yet heard of */
    size_t asserting; /* sessions to be asserted after a loss, not confirmed yet */
    size_t disowned;  /* ends of sessions that stood in the store but not here, not confirmed */
    size_t urgent;    /* sessions in `dirty` or `ends` with more to say than a beat */
    bool connected;   /* set by the owner: whether Redis hears us. A life that begins and ends unheard is no
                         event */
    bool behind;      /* the last batch had no room for all: the next need not wait for more */
    bool grace;       /* ends are said as OP_GRACE (PRESENCE_OFFLINE_GRACE > 0) */
    bool hold_ends; /* set by the owner: ends stay in `ends`, while others may not have said yet who lives */
    /* The beginning of an arriving session stands in the store. Must not call the ledger. Set by the owner.
     */
    void (*entered)(void *arg, struct session *s);
    void *arg;
    int64_t ttl_ms, heartbeat_min_ms;
    char node[64];
    size_t node_len;
    /* Scratch of the batch under way. */
    char *names; /* "node/number" texts */
};

#define LEDGER_BATCH_MAX 256 /* operations; keeps Redis busy for 2 ms at most */

void ledger_init(struct ledger *l, const char *node, int64_t ttl_ms, int64_t heartbeat_min_ms, bool grace);
/* Frees all sessions. */
void ledger_finish(struct ledger *l);

struct session *session_open(struct ledger *l, struct span user, struct span device, struct span groups_json,
                             void *owner, int64_t now_ms);
/* Returns 0 when the beat is to be written now (with the next batch), else the time at which session_release
 * must be called. metadata: JSON or empty. */
int64_t session_beat(struct ledger *l, struct session *s, struct span metadata, int64_t now_ms);
/* The window has opened: the newest kept beat, if any, is written. */
void session_release(struct ledger *l, struct session *s);
/* The connection has ended: the peer closed, or was closed for `reason` (a constant string). alive: the end
 * itself was a sign of life (close frame, FIN). A kept beat goes along. The session forgets its owner. */
void session_end(struct ledger *l, struct session *s, const char *reason, bool alive, int64_t now_ms);
/* The connection was given up: nothing is said, the session keeps its deadline. A kept beat still goes. The
 * session forgets its owner. */
void session_abandon(struct ledger *l, struct session *s);
/* The server drains: the session lives at least the drain grace. */
void session_drain(struct ledger *l, struct session *s);

/* A session stands under this node's name in the store but is none of the ledger's: it is ended there. */
void ledger_disown(struct ledger *l, struct span user, uint64_t number, const char *reason);

/* First session of a user (others by ->next), NULL without. Ended ones may be among them (owner NULL). */
struct session *ledger_user(const struct ledger *l, struct span user);
struct session *ledger_find(const struct ledger *l, struct span user, uint64_t number);
struct span session_user(const struct session *s);
struct span session_device(const struct session *s);
/* JSON array of the claimed groups, or empty. */
struct span session_groups(const struct session *s);
/* Something to say beyond beats: send at once; else the next tick will do. */
bool ledger_urgent(const struct ledger *l);
bool ledger_dirty(const struct ledger *l);
bool ledger_in_flight(const struct ledger *l);

/* The next batch, oldest first: at most LEDGER_BATCH_MAX operations; times are turned into Redis's by adding
 * offset_ms. Spans are valid until the answer. 0 when there is nothing to say or a batch is under way.
 * drain_ms is the text of OP_DRAIN's grace. */
size_t ledger_take(struct ledger *l, int64_t offset_ms, struct span drain_ms,
                   struct session_op ops[LEDGER_BATCH_MAX]);
/* The batch arrived: outcomes in the order of the operations. `late` ones that live are said again. */
void ledger_answered(struct ledger *l, struct span outcomes, int64_t now_ms);
/* The answer was lost, or an error: what it said is to be said again, as it is by then. */
void ledger_lost(struct ledger *l);
/* Redis lost its memory: every session that lives is asserted with its true deadline. */
void ledger_assert_all(struct ledger *l, int64_t now_ms);
/* The same for the sessions of one user; nobody waits for these. */
void ledger_assert_user(struct ledger *l, struct span user, int64_t now_ms);

#endif
