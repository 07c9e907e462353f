/* The feed: changes on their way to viewers, each encoded once per encoding into a ring that all viewers
 * share.
 *
 * A viewer is a cursor and a filter. What lies between a full viewer's cursor and the head leaves in one
 * write, straight from the ring; a filtered one gets its own selection of the same frames. A viewer that the
 * ring has left behind is told so, and gets a snapshot: there is no queue that grows with slowness. Batches
 * (message 34) are made of the same entries when they are sent. Pure: bytes are handed to the caller, who
 * owns the sockets; encoding is a table of functions (wire). */
#ifndef PRESENCE_FEED_H
#define PRESENCE_FEED_H

#include "base/list.h"
#include "presence/change.h"
#include "presence/interest.h"
#include "presence/roster.h"

#define FEED_ENCODINGS 2

/* What the feed needs of an encoding; wire/codec.h provides it. Each appends to `out`. */
struct feed_codec {
    void (*update)(int encoding, const struct change *change, struct bytes *out);
    void (*batch)(int encoding, const struct change *const *changes, size_t count, uint64_t rev,
                  struct bytes *out);
    void (*snapshot_begin)(int encoding, size_t users, int64_t timestamp_ms, uint64_t rev, struct span epoch,
                           struct bytes *tail);
    void (*snapshot_user)(int encoding, struct span user, bool online, int64_t last_seen_ms,
                          struct span device, bool first, struct bytes *tail);
    void (*snapshot_end)(int encoding, size_t total_online, struct bytes *tail);
    void (*snapshot_head)(int encoding, struct span viewer, struct bytes *out);
    uint8_t opcode[FEED_ENCODINGS]; /* of a message's first fragment (RFC 6455, 5.2) */
};

struct viewer;

struct feed_entry {
    struct change change;          /* texts are the entry's own; groups are not kept here */
    struct span claims;            /* each followed by '\n' */
    const struct viewer *only;     /* a difference in one viewer's view; NULL: for all who see the user */
    uint64_t at[FEED_ENCODINGS];   /* place in the lane */
    uint32_t size[FEED_ENCODINGS]; /* 0: not encoded, the lane was off */
    char *text;
};

struct feed_lane {
    char *ring;     /* NULL while nobody uses the encoding */
    uint64_t head;  /* bytes ever put; never in two parts: the rest of a lap may stay unused */
    uint64_t first; /* sequence number of the first entry that is encoded */
};

/* An immutable encoding of the roster (or a part of it) at one revision, shared by reference count. */
struct snapshot {
    size_t holders;
    uint64_t seq; /* entries from this on are not in it */
    uint64_t rev;
    int64_t built_ms, shared_ms; /* monotonic: when it was made, when last shared */
    struct bytes tail;
};

struct feed {
    const struct feed_codec *codec;
    struct feed_entry *entries; /* a ring */
    size_t capacity;            /* a power of two */
    size_t lane_size;           /* bytes */
    uint64_t head, tail;        /* sequence numbers: next, oldest */
    uint64_t restarted;         /* sequence number; what is before it tells nothing of what can be resumed */
    uint64_t evicted_rev;       /* the highest revision that is not in the feed any more */
    struct feed_lane lanes[FEED_ENCODINGS];
    struct snapshot *shared[FEED_ENCODINGS]; /* the last one of the whole roster */
    struct {
        uint64_t from, to, head;
        struct bytes frame;
    } batch[FEED_ENCODINGS]; /* the last one made for viewers who see everyone, and the head at that time */
    struct bytes scratch;
    struct snapshot *retired; /* sent to its end; what was handed out points into it */
};

struct viewer {
    struct list link;          /* the caller's list */
    struct interest *interest; /* owned by the caller */
    uint64_t cursor;           /* next entry to tell */
    struct snapshot *snapshot; /* being sent; NULL: none */
    size_t snapshot_at;
    struct bytes snapshot_head; /* its beginning, until it is sent */
    uint8_t encoding;
    bool batch;
    bool everyone;  /* interest_is_everyone, kept */
    bool addressed; /* some entry may be for it alone */
};

#define FEED_PIECE_MAX 262144 /* bytes handed out at once: what a full socket makes the library copy */

#define FEED_TEXT_MAX 256   /* bytes of a reason or a node; a longer one is left out */
#define FEED_LANE_MIN 65536 /* any frame of an update is far smaller */

/* lane_bytes: at least FEED_LANE_MIN, or that is taken. */
void feed_init(struct feed *f, const struct feed_codec *codec, size_t entries, size_t lane_bytes);
void feed_finish(struct feed *f);
/* The roster was loaded at this revision, or its epoch changed: who knows less can't resume. */
void feed_restart(struct feed *f, uint64_t rev);
/* Adds a change (only NULL), or a difference for one viewer. claims as in interest.h. */
void feed_put(struct feed *f, const struct change *change, struct span claims, struct viewer *only);

/* The viewer begins with a snapshot: `id` stands in its toId. now_ms: Redis time for the message; mono_ms
 * paces rebuilding. */
void viewer_begin(struct viewer *v, struct feed *f, const struct roster *r, struct span id, int64_t now_ms,
                  int64_t mono_ms);
/* The viewer begins after a revision it knows: 0, or -1 when that can't be served and viewer_begin must be
 * called. Who is bound to groups never resumes: no revision tells who was a member when. */
int viewer_resume(struct viewer *v, struct feed *f, const struct roster *r, struct span epoch, uint64_t rev);
void viewer_finish(struct viewer *v);
/* Frees shared snapshots that no viewer waits for, and that a next one would not get, or has not for 5 s: at
 * a million users one is 70 MB. Every second or so. */
void feed_tidy(struct feed *f, const struct roster *r, int64_t mono_ms);

/* Whole frames as they stand, in one part; or one fragment of a snapshot, to be framed: several parts in a
 * row. */
struct feed_piece {
    bool fragment;
    uint8_t first_byte; /* of a fragment: FIN and opcode; 0 in the middle */
    struct span parts[2];
    size_t count;
};

enum feed_result { FEED_NOTHING, FEED_BYTES, FEED_BEHIND };
/* The next bytes for a viewer, as if they were sent: the cursor moves. Valid until the next call to the feed.
 */
enum feed_result viewer_next(struct viewer *v, struct feed *f, struct feed_piece *ret);
/* Between two fragments of a snapshot: nothing else that is data may be sent. */
bool viewer_in_message(const struct viewer *v);
/* Whether something about this user is still to be told. */
bool viewer_pending_about(const struct viewer *v, const struct feed *f, struct span user);
/* The viewer goes: differences for it alone are for nobody now. */
void feed_forget(struct feed *f, struct viewer *v);

#endif
