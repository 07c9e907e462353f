/* SPDX-License-Identifier: MIT */
#include "store/revocation_sync.h"

#include <string.h>

#define VERSION_UNKNOWN UINT64_MAX

void revocation_sync_finish(struct revocation_sync *r)
{
    revocations_finish(&r->list);
    store_request_finish(&r->request);
}

void revocation_sync_disconnected(struct revocation_sync *r)
{
    r->due |= r->request.waiting > 0;
    store_request_lost(&r->request);
}

void revocation_sync_epoch(struct revocation_sync *r)
{
    r->due = true;
}

void revocation_sync_version(struct revocation_sync *r, uint64_t version)
{
    r->due |= version != r->version;
}

void revocation_sync_control(struct revocation_sync *r, const struct control *control)
{
    if (revocations_put(&r->list, control->name, control->issued_s, control->until_ms))
        r->hooks->revoked(r->arg);
}

void revocation_sync_tick(struct revocation_sync *r, int64_t now_ms)
{
    if (!r->due || r->request.waiting)
        return;
    revocations_prune(&r->list, now_ms);
    store_revoke(r->store, &r->list, store_request_begin(&r->request));
    r->due = !store_request_send(&r->request, now_ms);
}

static void answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct revocation_sync *r = machine;
    struct revoke_answer answer;
    bool more = false;
    r->version = VERSION_UNKNOWN; /* after an error: again with the next version, in a second */
    if (store_read_revoke(reply, &answer) < 0)
        return;
    r->version = answer.version;
    for (size_t i = 0; i < answer.count; i++) {
        struct span name;
        int64_t issued_s, until_ms;
        if (store_revoke_entry(&answer, i, &name, &issued_s, &until_ms) == 0)
            more |= revocations_put(&r->list, name, issued_s, until_ms);
    }
    if (more)
        r->hooks->revoked(r->arg);
}

void revocation_sync_init(struct revocation_sync *r, const struct store *store,
                          const struct revocation_sync_hooks *hooks, void *arg)
{
    memset(r, 0, sizeof(*r));
    r->store = store;
    r->hooks = hooks;
    r->arg = arg;
    revocations_init(&r->list);
    store_request_init(&r->request, hooks->send, arg, answered, r);
}
