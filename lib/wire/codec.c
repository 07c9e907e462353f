#include "wire/codec.h"

#include "wire/message.h"

static void update(int encoding, const struct change *change, struct bytes *out)
{
    message_write_update((enum encoding)encoding, change, out);
}

static void batch(int encoding, const struct change *const *changes, size_t count, uint64_t rev,
                  struct bytes *out)
{
    message_write_batch((enum encoding)encoding, changes, count, rev, out);
}

static void snapshot_begin(int encoding, size_t users, int64_t timestamp_ms, uint64_t rev, struct span epoch,
                           struct bytes *tail)
{
    message_write_snapshot_tail_begin((enum encoding)encoding, users, timestamp_ms, rev, epoch, tail);
}

static void snapshot_user(int encoding, struct span user, bool online, int64_t last_seen_ms,
                          struct span device, bool first, struct bytes *tail)
{
    message_write_snapshot_user((enum encoding)encoding, user, online, last_seen_ms, device, first, tail);
}

static void snapshot_end(int encoding, size_t total_online, struct bytes *tail)
{
    message_write_snapshot_tail_end((enum encoding)encoding, total_online, tail);
}

static void snapshot_head(int encoding, struct span viewer, struct bytes *out)
{
    message_write_snapshot_head((enum encoding)encoding, viewer, out);
}

const struct feed_codec wire_codec = {
    .update = update,
    .batch = batch,
    .snapshot_begin = snapshot_begin,
    .snapshot_user = snapshot_user,
    .snapshot_end = snapshot_end,
    .snapshot_head = snapshot_head,
    .opcode = {[ENCODING_MSGPACK] = 0x02, [ENCODING_JSON] = 0x01},
};
