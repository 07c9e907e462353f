/* SPDX-License-Identifier: MIT */
/* What a server may send to presence-sim: any bytes, read as both encodings. */
#include "presence-sim/client.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_read(enum encoding encoding, struct span message)
{
    struct client_message m;
    int64_t type = 0;
    uint64_t message_id = 0;
    if (client_read(encoding, message, &m) != MESSAGE_OK)
        return;
    for (size_t i = 0; i < m.state_count; i++)
        if (m.states[i].user.len == 0 || m.states[i].timestamp_ms < 0 || m.states[i].last_seen_ms < 0)
            abort();
    /* The cheap look sees what the whole one does; in JSON it knows only the server's own form. */
    if (encoding == ENCODING_MSGPACK && (client_peek(encoding, message, &type, &message_id) != MESSAGE_OK ||
                                         type != m.type || message_id != m.message_id))
        abort();
    client_message_finish(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span message = {(const char *)data, size};
    int64_t type;
    uint64_t message_id;
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        (void)client_peek(encoding, message, &type, &message_id);
        try_read(encoding, message);
    }
    return 0;
}
