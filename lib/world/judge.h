/* The judge of a play: what the store publishes, what servers believe, what viewers are told.
 *
 * In the store, always: revisions are consecutive within an epoch, and none comes twice in all epochs; each
 * user's states alternate; nobody goes offline while a session stands that was written with a deadline to
 * come, and that was not ended by its server or taken over; no session beats after its end.
 *
 * False offline, always: nobody goes offline while a server that the store can hear believes a session alive
 * whose last sign is younger than the TTL. Not judged, since the store can't know it: signs of the last
 * JUDGE_FRESH_US, and judge.answer_us more of a session that is not stored: the batch that opens it is on its
 * way, and the end of the user's connection to another server may be executed first; servers that were cut
 * off, paused or slowed by themselves within the last judge.grace_us (what Redis does to all of them is no
 * excuse); anything with hold-back off.
 *
 * Views, always (presence/witness.h): online and offline alternate, revisions grow, nothing is told twice,
 * nothing before a snapshot.
 *
 * After a calm of JUDGE_CALM_US behind the last TTL, when everybody stands still: the store holds exactly the
 * users whose phones live; every view equals the store; the courtesy copies are right; nothing is left to
 * say. Excepted are users whose sessions were evicted and whose key was adopted until its TTL (contract
 * section 4). */
#ifndef WORLD_JUDGE_H
#define WORLD_JUDGE_H

#include "presence/witness.h"
#include "world/daemons.h"

#define JUDGE_FRESH_US 1500000
#define JUDGE_CALM_US                                                                                        \
    25000000 /* recovery takes 10 s at most, hold-back and the next reading of a set the rest */

struct judge {
    bool failed;
    char verdict[400]; /* of the first violation */
    int64_t ttl_us, grace_us, answer_us;
    bool holdback;
    uint64_t transitions, epochs, told;
};

extern struct judge judge;

void judge_begin(int64_t ttl_ms, int64_t holdback_ms, int64_t redis_timeout_ms);
void judge_end(void);
void judge_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Redis lost or changed its data by itself: what stands there now is where the judge goes on from. */
void judge_data_changed(void);
/* Redis's clock is set: the deadlines that were written say nothing until they are written anew. */
void judge_clock_steps(void);
/* Whether the store shows the user online. */
bool judge_stored(struct span user);
size_t judge_stored_count(void);
/* size_t at = 0; while (judge_next(&at, &user)) …: who is online in the store. */
bool judge_next(size_t *at, struct span *ret_user);
/* Right for one user who is online: the copies for other readers. */
void judge_copies(struct span user);

/* play.c: calls `look` for each session that a server believes alive, if the store should hear that server.
 */
void play_each_believed(void (*look)(void *arg, const struct believed *b), void *arg);

#endif
