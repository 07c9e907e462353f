/* What this process knows of the store, shared by the main thread, which registers in presence:nodes each
 * second, and the threads that answer: whether what Redis says is the truth (recovery.h), what time it is
 * there, and when it was swept last. */
#ifndef PRESENCE_API_VIEW_H
#define PRESENCE_API_VIEW_H

#include "presence/recovery.h"
#include "presence/redis_time.h"
#include "store/commands.h"

#include <pthread.h>

struct view_report {
    bool linked; /* the main thread's connection is up */
    bool heard;  /* Redis has answered on it since */
    bool recovering;
    int64_t redis_ms; /* now, by Redis's clock */
    int64_t online;   /* users; -1: not known */
    int64_t swept_ms; /* the last sweep; 0: never */
    int64_t held_ms;  /* expiries wait so long still */
    size_t expiryds;  /* alive */
    uint64_t epochs;  /* met after the first */
    char epoch[EPOCH_MAX];
};

struct view {
    pthread_mutex_t lock;
    struct recovery recovery;
    struct redis_time time;
    int64_t known_ms; /* monotonic, as all below: when an epoch was known first, 0: none yet */
    int64_t epoch_ms; /* when the present one was met */
    struct view_report report;
};

void view_init(struct view *v);
void view_finish(struct view *v);
/* The main thread's connection came up or went down. */
void view_link(struct view *v, bool up);
/* An answer to the registration that was sent at sent_ms. */
void view_hear(struct view *v, const struct node_answer *answer, const struct redis_time *time,
               int64_t sent_ms, int64_t now_ms);
/* Whether an answer that was asked for at sent_ms, under this epoch (empty: there is none), is the truth. */
bool view_trusts(struct view *v, struct span epoch, int64_t sent_ms, int64_t now_ms);
/* Whether servers are waited for. */
bool view_recovering(struct view *v, int64_t now_ms);
/* Redis's time; the wall clock's while it is not known. */
int64_t view_redis_ms(struct view *v, int64_t now_ms);
void view_read(struct view *v, int64_t now_ms, struct view_report *ret);

#endif
