/* SPDX-License-Identifier: MIT */
/* Turns: who is served next, when there is more to do than one turn of the loop allows.
 *
 * Accounts take turns, and within an account whoever waits longest: what many connections of one account ask
 * for delays another account by one service each round. Waiting twice is waiting once. Pure. */
#ifndef PRESENCE_TURNS_H
#define PRESENCE_TURNS_H

#include "base/list.h"
#include "base/map.h"

#include <stdbool.h>

struct account;

/* Stands inside what is to be served. */
struct turn {
    struct list link; /* in account.waiting */
    struct list sibling;
    struct account *account;
};

struct account {
    struct list link;    /* in turns.round, while somebody of it waits */
    struct list waiting; /* struct turn, by link */
    struct list members; /* struct turn, by sibling */
    uint8_t id_len;
    char id[];
};

struct turns {
    struct map accounts;
    struct list round;
    size_t waiting;
};

void turns_init(struct turns *t);
/* After all have left. */
void turns_finish(struct turns *t);
void turns_join(struct turns *t, struct turn *turn, struct span account);
void turns_leave(struct turns *t, struct turn *turn);
void turns_wait(struct turns *t, struct turn *turn);
bool turns_waits(const struct turn *turn);
/* The next one, who waits no more; NULL: nobody waits. */
struct turn *turns_next(struct turns *t);
/* Who waits no more without being served. */
void turns_cancel(struct turns *t, struct turn *turn);
/* All who joined under that account (struct turn, by sibling); NULL: nobody. */
struct list *turns_members(const struct turns *t, struct span account);

#endif
