/* SPDX-License-Identifier: MIT */
/* The fan-out: changes on their way to subscribers, each encoded once per encoding into a ring that all
 * subscribers share.
 *
 * Entries are a ring of records; each encoding in use has a stream, a ring of bytes with the frame of each
 * entry (lib/wire). Both overwrite their oldest part: a subscriber that is left behind is told so by
 * subscriber_next and gets a snapshot, so that no queue grows with slowness. Snapshots are made by
 * fanout/snapshot.h, subscribers are described in fanout/subscriber.h. Pure: bytes are handed to the caller,
 * who owns the sockets. */
#ifndef FANOUT_FANOUT_H
#define FANOUT_FANOUT_H

#include "fanout/snapshot.h"
#include "presence/change.h"

struct fanout_entry {
    struct change change;     /* texts are the entry's own; groups are not kept here */
    struct span claims;       /* each followed by '\n' */
    uint64_t only;            /* ticket of the subscriber it is for; 0: for all who see the user */
    uint64_t at[ENCODINGS];   /* place in the stream */
    uint32_t size[ENCODINGS]; /* 0: not encoded, the stream was closed */
    char *text;
};

struct fanout_stream {
    char *ring;     /* NULL while nobody uses the encoding */
    uint64_t head;  /* bytes ever put; a frame is never split: the rest of a lap may stay unused */
    uint64_t first; /* sequence number of the first entry that is encoded */
};

struct fanout {
    struct fanout_entry *entries; /* a ring */
    size_t capacity;              /* a power of two */
    size_t stream_size;           /* bytes */
    uint64_t head, tail;          /* sequence numbers: next, oldest */
    uint64_t restarted;   /* sequence number; entries before it do not decide whether a resume is possible */
    uint64_t evicted_rev; /* the highest revision that is not in the ring any more */
    struct fanout_stream streams[ENCODINGS];
    struct map latest;      /* the newest entry about each user */
    uint64_t tickets;       /* given to subscribers */
    uint64_t regroup_round; /* in interest.visit */
    struct snapshots snapshots;
    struct {
        uint64_t from, to, end;
        struct bytes frame;
    } batch[ENCODINGS]; /* the last one made for subscribers to everyone, and how far it might reach */
    struct bytes scratch;
};

#define FANOUT_CHUNK_MAX 262144 /* bytes handed out at once: what a full socket makes the library copy */

#define FANOUT_TEXT_MAX   256   /* bytes of a reason or a node; a longer one is left out */
#define FANOUT_STREAM_MIN 65536 /* any frame of an update is far smaller */

/* entries: at least 64, rounded up to a power of two. stream_bytes: at least FANOUT_STREAM_MIN, or that is
 * taken. */
void fanout_init(struct fanout *f, size_t entries, size_t stream_bytes);
void fanout_finish(struct fanout *f);
/* The roster was loaded at this revision, or its epoch changed: who knows less can't resume. */
void fanout_restart(struct fanout *f, uint64_t rev);
/* Adds a change. claims as in interest.h. only: the ticket of one subscriber (subscriber_put); 0: for all. */
void fanout_put(struct fanout *f, const struct change *change, struct span claims, uint64_t only);
/* From now on changes are encoded so, too. */
void fanout_stream_open(struct fanout *f, enum encoding encoding);

static inline struct fanout_entry *fanout_entry_at(const struct fanout *f, uint64_t seq)
{
    return &f->entries[seq & (f->capacity - 1)];
}

/* The first entry that can still be sent in this encoding. */
static inline uint64_t fanout_oldest(const struct fanout *f, enum encoding encoding)
{
    uint64_t first = f->streams[encoding].first;
    return first > f->tail ? first : f->tail;
}

#endif
