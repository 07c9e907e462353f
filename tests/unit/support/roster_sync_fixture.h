/* SPDX-License-Identifier: MIT */
/* A roster sync that is told stories (story.h), and what it says to them.
 *
 * Verbs: want, con, lost, sub, unsub, @2000 (ticks until then), refuse and take (the link), hold=x, and what comes
 * in: load=X,5,0,a1  load!ERR  log=X,8+a  log!ERR  set=a,b  set!ERR  node=X,9,n=X  pub=X,8+a  hand={…}
 * groups=a,x:y (groups=6@a,x of that revision).
 *
 * Said: commands (load:0, load:5, log:8, set:x), and to its owner (+a7 -a7 a change, with claims +a7(x,), r7
 * restarted, ! ready, ~a(x>y) and ~x:a regrouped, ctl). */
#ifndef TEST_SUPPORT_ROSTER_SYNC_FIXTURE_H
#define TEST_SUPPORT_ROSTER_SYNC_FIXTURE_H

#include "story.h"

#include "store/node_registry.h"
#include "store/roster_sync.h"

struct roster_sync_fixture {
    struct roster_sync roster_sync;
    struct recovery recovery;
    struct store store;
    struct redis_time time;
    struct story story;
    int64_t now_ms;
    bool refuses; /* the link takes nothing */
};

/* `name`: of the story. */
void roster_sync_fixture_setup(struct roster_sync_fixture *x, const char *name);
void roster_sync_fixture_teardown(struct roster_sync_fixture *x);

/* An answer as bytes, to one that is no word of a story. */
void roster_sync_fixture_answer(struct roster_sync_fixture *x, struct store_request *request,
                                const struct bytes *text);

/* A roster that is loaded, at revision 5 of epoch X, and what is said until then. */
#define READY "con sub want load=X,5,0,a1,b2 "
#define SAID  "load:0 r5 ! "

#endif
