#include "presence/feed_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct feed_entry *entry_at(const struct feed *f, uint64_t seq)
{
    return &f->entries[seq & (f->capacity - 1)];
}

void feed_init(struct feed *f, const struct feed_codec *codec, size_t entries, size_t lane_bytes)
{
    memset(f, 0, sizeof(*f));
    f->codec = codec;
    f->capacity = 64;
    while (f->capacity < entries)
        f->capacity *= 2;
    f->entries = mem_array(f->capacity, sizeof(*f->entries));
    f->lane_size = lane_bytes > FEED_LANE_MIN ? lane_bytes : FEED_LANE_MIN;
}

static void evict(struct feed *f)
{
    struct feed_entry *e = entry_at(f, f->tail);
    if (f->tail++ >= f->restarted && e->change.rev > f->evicted_rev)
        f->evicted_rev = e->change.rev;
    free(e->text);
    e->text = NULL;
}

void feed_finish(struct feed *f)
{
    while (f->tail < f->head)
        evict(f);
    for (int i = 0; i < FEED_ENCODINGS; i++) {
        free(f->lanes[i].ring);
        snapshot_release(f->shared[i]);
        bytes_finish(&f->batch[i].frame);
    }
    snapshot_release(f->retired);
    bytes_finish(&f->scratch);
    free(f->entries);
}

void feed_restart(struct feed *f, uint64_t rev)
{
    f->evicted_rev = rev;
    f->restarted = f->head;
    for (int i = 0; i < FEED_ENCODINGS; i++)
        snapshot_unshare(f, i);
}

/* From outside, like all texts of a change, but of no known length. */
static struct span bounded(struct span text)
{
    return text.len <= FEED_TEXT_MAX ? text : SPAN_NONE;
}

static struct span own(char **to, struct span text)
{
    struct span mine = {*to, text.len};
    if (text.len > 0)
        memcpy(*to, text.data, text.len);
    *to += text.len;
    return mine;
}

static void entry_fill(struct feed_entry *e, const struct change *c, struct span claims,
                       const struct viewer *only)
{
    struct span reason = bounded(c->reason), node = bounded(c->node);
    char *to = e->text = mem_alloc(c->user.len + c->device.len + reason.len + node.len + claims.len + 1);
    e->change = *c;
    e->change.user = own(&to, c->user);
    e->change.device = own(&to, c->device);
    e->change.reason = own(&to, reason);
    e->change.node = own(&to, node);
    e->claims = own(&to, claims);
    e->change.groups = NULL;
    e->change.group_count = 0;
    e->only = only;
}

/* Where a frame of `size` bytes goes: a frame never stands in two parts. */
static uint64_t lane_place(const struct feed *f, const struct feed_lane *lane, size_t size)
{
    uint64_t left = f->lane_size - lane->head % f->lane_size;
    return left < size ? lane->head + left : lane->head;
}

static void encode(struct feed *f, int encoding, struct feed_entry *e)
{
    struct feed_lane *lane = &f->lanes[encoding];
    e->size[encoding] = 0;
    if (!lane->ring)
        return;
    bytes_reset(&f->scratch);
    f->codec->update(encoding, &e->change, &f->scratch);
    uint64_t at = lane_place(f, lane, f->scratch.len), end = at + f->scratch.len;
    /* The new bytes take the place of the oldest that is left. */
    if (lane->first < f->tail)
        lane->first = f->tail;
    while (lane->first < f->head && entry_at(f, lane->first)->at[encoding] + f->lane_size < end)
        lane->first++;
    memcpy(lane->ring + at % f->lane_size, f->scratch.data, f->scratch.len);
    e->at[encoding] = at;
    e->size[encoding] = (uint32_t)f->scratch.len;
    lane->head = end;
}

void feed_put(struct feed *f, const struct change *change, struct span claims, struct viewer *only)
{
    if (f->head - f->tail == f->capacity)
        evict(f);
    struct feed_entry *e = entry_at(f, f->head);
    entry_fill(e, change, claims, only);
    for (int i = 0; i < FEED_ENCODINGS; i++)
        encode(f, i, e);
    f->head++;
    if (only)
        only->addressed = true;
}

uint64_t feed_oldest(const struct feed *f, int encoding)
{
    uint64_t first = f->lanes[encoding].first;
    return first > f->tail ? first : f->tail;
}

