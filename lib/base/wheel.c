/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#define LEVEL_BITS 6
#define SPAN_BITS  (LEVEL_BITS * WHEEL_LEVELS)
#define PARKED     WHEEL_LEVELS

/* A timer's place is where its time first differs from the wheel's: on the level of the highest differing
 * bit, in the slot of its digit there. That place stays right while the wheel turns, until its slot's time
 * comes; then what is in it is placed anew. So on each level only slots ahead are taken, and the lowest slot
 * of the lowest taken level is the next. */
struct place {
    unsigned level, slot;
};

static struct place place_of(const struct wheel *w, int64_t due_ms)
{
    uint64_t due = (uint64_t)(due_ms > w->now_ms ? due_ms : w->now_ms);
    uint64_t differs = due ^ (uint64_t)w->now_ms;
    struct place p = {0};

    if (differs >> SPAN_BITS)
        return (struct place){PARKED, 0};
    if (differs)
        p.level = (unsigned)(63 - __builtin_clzll(differs)) / LEVEL_BITS;
    p.slot = (unsigned)(due >> (p.level * LEVEL_BITS)) & (WHEEL_SLOTS - 1);
    return p;
}

static struct list *list_at(struct wheel *w, struct place p)
{
    return p.level == PARKED ? &w->parked : &w->slots[p.level][p.slot];
}

static void note_occupied(struct wheel *w, struct place p)
{
    uint64_t bit = 1ull << p.slot;
    if (p.level == PARKED)
        return;
    if (list_empty(list_at(w, p)))
        w->occupied[p.level] &= ~bit;
    else
        w->occupied[p.level] |= bit;
}

static void insert(struct wheel *w, struct wheel_timer *t)
{
    struct place p = place_of(w, t->due_ms);
    list_append(list_at(w, p), &t->link);
    note_occupied(w, p);
}

/* The next place to look at and its time. */
static int64_t next_place(const struct wheel *w, struct place *ret)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level * LEVEL_BITS;
        uint64_t above = ~0ull << (shift + LEVEL_BITS);

        if (!w->occupied[level])
            continue;
        *ret = (struct place){level, (unsigned)__builtin_ctzll(w->occupied[level])};
        return (int64_t)(((uint64_t)w->now_ms & above) | (uint64_t)ret->slot << shift);
    }
    *ret = (struct place){PARKED, 0};
    if (list_empty(&w->parked))
        return INT64_MAX;
    return ((w->now_ms >> SPAN_BITS) + 1) << SPAN_BITS;
}

/* Empties one place: what is due goes to the end of `due`, the rest closer by. */
static void spread(struct wheel *w, struct place p, struct list *due)
{
    struct list batch;
    list_init(&batch);
    list_take(&batch, list_at(w, p));
    note_occupied(w, p);
    while (!list_empty(&batch)) {
        struct wheel_timer *t = list_entry(batch.next, struct wheel_timer, link);

        list_remove(&t->link);
        if (t->due_ms <= w->now_ms)
            list_append(due, &t->link);
        else
            insert(w, t);
    }
}

void wheel_init(struct wheel *w, int64_t now_ms)
{
    *w = (struct wheel){.now_ms = now_ms};
    list_init(&w->parked);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
}

void wheel_timer_init(struct wheel_timer *t, void (*fire)(struct wheel_timer *timer, int64_t now_ms))
{
    *t = (struct wheel_timer){.fire = fire};
    list_init(&t->link);
}

void wheel_start(struct wheel *w, struct wheel_timer *t, int64_t due_ms)
{
    wheel_stop(w, t);
    t->due_ms = due_ms;
    insert(w, t);
    w->count++;
    if (w->sooner && due_ms < w->planned_ms)
        w->sooner(w->arg);
}

void wheel_stop(struct wheel *w, struct wheel_timer *t)
{
    if (!list_linked(&t->link))
        return;
    list_remove(&t->link);
    note_occupied(w, place_of(w, t->due_ms));
    w->count--;
}

/* All that is due is taken out before the first function runs: what those start anew waits for the next
 * advance, so none can keep the wheel busy for ever. */
void wheel_advance(struct wheel *w, int64_t now_ms)
{
    struct list due;
    struct place p;
    int64_t at;
    list_init(&due);
    now_ms = now_ms > w->now_ms ? now_ms : w->now_ms;
    while ((at = next_place(w, &p)) <= now_ms && at != INT64_MAX) {
        w->now_ms = at > w->now_ms ? at : w->now_ms;
        spread(w, p, &due);
    }
    w->now_ms = now_ms;
    while (!list_empty(&due)) {
        struct wheel_timer *t = list_entry(due.next, struct wheel_timer, link);

        list_remove(&t->link);
        w->count--;
        t->fire(t, w->now_ms);
    }
}

int64_t wheel_next_ms(const struct wheel *w)
{
    struct place p;
    int64_t at = next_place(w, &p);
    return at > w->now_ms ? at : w->now_ms;
}
