/* SPDX-License-Identifier: MIT */
/* The invariants of a run: what the store publishes, what servers believe, what viewers are told.
 *
 * In the store, always: revisions are consecutive within an epoch, and none comes twice in all epochs; each
 * a new epoch begins only when Redis has lost data, at most EPOCHS_EACH for each time; each
 * user's states alternate; nobody goes offline while a session stands that was written with a deadline to
 * come, and that was not ended by its server or taken over; no session beats after its end. A session whose
 * connection was cut without a close frame stands for the abort grace, whatever its server says, and one whose
 * router was lost until its deadline.
 *
 * Where some daemons may not ask INFO, the first transition after a loss may repeat revisions within an
 * epoch: a daemon that has just started can't know what Redis has forgotten, until one that does connects
 * again.
 *
 * False offline, always: nobody goes offline while a server that the store can hear believes a session alive
 * whose last sign is younger than the TTL. Not judged, since the store can't know it: signs of the last
 * INVARIANTS_FRESH_US, and invariants.answer_us more of a session that is not stored: the batch that opens it is on its
 * way, and the end of the user's connection to another server may be executed first; servers that were cut
 * off, paused or slowed by themselves within the last invariants.grace_us (what Redis does to all of them is no
 * excuse); anything with hold-back off.
 *
 * Views, always (presence/view checker.h): online and offline alternate, revisions grow, nothing is told twice,
 * nothing before a snapshot.
 *
 * Of another writer (stranger.h): what it put under a key of another type stands there byte for byte; a
 * counter that it wrote is a loss of data, and nothing else of it begins an epoch. Users whose keys it holds
 * are judged no further. Where nobody leaves (crowd.h), nobody is said to be offline, in the store or to a
 * viewer.
 *
 * After a calm of INVARIANTS_CALM_US behind the last TTL, when everybody stands still: the store holds exactly the
 * users whose phones live; every view equals the store; the compatibility copies are right; nothing is left to
 * say, and no server loads its roster again. Excepted are users whose sessions were evicted and whose key was
 * adopted until its TTL (KEYS.md). */
#ifndef SIMULATION_JUDGE_H
#define SIMULATION_JUDGE_H

#include "daemons.h"
#include "presence-sim/view_checker.h"

#define INVARIANTS_FRESH_US 1500000
#define EPOCHS_EACH                                                                                          \
    2 /* a daemon that may ask INFO can notice the process behind one that noticed the loss                  \
       */
#define INVARIANTS_CALM_US                                                                                   \
    25000000 /* recovery takes 10 s at most, hold-back and the next reading of a set the rest */

struct invariants {
    int64_t ttl_us, grace_us, answer_us, abort_grace_us;
    bool holdback;
    uint64_t transitions, epochs, told;
    uint64_t losses;    /* of data, by Redis itself */
    bool info_denied;   /* some daemons may not ask INFO */
    bool deaf;          /* what is published now is none of the store's */
    bool nobody_leaves; /* all phones live: any offline is wrong */
    /* Of another writer, NULL without one: whether it holds a key of the user's; Redis has lost data by itself. */
    bool (*holds_key)(struct span user);
    void (*data_changed)(void);
};

extern struct invariants invariants;

void invariants_begin(const struct simulated_settings *s);
void invariants_end(void);
/* Redis lost or changed its data by itself: what stands there now is where the checks go on from. */
void invariants_data_changed(void);
/* Redis's clock is set: the deadlines that were written say nothing until they are written anew. */
void invariants_clock_steps(void);
/* The server hears that the connection of that session has ended without a close frame. */
void invariants_cut(const char *session);
/* The router behind that session's connection is lost, or says that it goes: it stands until its deadline. */
void invariants_kept(const char *session);
/* Whether the store shows the user online. */
bool invariants_stored(struct span user);
size_t invariants_stored_count(void);
/* size_t at = 0; while (invariants_next(&at, &user)) …: who is online in the store. */
bool invariants_next(size_t *at, struct span *ret_user);
/* Right for one user who is online: the copies for other readers. */
void invariants_copies(struct span user);

#endif