static void lane_open(struct feed *f, int encoding)
{
    struct feed_lane *lane = &f->lanes[encoding];
    if (lane->ring)
        return;
    lane->ring = mem_alloc(f->lane_size);
    lane->first = f->head;
}

void viewer_finish(struct viewer *v)
{
    snapshot_release(v->snapshot);
    v->snapshot = NULL;
    bytes_finish(&v->snapshot_head);
}

void viewer_begin(struct viewer *v, struct feed *f, const struct roster *r, struct span id, int64_t now_ms,
                  int64_t mono_ms)
{
    viewer_finish(v);
    feed_forget(f, v);
    lane_open(f, v->encoding);
    v->everyone = interest_is_everyone(v->interest);
    v->snapshot = v->everyone ? snapshot_shared(f, r, v->encoding, now_ms, mono_ms)
                              : snapshot_build(f, r, v->encoding, v->interest, now_ms);
    v->snapshot_at = 0;
    v->cursor = v->snapshot->seq;
    f->codec->snapshot_head(v->encoding, id, &v->snapshot_head);
}

/* The first entry beyond that revision; those published by hand have none. */
static uint64_t first_after(const struct feed *f, uint64_t rev)
{
    uint64_t first = f->head, from = f->restarted > f->tail ? f->restarted : f->tail;
    for (uint64_t seq = f->head; seq > from; seq--) {
        uint64_t at = entry_at(f, seq - 1)->change.rev;
        if (at > rev)
            first = seq - 1;
        else if (at > 0)
            break;
    }
    return first;
}

int viewer_resume(struct viewer *v, struct feed *f, const struct roster *r, struct span epoch, uint64_t rev)
{
    if (interest_by_group(v->interest) || epoch.len == 0 || !span_equal(epoch, span_of(r->epoch)) ||
        rev > r->rev || rev < f->evicted_rev)
        return -1;
    uint64_t seq = first_after(f, rev);
    if (seq < f->head && (!f->lanes[v->encoding].ring || seq < feed_oldest(f, v->encoding)))
        return -1;
    viewer_finish(v);
    feed_forget(f, v);
    lane_open(f, v->encoding);
    v->everyone = interest_is_everyone(v->interest);
    v->cursor = seq;
    return 0;
}

bool viewer_pending_about(const struct viewer *v, const struct feed *f, struct span user)
{
    for (uint64_t seq = v->cursor > f->tail ? v->cursor : f->tail; seq < f->head; seq++)
        if (span_equal(entry_at(f, seq)->change.user, user))
            return true;
    return false;
}

void feed_forget(struct feed *f, struct viewer *v)
{
    static const struct viewer nobody;
    for (uint64_t seq = f->tail; v->addressed && seq < f->head; seq++)
        if (entry_at(f, seq)->only == v)
            entry_at(f, seq)->only = &nobody;
    v->addressed = false;
}

bool viewer_in_message(const struct viewer *v)
{
    return v->snapshot && v->snapshot_head.len == 0;
}

static bool concerns(const struct viewer *v, const struct feed_entry *e)
{
    if (e->only)
        return e->only == v;
    return v->everyone || interest_sees(v->interest, e->change.user, e->claims);
}

static struct span frame_of(const struct feed *f, const struct feed_entry *e, int encoding)
{
    return (struct span){f->lanes[encoding].ring + e->at[encoding] % f->lane_size, e->size[encoding]};
}

/* A run of neighbouring frames for a viewer who sees everyone: no copy. */
static struct span next_run(struct viewer *v, struct feed *f)
{
    struct span run = SPAN_NONE;
    for (; v->cursor < f->head; v->cursor++) {
        const struct feed_entry *e = entry_at(f, v->cursor);
        if (!concerns(v, e)) {
            if (run.len > 0)
                break;
            continue;
        }
        struct span frame = frame_of(f, e, v->encoding);
        if (run.len == 0)
            run = frame;
        else if (run.data + run.len == frame.data && run.len + frame.len <= FEED_PIECE_MAX)
            run.len += frame.len;
        else
            break;
    }
    return run;
}

