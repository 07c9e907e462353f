/* SPDX-License-Identifier: MIT */
/* The writers of lib/wire that the fan-out calls, as text that a test can read: lines like "U user+rev,device".
 * The linker takes these instead of lib/wire's. The two encodings differ in length, and in what separates the
 * users of a snapshot, as the real ones do. */
#ifndef TEST_FANOUT_WRITERS_H
#define TEST_FANOUT_WRITERS_H

#include "wire/message.h"

static void write_change(const struct change *c, struct bytes *out)
{
    bytes_append_span(out, c->user);
    bytes_printf(out, "%c%llu", c->online ? '+' : '-', (unsigned long long)c->rev);
    if (c->device.len)
        bytes_printf(out, ",%.*s", (int)c->device.len, c->device.data);
    if (c->reason.len)
        bytes_printf(out, "(%.*s)", (int)c->reason.len, c->reason.data);
}

void message_write_update(enum encoding encoding, const struct change *c, struct bytes *out)
{
    bytes_append_text(out, encoding ? "Update " : "U ");
    write_change(c, out);
    bytes_append_char(out, '\n');
}

void message_write_batch(enum encoding encoding, const struct change *const *changes, size_t count,
                         uint64_t rev, struct bytes *out)
{
    bytes_printf(out, "%s %llu", encoding ? "Batch" : "B", (unsigned long long)rev);
    for (size_t i = 0; i < count; i++) {
        bytes_append_char(out, ' ');
        write_change(changes[i], out);
    }
    bytes_append_char(out, '\n');
}

void message_write_snapshot_tail_begin(enum encoding encoding, size_t users, int64_t timestamp_ms,
                                       uint64_t rev, struct span epoch, struct bytes *tail)
{
    bytes_printf(tail, " %zu of %.*s:%llu", users, (int)epoch.len, epoch.len ? epoch.data : "",
                 (unsigned long long)rev);
    bytes_append_text(tail, users ? " =" : encoding == ENCODING_JSON ? "" : " ");
}

void message_write_snapshot_user(enum encoding encoding, struct span user, bool online, int64_t last_seen_ms,
                                 struct span device, bool first, struct bytes *tail)
{
    bytes_append_text(tail, encoding == ENCODING_JSON && !first ? " " : "");
    bytes_append_span(tail, user);
    bytes_append_text(tail, encoding == ENCODING_JSON ? "" : " ");
}

void message_write_snapshot_tail_end(enum encoding encoding, size_t total_online, struct bytes *tail)
{
    bytes_printf(tail, "%s#%zu\n", encoding == ENCODING_JSON ? " " : "", total_online);
}

void message_write_snapshot_head(enum encoding encoding, struct span viewer, uint64_t rev,
                                 struct span refusal, struct bytes *out)
{
    bytes_printf(out, "%s %.*s", encoding ? "Snapshot" : "S", (int)viewer.len, viewer.data);
    if (refusal.data)
        bytes_printf(out, " (%.*s)", (int)refusal.len, refusal.data);
}

void message_write_resumed(enum encoding encoding, uint64_t rev, struct bytes *out)
{
    bytes_printf(out, "%s %llu\n", encoding ? "Resumed" : "R", (unsigned long long)rev);
}

#endif
