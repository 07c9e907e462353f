#include "load.h"

#include "base/clock.h"
#include "wire/client.h"

#include <string.h>

/* The changer of that user id: PREFIXcN. */
static const struct changer *changer_of(const struct load *l, struct span user)
{
    size_t len = strlen(l->sim.options->prefix);
    uint64_t number;

    if (user.len < len + 2 || memcmp(user.data, l->sim.options->prefix, len) || user.data[len] != 'c')
        return NULL;
    struct span digits = {user.data + len + 1, user.len - len - 1};

    if (span_to_u64(digits, l->changer_count, &number) || !number)
        return NULL;
    return &l->changers[number - 1];
}

static void count(struct load *l, int64_t timestamp_ms, int64_t intended_us)
{
    if (!intended_us)
        return;
    l->m.delivered++;
    if (timestamp_ms)
        latency_add(&l->m.from_server, (sim_server_time(&l->sim) - timestamp_ms) * 1000);
    latency_add(&l->m.from_intended, clock_mono_us() - intended_us);
}

static void count_state(struct load *l, const struct client_state *s)
{
    const struct changer *c = changer_of(l, s->user);
    int64_t intended = c && c->online == s->online ? c->intended_us : 0;

    if (s->rev)
        l->known[s->rev % KNOWN_CHANGES] = (struct known_change){s->rev, s->timestamp_ms, intended};
    count(l, s->timestamp_ms, intended);
}

static void count_message(struct load *l, enum encoding encoding, struct span data)
{
    struct client_message m;

    if (client_read(encoding, data, &m))
        return;
    for (size_t i = 0; m.type != MESSAGE_SNAPSHOT && i < m.state_count; i++)
        count_state(l, &m.states[i]);
    client_message_finish(&m);
}

bool load_raw(void *arg, struct dashboard *d, struct span data, bool binary)
{
    struct load *l = arg;
    enum encoding encoding = binary ? ENCODING_MSGPACK : ENCODING_JSON;
    uint64_t rev = 0;
    int64_t type;

    if (client_peek(encoding, data, &type, &rev))
        return false;
    if (type == MESSAGE_SNAPSHOT && d != l->watchers.items[0]) {
        /* Five hundred views of ten thousand users each would only measure this program. */
        d->witness.snapshots++;
        return true;
    }
    if (type != MESSAGE_UPDATE && type != MESSAGE_BATCH)
        return false;
    const struct known_change *known = &l->known[rev % KNOWN_CHANGES];

    if (type == MESSAGE_UPDATE && rev && known->rev == rev)
        count(l, known->timestamp_ms, known->intended_us);
    else
        count_message(l, encoding, data);
    return d != l->watchers.items[0];
}
