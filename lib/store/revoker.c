#include "store/revoker.h"

#include <string.h>

#define VERSION_UNKNOWN UINT64_MAX

void revoker_init(struct revoker *r, const struct store *store, const struct revoker_hooks *hooks, void *arg)
{
    memset(r, 0, sizeof(*r));
    r->store = store;
    r->hooks = hooks;
    r->arg = arg;
    revocations_init(&r->list);
}

void revoker_finish(struct revoker *r)
{
    revocations_finish(&r->list);
    bytes_finish(&r->command);
}

void revoker_disconnected(struct revoker *r)
{
    r->due |= r->waiting;
    r->waiting = false;
}

void revoker_epoch(struct revoker *r)
{
    r->due = true;
}

void revoker_version(struct revoker *r, uint64_t version)
{
    r->due |= version != r->version;
}

void revoker_control(struct revoker *r, const struct control *control)
{
    if (revocations_put(&r->list, control->name, control->issued_s, control->until_ms))
        r->hooks->revoked(r->arg);
}

void revoker_tick(struct revoker *r, int64_t now_ms)
{
    if (!r->due || r->waiting)
        return;
    revocations_prune(&r->list, now_ms);
    bytes_reset(&r->command);
    store_revoke(r->store, &r->list, r->text, &r->command);
    if (r->hooks->send(r->arg, bytes_span(&r->command)) < 0)
        return;
    r->waiting = true;
    r->due = false;
}

void revoker_answer(struct revoker *r, const struct redisReply *reply)
{
    struct revoke_answer answer;
    bool more = false;
    if (!r->waiting)
        return;
    r->waiting = false;
    int result = store_read_revoke(reply, &answer);
    r->text = result == STORE_NOSCRIPT;
    r->due |= r->text;
    r->version = VERSION_UNKNOWN; /* after another error: again with the next version, in a second */
    if (result != 0)
        return;
    r->version = answer.version;
    for (size_t i = 0; i < answer.count; i++) {
        struct span name;
        int64_t issued_s, until_ms;
        if (revoke_entry(&answer, i, &name, &issued_s, &until_ms) == 0)
            more |= revocations_put(&r->list, name, issued_s, until_ms);
    }
    if (more)
        r->hooks->revoked(r->arg);
}
