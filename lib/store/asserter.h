/* The asserter: keeps the store's picture of this server's sessions true.
 *
 * It sends the ledger's batches, one at a time; says every second that this daemon lives; learns Redis's
 * clock; notices another epoch (Redis was wiped, rolled back, failed over) and then asserts every living
 * session, ends those that stand in the store under its name but live no more, and says when that is done. An
 * I/O-free machine: commands go out through a hook, answers come in through asserter_answer, time is an
 * argument (monotonic ms), so that the simulator can run it. */
#ifndef STORE_ASSERTER_H
#define STORE_ASSERTER_H

#include "presence/ledger.h"
#include "presence/redis_time.h"
#include "store/commands.h"

enum asserter_tag { ASSERTER_NODE, ASSERTER_BATCH, ASSERTER_AUDIT };
#define ASSERTER_TAGS 3

struct asserter;

struct asserter_hooks {
    /* Sends one command; its answer comes back to asserter_answer with the tag. -1: not connected. */
    int (*send)(void *arg, enum asserter_tag tag, struct span command);
    /* Every answer tells how things stand. `fresh_epoch`: another than in the answer before. */
    void (*state)(void *arg, const struct store_state *state, bool fresh_epoch);
    /* The daemons, each second. */
    void (*nodes)(void *arg, const struct node_answer *answer);
    /* This connection can't be used any more (fenced, a replica): bring it down. */
    void (*reset)(void *arg, const char *why);
    /* One outcome of an operation, for counters. */
    void (*outcome)(void *arg, char outcome);
};

struct asserter_config {
    const char *program, *address;
    int64_t ttl_ms, grace_ms, drain_ms;
    int64_t holdback_ms; /* after a silence of Redis, or in a new epoch, ends wait so long for others to say
                            who lives */
    int64_t answer_ms;   /* how long a batch may take until the link gives it up; 0: any time */
    int64_t gather_ms, beat_gather_ms; /* from one batch to the next: of comings and goings, of beats alone */
    bool sessions;                     /* false: only registers (presence-api, presence-expiryd) */
};

struct asserter {
    const struct asserter_hooks *hooks;
    void *arg;
    struct asserter_config config;
    struct store *store;
    struct ledger *ledger;
    struct redis_time *time;
    int64_t wall_minus_mono_ms; /* kept by the owner, for the offset that this daemon reports */
    bool connected;             /* the link is up */
    bool registered;            /* and this connection's registration was answered: batches may go */
    bool hurry;                 /* register more often: others wait for each other */
    bool text[ASSERTER_TAGS];   /* the script must go as text */
    bool waiting[ASSERTER_TAGS];
    int64_t sent_ms[ASSERTER_TAGS];
    int64_t node_ms;  /* when to register next */
    int64_t retry_ms; /* batches and audits rest until then, after an error answer */
    int64_t heard_ms; /* the last answer of use; 0: none yet */
    int64_t ends_ms;  /* ends wait until then */
    char epoch[EPOCH_MAX];
    char asserted[EPOCH_MAX];
    enum { AUDIT_NONE, AUDIT_DUE, AUDIT_RUNNING, AUDIT_ENDING } audit;
    char cursor[32];
    char drain_text[24];
    struct bytes command;
    struct session_op ops[LEDGER_BATCH_MAX];
    size_t op_count; /* of the batch under way */
};

void asserter_init(struct asserter *a, const struct asserter_config *config, struct store *store,
                   struct ledger *ledger, struct redis_time *time, const struct asserter_hooks *hooks,
                   void *arg);
void asserter_finish(struct asserter *a);
/* The link is up; run_id and generation are put into the store. */
void asserter_connected(struct asserter *a, const char *run_id, uint64_t generation, int64_t now_ms);
void asserter_disconnected(struct asserter *a);
/* Sends what the ledger has to say, if nothing is under way. */
void asserter_flush(struct asserter *a, int64_t now_ms);
/* Every 50 ms or so: registration, retries. */
void asserter_tick(struct asserter *a, int64_t now_ms);
void asserter_answer(struct asserter *a, enum asserter_tag tag, const struct redisReply *reply,
                     int64_t now_ms);
/* Asks how things stand, now. */
void asserter_probe(struct asserter *a, int64_t now_ms);
/* Goodbye of a daemon that ends: out of presence:nodes. */
void asserter_leave(struct asserter *a, int64_t now_ms);
/* Everything said and confirmed. */
bool asserter_idle(const struct asserter *a);

#endif
