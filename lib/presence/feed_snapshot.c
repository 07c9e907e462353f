/* Snapshots of the roster: made, shared, handed out piece by piece, freed. */
#include "presence/feed_inner.h"

#include "base/mem.h"

#include <stdlib.h>

#define COSTLY_USERS 20000 /* a snapshot of more */
#define COSTLY_MS    250   /* is shared so long though changes have come */
#define IDLE_MS      5000

void snapshot_release(struct snapshot *s)
{
    if (!s || --s->holders > 0)
        return;
    bytes_finish(&s->tail);
    free(s);
}

void snapshot_unshare(struct feed *f, int encoding)
{
    snapshot_release(f->shared[encoding]);
    f->shared[encoding] = NULL;
}

static struct roster_user **users_seen(const struct roster *r, const struct interest *in, size_t *ret_count)
{
    struct roster_user *u, **seen = mem_array(r->online + 1, sizeof(struct roster_user *));
    size_t at = 0, count = 0;
    while ((u = roster_next(r, &at)))
        if (!in || interest_sees(in, roster_user_id(u), roster_user_groups(u)))
            seen[count++] = u;
    *ret_count = count;
    return seen;
}

struct snapshot *snapshot_build(struct feed *f, const struct roster *r, int encoding,
                                const struct interest *in, int64_t now_ms)
{
    struct snapshot *s = mem_zalloc(sizeof(*s));
    size_t count;
    struct roster_user **seen = users_seen(r, in, &count);
    s->holders = 1;
    s->seq = f->head;
    s->rev = r->rev;
    f->codec->snapshot_begin(encoding, count, now_ms, r->rev, span_of(r->epoch), &s->tail);
    for (size_t i = 0; i < count; i++)
        f->codec->snapshot_user(encoding, roster_user_id(seen[i]), true, seen[i]->last_seen_ms,
                                roster_user_device(seen[i]), i == 0, &s->tail);
    f->codec->snapshot_end(encoding, count, &s->tail);
    free(seen);
    return s;
}

/* The whole roster's snapshot is shared while it is true, and, when it is costly to make, a little longer:
 * changes since then follow it anyway. */
static bool sharable(const struct feed *f, const struct roster *r, int encoding, int64_t mono_ms)
{
    const struct snapshot *s = f->shared[encoding];
    bool servable = s && s->seq >= feed_oldest(f, encoding);
    return servable && (s->seq == f->head || (r->online > COSTLY_USERS && mono_ms - s->built_ms < COSTLY_MS));
}

struct snapshot *snapshot_shared(struct feed *f, const struct roster *r, int encoding, int64_t now_ms,
                                 int64_t mono_ms)
{
    if (!sharable(f, r, encoding, mono_ms)) {
        snapshot_unshare(f, encoding);
        f->shared[encoding] = snapshot_build(f, r, encoding, NULL, now_ms);
        f->shared[encoding]->built_ms = mono_ms;
    }
    f->shared[encoding]->shared_ms = mono_ms;
    f->shared[encoding]->holders++;
    return f->shared[encoding];
}

void feed_tidy(struct feed *f, const struct roster *r, int64_t mono_ms)
{
    snapshot_release(f->retired);
    f->retired = NULL;
    for (int i = 0; i < FEED_ENCODINGS; i++) {
        const struct snapshot *s = f->shared[i];
        bool idle =
            s && s->holders == 1 && (!sharable(f, r, i, mono_ms) || mono_ms - s->shared_ms >= IDLE_MS);
        if (idle)
            snapshot_unshare(f, i);
    }
}

void snapshot_next(struct viewer *v, struct feed *f, struct feed_piece *ret)
{
    struct snapshot *s = v->snapshot;
    size_t left = s->tail.len - v->snapshot_at, size = left < FEED_PIECE_MAX ? left : FEED_PIECE_MAX;
    bool first = v->snapshot_head.len > 0;
    *ret = (struct feed_piece){.fragment = true, .first_byte = first ? f->codec->opcode[v->encoding] : 0};
    if (first) {
        bytes_reset(&f->scratch);
        bytes_append_span(&f->scratch, bytes_span(&v->snapshot_head));
        bytes_finish(&v->snapshot_head);
        ret->parts[ret->count++] = bytes_span(&f->scratch);
    }
    ret->parts[ret->count++] = (struct span){s->tail.data + v->snapshot_at, size};
    v->snapshot_at += size;
    if (size < left)
        return;
    ret->first_byte |= 0x80;
    f->retired = s;
    v->snapshot = NULL;
    v->snapshot_at = 0;
}
