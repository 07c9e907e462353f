#include "store/sweeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY_MS 200

void sweeper_init(struct sweeper *s, const struct sweeper_config *config, const struct store *store,
                  const struct sweeper_hooks *hooks, void *arg)
{
    memset(s, 0, sizeof(*s));
    s->config = *config;
    s->store = store;
    s->hooks = hooks;
    s->arg = arg;
    s->swept_ms = SWEEPER_NEVER;
    recovery_init(&s->recovery);
}

void sweeper_finish(struct sweeper *s)
{
    bytes_finish(&s->command);
}

void sweeper_connected(struct sweeper *s, bool connected, int64_t now_ms)
{
    s->connected = connected;
    s->waiting = false;
    s->resumed_redis_ms = 0;
    s->next_ms = now_ms;
}

/* What servers must have spoken in: this epoch, on this connection of ours. */
static void meeting_name(const struct sweeper *s, struct span epoch, char out[EPOCH_MAX])
{
    snprintf(out, EPOCH_MAX, "%.*s/%" PRIu64, (int)epoch.len, epoch.data, s->store->generation);
}

static void meet_node(struct sweeper *s, const struct node *n, const struct store_state *state,
                      const char *meeting, int64_t now_ms)
{
    bool spoke = n->seen_ms >= s->resumed_redis_ms && span_equal(n->asserted, state->epoch);
    if (span_equal(n->program, SPAN("presence-ws")))
        recovery_node(&s->recovery, n->name, state->now_ms - n->seen_ms, spoke ? span_of(meeting) : SPAN_NONE,
                      now_ms);
}

void sweeper_nodes(struct sweeper *s, const struct node_answer *answer, int64_t now_ms)
{
    char meeting[EPOCH_MAX];
    meeting_name(s, answer->state.epoch, meeting);
    if (s->resumed_redis_ms == 0)
        s->resumed_redis_ms = answer->state.now_ms;
    recovery_epoch(&s->recovery, span_of(meeting), now_ms);
    for (size_t i = 0; i < reply_count(answer->nodes) / 2; i++) {
        struct node n;
        if (node_read(answer->nodes, i, &n) < 0)
            continue;
        meet_node(s, &n, &answer->state, meeting, now_ms);
        node_finish(&n);
    }
    recovery_settled(&s->recovery, now_ms);
}

bool sweeper_recovering(const struct sweeper *s)
{
    return s->config.holdback_ms > 0 && s->recovery.waiting;
}

static void sweep(struct sweeper *s, int64_t now_ms)
{
    bytes_reset(&s->command);
    store_expire(s->store, SWEEPER_LIMIT, s->config.holdback_ms, SWEEPER_GAP_MS, s->text, &s->command);
    if (s->hooks->send(s->arg, bytes_span(&s->command)) < 0) {
        s->next_ms = now_ms + RETRY_MS;
        return;
    }
    s->waiting = true;
    s->sent_ms = now_ms;
}

void sweeper_tick(struct sweeper *s, int64_t now_ms)
{
    if (now_ms < sweeper_due(s))
        return;
    if (s->recovery.waiting && !recovery_settled(&s->recovery, now_ms) && s->config.holdback_ms > 0)
        s->next_ms = now_ms + s->config.interval_ms;
    else
        sweep(s, now_ms);
}

int64_t sweeper_due(const struct sweeper *s)
{
    return s->connected && !s->waiting && s->resumed_redis_ms != 0 ? s->next_ms : SWEEPER_NEVER;
}

void sweeper_wake(struct sweeper *s, int64_t now_ms)
{
    int64_t soon = s->sent_ms + SWEEPER_FLOOR_MS;
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
    int64_t interval = s->config.interval_ms,
            floor = SWEEPER_FLOOR_MS < interval ? SWEEPER_FLOOR_MS : interval;
    if (answer->next_ms - answer->state.now_ms >= interval || answer->held_ms >= interval)
        return interval;
    int64_t until = answer->next_ms + 2 - answer->state.now_ms;
    if (until < answer->held_ms)
        until = answer->held_ms;
    return until < floor ? floor : until > interval ? interval : until;
}

static void failed(struct sweeper *s, int result, const struct redisReply *reply, int64_t now_ms)
{
    s->next_ms = result == STORE_NOSCRIPT ? now_ms : now_ms + RETRY_MS;
    if (reply_error_is(reply, "READONLY"))
        s->hooks->reset(s->arg, "it is a read-only replica");
}

void sweeper_answer(struct sweeper *s, const struct redisReply *reply, int64_t now_ms)
{
    struct expire_answer answer;
    if (!s->waiting || !reply)
        return;
    s->waiting = false;
    int result = store_read_expire(reply, &answer);
    s->text = result == STORE_NOSCRIPT;
    if (result != 0) {
        failed(s, result, reply, now_ms);
        return;
    }
    s->swept_ms = now_ms;
    s->held_ms = answer.held_ms;
    s->next_ms = now_ms + pause_after(s, &answer);
    s->hooks->swept(s->arg, &answer);
}
