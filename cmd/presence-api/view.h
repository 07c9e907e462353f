/* SPDX-License-Identifier: MIT */
/* What this process knows of the store, by the registration in presence:nodes each second and by the answers to
 * questions: whether what Redis says is the truth (recovery.h), what time it is there, and when it was swept
 * last. */
#ifndef PRESENCE_API_VIEW_H
#define PRESENCE_API_VIEW_H

#include "presence/recovery.h"
#include "presence/redis_time.h"
#include "presence/revocation.h"
#include "store/node_registry.h"

/* The Redis process that answered, against the one that made the record of the epoch. */
enum view_process { VIEW_PROCESS_SAME, VIEW_PROCESS_OTHER, VIEW_PROCESS_UNKNOWN };

struct view_report {
    bool linked; /* the registration's connection is up */
    bool heard;  /* Redis has answered on it since */
    bool recovering;
    int64_t redis_ms; /* now, by Redis's clock */
    int64_t online;   /* users; -1: not known */
    int64_t swept_ms; /* the last sweep; 0: never */
    int64_t held_ms;  /* expiries wait so long still */
    size_t expiryds;  /* alive */
    uint64_t epochs;  /* met after the first */
    char epoch[EPOCH_SIZE];
    char fault[400];     /* what the server that the registration has reached lacks; empty: nothing */
    bool fault_readable; /* it can be read all the same */
};

struct view {
    struct recovery recovery;
    struct redis_time time;
    struct issuer_lead issuer_lead;
    int64_t known_ms; /* monotonic, as all below: when an epoch was known first, 0: none yet */
    int64_t epoch_ms; /* when the present one was met */
    bool unsure;      /* the registration's connection was lost, and none was answered since */
    struct view_report report;
};

void view_init(struct view *v);
void view_finish(struct view *v);
/* The registration's connection came up or went down. */
void view_link(struct view *v, bool up);
/* What redis_trial_fault says; NULL: nothing. readable: answers are right in spite of it. */
void view_fault(struct view *v, const char *fault, bool readable);
/* An answer to the registration that was sent at sent_ms. */
void view_hear(struct view *v, const struct node_answer *answer, const struct redis_time *time,
               int64_t sent_ms, int64_t now_ms);
/* Whether an answer that was asked for at sent_ms, under this epoch (empty: there is none), is the truth. The
 * memory of another process is not this one's. Where the process is unknown and the registration's connection
 * was lost, the next registration must have been answered: it is what notices a loss of memory then. */
bool view_trusts(struct view *v, struct span epoch, enum view_process process, int64_t sent_ms,
                 int64_t now_ms);
/* Whether servers are waited for. */
bool view_recovering(struct view *v, int64_t now_ms);
/* Redis's time; the wall clock's while it is not known. */
int64_t view_redis_ms(struct view *v, int64_t now_ms);
/* A token was accepted: what it tells of its issuer's clock, a revocation must know. */
void view_saw_issuer(struct view *v, int64_t issued_s, int64_t now_ms);
/* How far ahead the issuers' clocks are. */
int64_t view_ahead_s(struct view *v, int64_t now_ms);
void view_read(struct view *v, int64_t now_ms, struct view_report *ret);

#endif
