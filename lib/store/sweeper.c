/* SPDX-License-Identifier: MIT */
#include "store/sweeper.h"

#include <string.h>

#define RETRY_MS 200

void sweeper_finish(struct sweeper *s)
{
    store_request_finish(&s->request);
}

void sweeper_registered(struct sweeper *s, int64_t now_ms)
{
    if (s->registered)
        return;
    s->registered = true;
    s->next_ms = now_ms;
}

void sweeper_disconnected(struct sweeper *s)
{
    s->registered = false;
    store_request_lost(&s->request);
}

void sweeper_tick(struct sweeper *s, int64_t now_ms)
{
    if (now_ms < sweeper_due(s))
        return;
    if (!recovery_settled(s->recovery, now_ms)) {
        s->next_ms = now_ms + s->config.interval_ms;
        return;
    }
    store_expire(s->store, SWEEPER_LIMIT, s->config.holdback_ms, SWEEPER_GAP_MS,
                 store_request_begin(&s->request));
    if (!store_request_send(&s->request, now_ms))
        s->next_ms = now_ms + RETRY_MS;
}

int64_t sweeper_due(const struct sweeper *s)
{
    return s->registered && !s->request.waiting ? s->next_ms : SWEEPER_NEVER;
}

void sweeper_wake(struct sweeper *s, int64_t now_ms)
{
    int64_t soon = s->request.sent_ms + SWEEPER_FLOOR_MS;
    if (soon < now_ms)
        soon = now_ms;
    if (soon < s->next_ms)
        s->next_ms = soon;
}

/* Until the next entry is due by the script's reckoning, within bounds. */
static int64_t pause_after(const struct sweeper *s, const struct expire_answer *answer)
{
    if (answer->looked >= SWEEPER_LIMIT)
        return 0;
    bool idle = answer->looked < SWEEPER_FEW && answer->next_ms > answer->state.now_ms;
    int64_t interval = s->config.interval_ms, floor = idle ? 1 : SWEEPER_FLOOR_MS;
    if (floor > interval)
        floor = interval;
    if (answer->next_ms - answer->state.now_ms >= interval || answer->held_ms >= interval)
        return interval;
    int64_t until = answer->next_ms + 2 - answer->state.now_ms;
    if (until < answer->held_ms)
        until = answer->held_ms;
    return until < floor ? floor : until > interval ? interval : until;
}

static void answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct sweeper *s = machine;
    struct expire_answer answer;
    int result = store_read_expire(reply, &answer);
    if (result != 0) {
        const char *why = store_connection_fault(result, reply);
        s->next_ms = now_ms + RETRY_MS;
        if (why)
            s->hooks->reset(s->arg, why);
        return;
    }
    s->swept_ms = now_ms;
    s->held_ms = answer.held_ms;
    s->next_ms = now_ms + pause_after(s, &answer);
    s->hooks->swept(s->arg, &answer);
}

void sweeper_init(struct sweeper *s, const struct sweeper_config *config, const struct store *store,
                  struct recovery *recovery, const struct sweeper_hooks *hooks, void *arg)
{
    memset(s, 0, sizeof(*s));
    s->config = *config;
    s->store = store;
    s->recovery = recovery;
    s->hooks = hooks;
    s->arg = arg;
    s->swept_ms = SWEEPER_NEVER;
    store_request_init(&s->request, hooks->send, arg, answered, s);
}
