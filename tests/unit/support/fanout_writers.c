/* SPDX-License-Identifier: MIT */
#include "fanout_writers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

void fanout_writers_check(void)
{
    const struct change c = {.user = SPAN("a"), .online = true, .rev = 1};
    bytes_auto out = BYTES_INIT;

    message_write_update(ENCODING_MSGPACK, &c, &out);
    message_write_update(ENCODING_JSON, &c, &out);
    assert_string_equal(bytes_text(&out), "U a+1\nUpdate a+1\n");
}
