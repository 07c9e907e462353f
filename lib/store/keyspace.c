/* SPDX-License-Identifier: MIT */
#include "store/keyspace.h"

#include "redis/resp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SETTING "notify-keyspace-events"

void keyspace_channel(int64_t db, char out[KEYSPACE_CHANNEL_SIZE])
{
    snprintf(out, KEYSPACE_CHANNEL_SIZE, "__keyevent@%" PRId64 "__:expired", db);
}

void keyspace_ask(struct bytes *out)
{
    resp_command(out, "CONFIG", "GET", SETTING, NULL);
}

int keyspace_read(const struct redisReply *reply, struct span *ret_flags)
{
    struct span flags = reply_text(reply_at(reply, 1));
    if (!flags.data)
        return -1;
    *ret_flags = flags;
    return 0;
}

static bool has(struct span flags, char flag)
{
    return flags.len > 0 && memchr(flags.data, flag, flags.len);
}

/* A stands for all sorts of events, x among them. */
static bool has_expired(struct span flags)
{
    return has(flags, 'x') || has(flags, 'A');
}

bool keyspace_suffices(struct span flags)
{
    return has(flags, 'E') && has_expired(flags);
}

void keyspace_add(struct span flags, struct bytes *out)
{
    bytes_auto wanted = BYTES_INIT;
    bytes_append_span(&wanted, flags);
    if (!has(flags, 'E'))
        bytes_append_char(&wanted, 'E');
    if (!has_expired(flags))
        bytes_append_char(&wanted, 'x');
    resp_begin(out, 4);
    resp_text(out, "CONFIG");
    resp_text(out, "SET");
    resp_text(out, SETTING);
    resp_arg(out, bytes_span(&wanted));
}
