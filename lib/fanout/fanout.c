/* SPDX-License-Identifier: MIT */
#include "fanout/fanout.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct span entry_key(const void *object)
{
    return ((const struct fanout_entry *)object)->change.user;
}

void fanout_init(struct fanout *f, size_t entries, size_t stream_bytes)
{
    memset(f, 0, sizeof(*f));
    f->capacity = 64;
    while (f->capacity < entries)
        f->capacity *= 2;
    f->entries = mem_array(f->capacity, sizeof(*f->entries));
    f->stream_size = stream_bytes > FANOUT_STREAM_MIN ? stream_bytes : FANOUT_STREAM_MIN;
    map_init(&f->latest, entry_key);
    snapshots_init(&f->snapshots);
}

static void evict(struct fanout *f)
{
    struct fanout_entry *e = fanout_entry_at(f, f->tail);
    if (f->tail++ >= f->restarted && e->change.rev > f->evicted_rev)
        f->evicted_rev = e->change.rev;
    if (map_get(&f->latest, e->change.user) == e)
        map_remove(&f->latest, e->change.user);
    free(e->text);
    e->text = NULL;
}

void fanout_finish(struct fanout *f)
{
    while (f->tail < f->head)
        evict(f);
    for (int i = 0; i < ENCODINGS; i++) {
        free(f->streams[i].ring);
        bytes_finish(&f->batch[i].frame);
    }
    snapshots_finish(&f->snapshots);
    map_finish(&f->latest);
    bytes_finish(&f->scratch);
    free(f->entries);
}

void fanout_restart(struct fanout *f, uint64_t rev)
{
    f->evicted_rev = rev;
    f->restarted = f->head;
    snapshots_unshare(&f->snapshots);
}

/* From outside, like all texts of a change, but of no known length. */
static struct span bounded(struct span text)
{
    return text.len <= FANOUT_TEXT_MAX ? text : SPAN_NONE;
}

static struct span copy_text(char **to, struct span text)
{
    struct span copy = {*to, text.len};
    if (text.len > 0)
        memcpy(*to, text.data, text.len);
    *to += text.len;
    return copy;
}

static void entry_fill(struct fanout_entry *e, const struct change *c, struct span claims, uint64_t only)
{
    struct span reason = bounded(c->reason), node = bounded(c->node);
    char *to = e->text = mem_alloc(c->user.len + c->device.len + reason.len + node.len + claims.len + 1);
    e->change = *c;
    e->change.user = copy_text(&to, c->user);
    e->change.device = copy_text(&to, c->device);
    e->change.reason = copy_text(&to, reason);
    e->change.node = copy_text(&to, node);
    e->claims = copy_text(&to, claims);
    e->change.groups = NULL;
    e->change.group_count = 0;
    e->only = only;
}

static void encode(struct fanout *f, enum encoding encoding, struct fanout_entry *e)
{
    struct fanout_stream *stream = &f->streams[encoding];
    e->size[encoding] = 0;
    if (!stream->ring)
        return;
    bytes_reset(&f->scratch);
    message_write_update(encoding, &e->change, &f->scratch);
    size_t size = f->scratch.len;
    uint64_t left = f->stream_size - stream->head % f->stream_size;
    uint64_t at = left < size ? stream->head + left : stream->head, end = at + size;
    /* The new bytes take the place of the oldest that is left. */
    if (stream->first < f->tail)
        stream->first = f->tail;
    while (stream->first < f->head && fanout_entry_at(f, stream->first)->at[encoding] + f->stream_size < end)
        stream->first++;
    memcpy(stream->ring + at % f->stream_size, f->scratch.data, size);
    e->at[encoding] = at;
    e->size[encoding] = (uint32_t)size;
    stream->head = end;
}

void fanout_put(struct fanout *f, const struct change *change, struct span claims, uint64_t only)
{
    if (f->head - f->tail == f->capacity)
        evict(f);
    struct fanout_entry *e = fanout_entry_at(f, f->head);
    entry_fill(e, change, claims, only);
    for (int i = 0; i < ENCODINGS; i++)
        encode(f, i, e);
    f->head++;
    map_put(&f->latest, e);
}

void fanout_stream_open(struct fanout *f, enum encoding encoding)
{
    struct fanout_stream *stream = &f->streams[encoding];
    if (stream->ring)
        return;
    stream->ring = mem_alloc(f->stream_size);
    stream->first = f->head;
}