static struct span next_selection(struct viewer *v, struct feed *f)
{
    bytes_reset(&f->scratch);
    for (; v->cursor < f->head && f->scratch.len < FEED_PIECE_MAX; v->cursor++) {
        const struct feed_entry *e = entry_at(f, v->cursor);
        if (concerns(v, e))
            bytes_append_span(&f->scratch, frame_of(f, e, v->encoding));
    }
    return bytes_span(&f->scratch);
}

/* What a window came to for one user. */
struct net {
    const struct change *last;
    size_t changes;
    bool by_hand; /* such changes need not alternate: the last one is told */
};

static struct span net_key(const void *object)
{
    return ((const struct net *)object)->last->user;
}

static size_t gather_nets(const struct viewer *v, const struct feed *f, uint64_t to, struct net *nets)
{
    struct map by_user;
    size_t count = 0;
    map_init(&by_user, net_key);
    for (uint64_t seq = v->cursor; seq < to; seq++) {
        const struct feed_entry *e = entry_at(f, seq);
        if (!concerns(v, e))
            continue;
        struct net *net = map_get(&by_user, e->change.user);
        if (!net) {
            net = &nets[count++];
            *net = (struct net){.last = &e->change};
            map_put(&by_user, net);
        }
        net->last = &e->change;
        net->changes++;
        net->by_hand |= e->change.rev == 0;
    }
    map_finish(&by_user);
    return count;
}

static uint64_t last_rev(const struct feed *f, uint64_t from, uint64_t to)
{
    uint64_t rev = 0;
    for (; from < to; from++)
        if (entry_at(f, from)->change.rev > rev)
            rev = entry_at(f, from)->change.rev;
    return rev;
}

static void write_batch(const struct viewer *v, struct feed *f, uint64_t to, struct bytes *out)
{
    struct net *nets = mem_array(to - v->cursor, sizeof(*nets));
    const struct change **told = mem_array(to - v->cursor, sizeof(*told));
    size_t count = gather_nets(v, f, to, nets), told_count = 0;
    for (size_t i = 0; i < count; i++)
        if (nets[i].by_hand || nets[i].changes % 2 == 1)
            told[told_count++] = nets[i].last;
    bytes_reset(out);
    if (told_count > 0)
        f->codec->batch(v->encoding, told, told_count, last_rev(f, v->cursor, to), out);
    free(told);
    free(nets);
}

/* The end of the next batch: one frame, so that much is handed out at once. */
static uint64_t batch_end(const struct viewer *v, const struct feed *f)
{
    uint64_t to = v->cursor;
    size_t size = 0;
    while (to < f->head && size < FEED_PIECE_MAX)
        size += entry_at(f, to++)->size[v->encoding];
    return to;
}

static struct span next_batch(struct viewer *v, struct feed *f)
{
    struct bytes *frame = v->everyone ? &f->batch[v->encoding].frame : &f->scratch;
    uint64_t to = f->batch[v->encoding].to;
    if (!v->everyone || f->batch[v->encoding].from != v->cursor || f->batch[v->encoding].head != f->head) {
        to = batch_end(v, f);
        write_batch(v, f, to, frame);
    }
    if (v->everyone) {
        f->batch[v->encoding].from = v->cursor;
        f->batch[v->encoding].to = to;
        f->batch[v->encoding].head = f->head;
    }
    v->cursor = to;
    return bytes_span(frame);
}

/* What has nothing for this viewer is passed over. */
static struct span next_of_entries(struct viewer *v, struct feed *f)
{
    struct span bytes = SPAN_NONE;
    while (v->cursor < f->head && bytes.len == 0)
        bytes = v->batch ? next_batch(v, f) : v->everyone ? next_run(v, f) : next_selection(v, f);
    return bytes;
}

enum feed_result viewer_next(struct viewer *v, struct feed *f, struct feed_piece *ret)
{
    struct span bytes;
    snapshot_release(f->retired);
    f->retired = NULL;
    if (v->snapshot) {
        snapshot_next(v, f, ret);
        return FEED_BYTES;
    }
    if (v->cursor < feed_oldest(f, v->encoding))
        return FEED_BEHIND;
    bytes = next_of_entries(v, f);
    if (bytes.len == 0)
        return FEED_NOTHING;
    *ret = (struct feed_piece){.parts = {bytes}, .count = 1};
    return FEED_BYTES;
}
