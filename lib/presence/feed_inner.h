/* What the files of feed.h share: entries and viewers in feed.c, snapshots in feed_snapshot.c. */
#ifndef PRESENCE_FEED_INNER_H
#define PRESENCE_FEED_INNER_H

#include "presence/feed.h"

/* The first entry that can still be told in this encoding. */
uint64_t feed_oldest(const struct feed *f, int encoding);

/* One that is the caller's alone. in: NULL for the whole roster. */
struct snapshot *snapshot_build(struct feed *f, const struct roster *r, int encoding,
                                const struct interest *in, int64_t now_ms);
/* That of the whole roster, of which the caller holds a reference. */
struct snapshot *snapshot_shared(struct feed *f, const struct roster *r, int encoding, int64_t now_ms,
                                 int64_t mono_ms);
/* NULL is fine. */
void snapshot_release(struct snapshot *s);
void snapshot_unshare(struct feed *f, int encoding);
/* The next piece of the viewer's snapshot, which it has. */
void snapshot_next(struct viewer *v, struct feed *f, struct feed_piece *ret);

#endif
