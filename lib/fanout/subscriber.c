/* SPDX-License-Identifier: MIT */
#include "fanout/subscriber.h"

#include "base/mem.h"

#include <stdlib.h>

#define FIN 0x80

/* Of a message's first fragment (RFC 6455, 5.2). */
static const uint8_t opcode[ENCODINGS] = {[ENCODING_MSGPACK] = 0x02, [ENCODING_JSON] = 0x01};

void subscriber_finish(struct subscriber *v)
{
    snapshot_release(v->snapshot);
    v->snapshot = NULL;
    bytes_finish(&v->snapshot_head);
    v->ticket = 0; /* entries for it alone are for nobody now */
}

struct span subscriber_resume_reason(enum resume resume)
{
    static const char *const reasons[] = {
        [RESUME_MALFORMED] = "malformed",
        [RESUME_FILTERED] = "filtered",
        [RESUME_INTEREST_CHANGED] = "interest_changed",
        [RESUME_OTHER_EPOCH] = "other_epoch",
        [RESUME_AHEAD] = "ahead",
        [RESUME_TOO_OLD] = "too_old",
    };
    return span_of(reasons[resume]);
}

void subscriber_scan(struct subscriber *v, struct fanout *f, struct roster *r)
{
    fanout_stream_open(f, v->encoding); /* what changes meanwhile is sent behind the snapshot */
    snapshot_scan_begin(f, r, v);
}

void subscriber_begin(struct subscriber *v, struct fanout *f, const struct roster *r, struct span id,
                      enum resume why, int64_t now_ms, int64_t mono_ms)
{
    fanout_stream_open(f, v->encoding);
    struct snapshot *s = snapshot_for(v, f, r, now_ms, mono_ms);
    subscriber_finish(v);
    v->everyone = interest_is_everyone(v->interest);
    v->snapshot = s;
    v->snapshot_at = s->tail_from;
    v->cursor = s->seq;
    if (why == RESUME_NOT_ASKED && v->resuming) /* a `resumed` is owed: the snapshot comes in its place */
        why = interest_by_group(v->interest) ? RESUME_FILTERED : RESUME_TOO_OLD;
    message_write_snapshot_head(v->encoding, id, s->rev, subscriber_resume_reason(why), &v->snapshot_head);
    bytes_append_span(&v->snapshot_head, bytes_span(&s->start));
    v->resuming = false;
}

/* The first entry beyond that revision; unversioned ones have none. */
static uint64_t first_after(const struct fanout *f, uint64_t rev)
{
    uint64_t first = f->head, from = f->restarted > f->tail ? f->restarted : f->tail;
    for (uint64_t seq = f->head; seq > from; seq--) {
        uint64_t at = fanout_entry_at(f, seq - 1)->change.rev;
        if (at > rev)
            first = seq - 1;
        else if (at > 0)
            break;
    }
    return first;
}

enum resume subscriber_resume(struct subscriber *v, struct fanout *f, const struct roster *r,
                              struct span epoch, uint64_t rev)
{
    if (interest_by_group(v->interest))
        return RESUME_FILTERED;
    if (epoch.len == 0 || !span_equal(epoch, span_of(r->epoch)))
        return RESUME_OTHER_EPOCH;
    if (rev > r->rev)
        return RESUME_AHEAD;
    uint64_t seq = first_after(f, rev);
    bool encoded = seq == f->head || (f->streams[v->encoding].ring && seq >= fanout_oldest(f, v->encoding));
    if (rev < f->evicted_rev || !encoded)
        return RESUME_TOO_OLD;
    subscriber_finish(v);
    fanout_stream_open(f, v->encoding);
    v->cursor = seq;
    subscriber_confirm(v, f, r);
    return RESUME_DONE;
}

void subscriber_confirm(struct subscriber *v, const struct fanout *f, const struct roster *r)
{
    v->everyone = interest_is_everyone(v->interest);
    v->resuming = true;
    v->resumed_at = f->head;
    v->resumed_rev = r->rev;
}

void subscriber_put(struct subscriber *v, struct fanout *f, const struct change *change, struct span claims)
{
    if (!v->ticket)
        v->ticket = ++f->tickets;
    fanout_put(f, change, claims, v->ticket);
}

bool subscriber_pending_about(const struct subscriber *v, const struct fanout *f, struct span user)
{
    const struct fanout_entry *latest = map_get(&f->latest, user);
    if (!latest)
        return false;
    uint64_t place = (uint64_t)(latest - f->entries), last = f->head - 1;
    uint64_t seq = last - ((last - place) & (f->capacity - 1));
    return seq >= v->cursor;
}

bool subscriber_in_message(const struct subscriber *v)
{
    return v->snapshot && v->snapshot_head.len == 0;
}

static bool concerns(const struct subscriber *v, const struct fanout_entry *e)
{
    if (e->only)
        return e->only == v->ticket;
    return v->everyone || interest_sees(v->interest, e->change.user, e->claims);
}

static struct span frame_of(const struct fanout *f, const struct fanout_entry *e, enum encoding encoding)
{
    return (struct span){f->streams[encoding].ring + e->at[encoding] % f->stream_size, e->size[encoding]};
}

/* Where the entries end that leave next: what a resuming subscriber missed goes before what came since. */
static uint64_t next_end(const struct subscriber *v, const struct fanout *f)
{
    return v->resuming && v->resumed_at < f->head ? v->resumed_at : f->head;
}

