/* SPDX-License-Identifier: MIT */
#include "presence/turns.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct span account_key(const void *object)
{
    const struct account *account = object;
    return (struct span){account->id, account->id_len};
}

void turns_init(struct turns *t)
{
    map_init(&t->accounts, account_key);
    list_init(&t->round);
    t->waiting = 0;
}

void turns_finish(struct turns *t)
{
    map_finish(&t->accounts);
}

static struct account *account_of(struct turns *t, struct span id)
{
    struct account *account = map_get(&t->accounts, id);
    if (account)
        return account;
    account = mem_zalloc(sizeof(*account) + id.len);
    list_init(&account->link);
    list_init(&account->waiting);
    list_init(&account->members);
    account->id_len = (uint8_t)id.len;
    memcpy(account->id, id.data, id.len);
    map_put(&t->accounts, account);
    return account;
}

void turns_join(struct turns *t, struct turn *turn, struct span account)
{
    turn->account = account_of(t, account);
    list_init(&turn->link);
    list_append(&turn->account->members, &turn->sibling);
}

void turns_leave(struct turns *t, struct turn *turn)
{
    struct account *account = turn->account;
    turns_cancel(t, turn);
    list_remove(&turn->sibling);
    if (!list_empty(&account->members))
        return;
    map_remove(&t->accounts, account_key(account));
    free(account);
}

bool turns_waits(const struct turn *turn)
{
    return list_linked(&turn->link);
}

void turns_wait(struct turns *t, struct turn *turn)
{
    if (turns_waits(turn))
        return;
    list_append(&turn->account->waiting, &turn->link);
    t->waiting++;
    if (!list_linked(&turn->account->link))
        list_append(&t->round, &turn->account->link);
}

void turns_cancel(struct turns *t, struct turn *turn)
{
    if (!turns_waits(turn))
        return;
    list_remove(&turn->link);
    t->waiting--;
    if (list_empty(&turn->account->waiting))
        list_remove(&turn->account->link);
}

struct turn *turns_next(struct turns *t)
{
    if (list_empty(&t->round))
        return NULL;
    struct account *account = list_entry(t->round.next, struct account, link);
    struct turn *turn = list_entry(account->waiting.next, struct turn, link);
    list_remove(&account->link);
    list_append(&t->round, &account->link);
    turns_cancel(t, turn);
    return turn;
}

struct list *turns_members(const struct turns *t, struct span account)
{
    struct account *found = map_get(&t->accounts, account);
    return found ? &found->members : NULL;
}
