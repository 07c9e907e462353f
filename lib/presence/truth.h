/* What phones did, as far as they can know: the measure for what dashboards are told (contract section 4).
 *
 * Of any user and any moment it says whether the user was certainly online, possibly online, or neither. In
 * between lies what no phone can know: a message under way, a deadline a moment away, a beat that a crashed
 * server heard and had not written. Times are the server's, in milliseconds since 1970; who has another clock
 * converts. Pure: no I/O, no clock. */
#ifndef PRESENCE_TRUTH_H
#define PRESENCE_TRUTH_H

#include "base/list.h"
#include "base/map.h"
#include "presence/identity.h"

#define TRUTH_SIGNS 8

struct truth_rules {
    int64_t ttl_ms;
    int64_t beat_min_ms;    /* PRESENCE_HEARTBEAT_MIN: so much may be heard and not yet written when a server
                               crashes */
    int64_t drain_grace_ms; /* PRESENCE_DRAIN_GRACE */
    int64_t delivery_ms;    /* a sign of life, or an end, is known to the server so long after it was sent */
    int64_t skew_ms;        /* so far may a server\'s reckoning of the store\'s clock be off */
};

/* 25 s, never more than 5/12 of TTL (contract section 3). */
int64_t truth_beat_min_ms(int64_t ttl_ms);

struct truth {
    struct truth_rules rules;
    struct map users;
};

/* One connection of one phone. Owned by the truth, which forgets it a while after its end: the caller keeps
 * the pointer only until truth_left, truth_lost, truth_refused, truth_drained or truth_ended. */
struct truth_session;

void truth_init(struct truth *t, const struct truth_rules *rules);
void truth_finish(struct truth *t);

/* The phone began to connect. A session of the same user and device that is still open may be taken over by
 * it. */
struct truth_session *truth_connecting(struct truth *t, struct span user, struct span device, int64_t now_ms);
/* The server answered 101. */
void truth_opened(struct truth_session *s, int64_t now_ms);
/* A beat left on a connection that works. */
void truth_beat(struct truth_session *s, int64_t now_ms);
/* The connection was refused, or there was none: no session ever was. */
void truth_refused(struct truth_session *s);
/* The phone ended it: close frame, FIN or RST. */
void truth_left(struct truth_session *s, int64_t now_ms);
/* It broke without a word of the server: the session keeps the deadline that was written. */
void truth_lost(struct truth_session *s, int64_t now_ms);
/* Closed by a server that drains (1001, 1012): the session keeps its deadline, or drain_grace_ms. */
void truth_drained(struct truth_session *s, int64_t now_ms);
/* Closed for a broken rule, an expired token, a kick. */
void truth_ended(struct truth_session *s, int64_t now_ms);
/* Somebody forced the user offline at at_ms; only later signs of life count. */
void truth_forced(struct truth *t, struct span user, int64_t at_ms);

/* A dashboard was told at revision `rev` that the user is online. */
void truth_confirm(struct truth *t, struct span user, uint64_t rev);
/* The highest such revision, 0 without. */
uint64_t truth_confirmed_rev(const struct truth *t, struct span user);

/* A user none of whose phones is known here is judged by nobody. */
bool truth_knows(const struct truth *t, struct span user);
/* An offline at at_ms would be false. */
bool truth_certain(const struct truth *t, struct span user, int64_t at_ms);
/* An online at at_ms need not be a ghost; late_ms: what is granted to detection and delivery. */
bool truth_possible(const struct truth *t, struct span user, int64_t at_ms, int64_t late_ms);

enum truth_state { TRUTH_OFFLINE, TRUTH_ONLINE, TRUTH_UNDECIDED };
/* What every settled view shows at now_ms. */
enum truth_state truth_state(const struct truth *t, struct span user, int64_t now_ms);
/* All users in arbitrary order: size_t at = 0; while (truth_next(&t, &at, &user)) … */
bool truth_next(const struct truth *t, size_t *at, struct span *ret_user);

#endif