/* A run of neighbouring frames for a subscriber to everyone: no copy. */
static struct span next_run(struct subscriber *v, struct fanout *f)
{
    struct span run = SPAN_NONE;
    for (uint64_t end = next_end(v, f); v->cursor < end; v->cursor++) {
        const struct fanout_entry *e = fanout_entry_at(f, v->cursor);
        if (!concerns(v, e)) {
            if (run.len > 0)
                break;
            continue;
        }
        struct span frame = frame_of(f, e, v->encoding);
        if (run.len == 0)
            run = frame;
        else if (run.data + run.len == frame.data && run.len + frame.len <= FANOUT_CHUNK_MAX)
            run.len += frame.len;
        else
            break;
    }
    return run;
}

static struct span next_selection(struct subscriber *v, struct fanout *f)
{
    bytes_reset(&f->scratch);
    for (uint64_t end = next_end(v, f); v->cursor < end && f->scratch.len < FANOUT_CHUNK_MAX; v->cursor++) {
        const struct fanout_entry *e = fanout_entry_at(f, v->cursor);
        if (concerns(v, e))
            bytes_append_span(&f->scratch, frame_of(f, e, v->encoding));
    }
    return bytes_span(&f->scratch);
}

/* The net effect of a batch's changes on one user. */
struct net {
    const struct change *last;
    size_t changes;
    bool unversioned; /* such changes need not alternate: the last one is sent */
};

static struct span net_key(const void *object)
{
    return ((const struct net *)object)->last->user;
}

static size_t gather_nets(const struct subscriber *v, const struct fanout *f, uint64_t to, struct net *nets)
{
    struct map by_user;
    size_t count = 0;
    map_init(&by_user, net_key);
    for (uint64_t seq = v->cursor; seq < to; seq++) {
        const struct fanout_entry *e = fanout_entry_at(f, seq);
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
        net->unversioned |= e->change.rev == 0;
    }
    map_finish(&by_user);
    return count;
}

static void write_batch(const struct subscriber *v, struct fanout *f, uint64_t to, struct bytes *out)
{
    struct net *nets = mem_array(to - v->cursor, sizeof(*nets));
    const struct change **sent = mem_array(to - v->cursor, sizeof(*sent));
    size_t count = gather_nets(v, f, to, nets), sent_count = 0;
    uint64_t rev = 0;
    for (size_t i = 0; i < count; i++)
        if (nets[i].unversioned || nets[i].changes % 2 == 1)
            sent[sent_count++] = nets[i].last;
    for (uint64_t seq = v->cursor; seq < to; seq++)
        if (fanout_entry_at(f, seq)->change.rev > rev)
            rev = fanout_entry_at(f, seq)->change.rev;
    bytes_reset(out);
    if (sent_count > 0)
        message_write_batch(v->encoding, sent, sent_count, rev, out);
    free(sent);
    free(nets);
}

/* One frame, so that a limited amount is handed out at once. Subscribers to everyone share the last one. */
static struct span next_batch(struct subscriber *v, struct fanout *f)
{
    struct bytes *frame = v->everyone ? &f->batch[v->encoding].frame : &f->scratch;
    uint64_t to = f->batch[v->encoding].to, end = next_end(v, f);
    if (!v->everyone || f->batch[v->encoding].from != v->cursor || f->batch[v->encoding].end != end) {
        to = v->cursor;
        for (size_t size = 0; to < end && size < FANOUT_CHUNK_MAX; to++)
            size += fanout_entry_at(f, to)->size[v->encoding];
        write_batch(v, f, to, frame);
    }
    if (v->everyone) {
        f->batch[v->encoding].from = v->cursor;
        f->batch[v->encoding].to = to;
        f->batch[v->encoding].end = end;
    }
    v->cursor = to;
    return bytes_span(frame);
}

static void next_fragment(struct subscriber *v, struct fanout *f, struct fanout_chunk *ret)
{
    struct snapshot *s = v->snapshot;
    size_t left = s->tail.len - v->snapshot_at, size = left < FANOUT_CHUNK_MAX ? left : FANOUT_CHUNK_MAX;
    *ret = (struct fanout_chunk){.fragment = true};
    if (v->snapshot_head.len > 0) {
        ret->first_byte = opcode[v->encoding];
        bytes_reset(&f->scratch);
        bytes_append_span(&f->scratch, bytes_span(&v->snapshot_head));
        bytes_finish(&v->snapshot_head);
        ret->parts[ret->count++] = bytes_span(&f->scratch);
    }
    ret->parts[ret->count++] = (struct span){s->tail.data + v->snapshot_at, size};
    v->snapshot_at += size;
    if (size < left)
        return;
    ret->first_byte |= FIN;
    f->snapshots.retired = s;
    v->snapshot = NULL;
}

enum fanout_result subscriber_next(struct subscriber *v, struct fanout *f, struct fanout_chunk *ret)
{
    struct span bytes = SPAN_NONE;
    snapshot_release(f->snapshots.retired);
    f->snapshots.retired = NULL;
    if (v->snapshot) {
        next_fragment(v, f, ret);
        return FANOUT_BYTES;
    }
    if (v->cursor < fanout_oldest(f, v->encoding))
        return FANOUT_BEHIND;
    /* What has nothing for this subscriber is passed over. */
    while (v->cursor < next_end(v, f) && bytes.len == 0)
        bytes = v->batch ? next_batch(v, f) : v->everyone ? next_run(v, f) : next_selection(v, f);
    if (bytes.len == 0 && v->resuming) {
        bytes_reset(&f->scratch);
        message_write_resumed(v->encoding, v->resumed_rev, &f->scratch);
        v->resuming = false;
        bytes = bytes_span(&f->scratch);
    }
    if (bytes.len == 0)
        return FANOUT_NOTHING;
    *ret = (struct fanout_chunk){.parts = {bytes}, .count = 1};
    return FANOUT_BYTES;
}
