/* SPDX-License-Identifier: MIT */
/* What phones did, as far as they can know: the measure for what dashboards are told (KEYS.md).
 *
 * Of any user and any moment it says whether the user was certainly online, possibly online, or neither. In
 * between lies what no phone can know: a message under way, a deadline a moment away, a beat that a crashed
 * server heard and had not written. Times are the server's, in milliseconds since 1970; who has another clock
 * converts. Pure: no I/O, no clock. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "base/list.h"
#include "base/map.h"
#include "presence/identity.h"

#define ORACLE_SIGNS 8

struct oracle_rules {
    int64_t ttl_ms;
    int64_t beat_min_ms;    /* PRESENCE_HEARTBEAT_MIN: so much may be heard and not yet written when a server
                               crashes */
    int64_t drain_grace_ms; /* PRESENCE_DRAIN_GRACE */
    int64_t delivery_ms;    /* a sign of life, or an end, is known to the server so long after it was sent */
    int64_t skew_ms;        /* so far may a server\'s reckoning of the store\'s clock be off */
};

/* 25 s, never more than 5/12 of TTL (PROTOCOL.md). */
int64_t oracle_beat_min_ms(int64_t ttl_ms);

struct oracle {
    struct oracle_rules rules;
    struct map users;
};

/* One connection of one phone. Owned by the oracle, which forgets it a while after its end: the caller keeps
 * the pointer only until oracle_left, oracle_lost, oracle_refused, oracle_drained or oracle_ended. */
struct oracle_session;

void oracle_init(struct oracle *t, const struct oracle_rules *rules);
void oracle_finish(struct oracle *t);

/* The phone began to connect. A session of the same user and device that is still open may be taken over by
 * it. */
struct oracle_session *oracle_connecting(struct oracle *t, struct span user, struct span device,
                                         int64_t now_ms);
/* The server answered 101. */
void oracle_opened(struct oracle_session *s, int64_t now_ms);
/* A beat left on a connection that works. */
void oracle_beat(struct oracle_session *s, int64_t now_ms);
/* The connection was refused, or there was none: no session ever was. */
void oracle_refused(struct oracle_session *s);
/* The phone ended it: close frame, FIN or RST. */
void oracle_left(struct oracle_session *s, int64_t now_ms);
/* It broke without a word of the server: the session keeps the deadline that was written. */
void oracle_lost(struct oracle_session *s, int64_t now_ms);
/* Closed by a server that drains (1001, 1012): the session keeps its deadline, or drain_grace_ms. */
void oracle_drained(struct oracle_session *s, int64_t now_ms);
/* Closed for a broken rule, an expired token, a kick. */
void oracle_ended(struct oracle_session *s, int64_t now_ms);
/* Somebody forced the user offline at at_ms; only later signs of life count. */
void oracle_forced(struct oracle *t, struct span user, int64_t at_ms);

/* A dashboard was told at revision `rev` that the user is online. */
void oracle_confirm(struct oracle *t, struct span user, uint64_t rev);
/* The highest such revision, 0 without. */
uint64_t oracle_confirmed_rev(const struct oracle *t, struct span user);

/* A user none of whose phones is known here is judged by nobody. */
bool oracle_knows(const struct oracle *t, struct span user);
/* An offline at at_ms would be false. */
bool oracle_certain(const struct oracle *t, struct span user, int64_t at_ms);
/* An online at at_ms need not be a ghost; late_ms: what is granted to detection and delivery. */
bool oracle_possible(const struct oracle *t, struct span user, int64_t at_ms, int64_t late_ms);

enum oracle_state { ORACLE_OFFLINE, ORACLE_ONLINE, ORACLE_UNDECIDED };
/* What every settled view shows at now_ms. */
enum oracle_state oracle_state(const struct oracle *t, struct span user, int64_t now_ms);
/* All users in arbitrary order: size_t at = 0; while (oracle_next(&t, &at, &user)) … */
bool oracle_next(const struct oracle *t, size_t *at, struct span *ret_user);

#endif
