/* An encoding that a test can read: lines of text, "U user sign rev device" and the like. For tests of the
 * feed. */
#ifndef TEST_PRESENCE_FEED_CODEC_H
#define TEST_PRESENCE_FEED_CODEC_H

#include "presence/feed.h"

static void write_change(const struct change *c, struct bytes *out)
{
    bytes_append_span(out, c->user);
    bytes_printf(out, "%c%llu", c->online ? '+' : '-', (unsigned long long)c->rev);
    if (c->device.len)
        bytes_printf(out, ",%.*s", (int)c->device.len, c->device.data);
    if (c->reason.len)
        bytes_printf(out, "(%.*s)", (int)c->reason.len, c->reason.data);
}

/* The two encodings differ in length. */
static void codec_update(int encoding, const struct change *c, struct bytes *out)
{
    bytes_append_text(out, encoding ? "Update " : "U ");
    write_change(c, out);
    bytes_append_char(out, '\n');
}

static void codec_batch(int encoding, const struct change *const *changes, size_t count, uint64_t rev,
                        struct bytes *out)
{
    bytes_printf(out, "%s %llu", encoding ? "Batch" : "B", (unsigned long long)rev);
    for (size_t i = 0; i < count; i++) {
        bytes_append_char(out, ' ');
        write_change(changes[i], out);
    }
    bytes_append_char(out, '\n');
}

static void codec_snapshot_begin(int encoding, size_t users, int64_t timestamp_ms, uint64_t rev,
                                 struct span epoch, struct bytes *tail)
{
    bytes_printf(tail, " %zu of %.*s:%llu", users, (int)epoch.len, epoch.len ? epoch.data : "",
                 (unsigned long long)rev);
}

static void codec_snapshot_user(int encoding, struct span user, bool online, int64_t last_seen_ms,
                                struct span device, bool first, struct bytes *tail)
{
    bytes_printf(tail, "%s%.*s", first ? " =" : " ", (int)user.len, user.data);
}

static void codec_snapshot_end(int encoding, size_t total_online, struct bytes *tail)
{
    bytes_printf(tail, " #%zu\n", total_online);
}

static void codec_snapshot_head(int encoding, struct span viewer, struct bytes *out)
{
    bytes_printf(out, "%s %.*s", encoding ? "Snapshot" : "S", (int)viewer.len, viewer.data);
}

static const struct feed_codec codec = {
    .update = codec_update,
    .batch = codec_batch,
    .snapshot_begin = codec_snapshot_begin,
    .snapshot_user = codec_snapshot_user,
    .snapshot_end = codec_snapshot_end,
    .snapshot_head = codec_snapshot_head,
    .opcode = {2, 1},
};

#endif
