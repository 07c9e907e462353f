#include "wire/client_read.h"

#include "wire/client_field.h"

#include <stdlib.h>

/* What a state shares with its message: an update is one state, a snapshot's users are all of its moment. */
static void share(struct client_message *m)
{
    if (m->type == MESSAGE_UPDATE && m->state_count) {
        m->rev = m->states[0].rev;
        m->timestamp_ms = m->states[0].timestamp_ms;
    }
    if (m->type != MESSAGE_SNAPSHOT)
        return;
    for (size_t i = 0; i < m->state_count; i++) {
        m->states[i].rev = m->rev;
        m->states[i].timestamp_ms = m->timestamp_ms;
    }
}

enum message_result client_read(enum encoding encoding, struct span message, struct client_message *ret)
{
    struct client_message m = {0};
    int result = encoding == ENCODING_JSON ? client_read_json(message, &m) : client_read_msgpack(message, &m);

    if (result < 0) {
        client_message_finish(&m);
        return MESSAGE_MALFORMED;
    }
    share(&m);
    *ret = m;
    return MESSAGE_OK;
}

void client_message_finish(struct client_message *m)
{
    free(m->states);
    bytes_finish(&m->text);
    *m = (struct client_message){0};
}
