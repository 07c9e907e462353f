/* SPDX-License-Identifier: MIT */
/* What anybody may publish on the channels. */
#include "presence-sim/client.h"
#include "wire/event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever was taken for an event can be told to a client in both encodings. */
static void tell(const struct change *change)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        bytes_auto out = BYTES_INIT;
        struct client_message m;
        size_t header_len;

        message_write_update(encoding, change, &out);
        header_len = (uint8_t)out.data[1] < 126 ? 2 : (uint8_t)out.data[1] == 126 ? 4 : 10;
        bytes_consume(&out, header_len);
        if (client_read(encoding, bytes_span(&out), &m) != MESSAGE_OK ||
            !span_equal(m.states[0].user, change->user))
            abort();
        client_message_finish(&m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event e;
    if (event_read((struct span){(const char *)data, size}, &e) < 0)
        return 0;
    if (!identity_user_valid(e.change.user) || e.change.group_count > GROUPS_UNION_MAX ||
        (e.epoch.len == 0) != (e.change.rev == 0))
        abort();
    for (size_t i = 0; i < e.change.group_count; i++)
        if (!identity_group_valid(e.change.groups[i]))
            abort();
    tell(&e.change);
    event_finish(&e);
    return 0;
}
