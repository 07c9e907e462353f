/* SPDX-License-Identifier: MIT */
#include "store/node_registry.h"

#include <stdio.h>
#include <string.h>

#define INTERVAL_MS 1000
#define HURRY_MS    100
#define FORGET_MS   60000
#define RETRY_MS    200
#define SLOW_MS     1000 /* an answer that takes longer, */
#define SILENCE_MS  2500 /* or none for so long (one is asked for each second): Redis was away */

void node_registry_hear_peers(struct recovery *recovery, const struct node_answer *answer,
                              int64_t spoken_redis_ms, int64_t now_ms)
{
    for (size_t i = 0; i < reply_count(answer->nodes) / 2; i++) {
        struct node n;
        if (store_node_read(answer->nodes, i, &n) < 0)
            continue;
        bool spoke = n.seen_ms >= spoken_redis_ms;
        if (span_equal(n.program, SPAN("presence-ws")))
            recovery_node(recovery, n.name, answer->state.now_ms - n.seen_ms, spoke ? n.asserted : SPAN_NONE,
                          n.left, now_ms);
        store_node_finish(&n);
    }
}

static void register_node(struct node_registry *r, bool leave, int64_t now_ms)
{
    struct node_says says = {
        .program = r->config.program,
        .address = r->config.address,
        .offset_ms = r->time->known ? r->hooks->wall_ms() - redis_time_at(r->time, now_ms) : 0,
        .asserted = r->asserted,
        .forget_ms = FORGET_MS,
        .leave = leave,
        .number = ++r->number,
        .answered = r->answered,
        .answered_ms = r->answered_ms,
        .epoch = r->epoch,
        .ahead_s = r->ahead_s,
        .left = r->left,
        .ttl_ms = r->config.ttl_ms,
    };
    store_node(r->store, &says, store_request_begin(&r->request));
    store_request_send(&r->request, now_ms);
    r->next_ms = now_ms + (r->hurry || r->recovery.waiting ? HURRY_MS : INTERVAL_MS);
}

void node_registry_probe(struct node_registry *r, int64_t now_ms)
{
    if (r->connected && !r->request.waiting)
        register_node(r, false, now_ms);
}

void node_registry_ahead(struct node_registry *r, int64_t ahead_s, int64_t now_ms)
{
    if (ahead_s == r->ahead_s)
        return;
    r->ahead_s = ahead_s;
    r->next_ms = now_ms;
    node_registry_probe(r, now_ms);
}

void node_registry_leave(struct node_registry *r, int64_t now_ms)
{
    if (r->connected)
        register_node(r, true, now_ms);
}

void node_registry_connected(struct node_registry *r, const char *run_id, uint64_t generation, int64_t now_ms)
{
    snprintf(r->store->run_id, sizeof(r->store->run_id), "%s", run_id);
    r->store->generation = generation;
    r->connected = true;
    r->registered = false;
    node_registry_probe(r, now_ms);
}

void node_registry_disconnected(struct node_registry *r)
{
    r->connected = r->registered = false;
    store_request_lost(&r->request);
}

void node_registry_heard(struct node_registry *r, const struct store_state *state, int64_t sent_ms,
                         int64_t now_ms)
{
    struct node_registry_news news = {
        .first_epoch = r->epoch[0] == '\0',
        .silent_ms = now_ms - r->heard_ms,
    };
    news.fresh_epoch = !span_equal(state->epoch, span_of(r->epoch)) &&
                       span_copy(state->epoch, r->epoch, sizeof(r->epoch)) == 0;
    news.away =
        r->heard_ms > 0 && (now_ms - sent_ms > SLOW_MS || news.silent_ms > SILENCE_MS || news.fresh_epoch);
    news.clock_moved = redis_time_sample(r->time, sent_ms, now_ms, state->now_ms);
    r->heard_ms = now_ms;
    if (state->rev > r->store->known_rev)
        r->store->known_rev = state->rev;
    if (news.fresh_epoch)
        r->answered = 0;
    if (r->config.peers != NODE_REGISTRY_NO_PEERS)
        recovery_epoch(&r->recovery, state->epoch, now_ms);
    r->hooks->state(r->arg, state, &news);
}

bool node_registry_usable(struct node_registry *r, int result, const struct redisReply *reply)
{
    const char *why = result == 0 ? NULL : store_connection_fault(result, reply);
    if (why)
        r->hooks->reset(r->arg, why);
    return result == 0;
}

static void answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct node_registry *r = machine;
    struct node_answer answer;
    bool resumes = !r->registered && r->recovery.epoch[0] != '\0';
    if (!node_registry_usable(r, store_read_node(reply, &answer), reply)) {
        r->next_ms = now_ms + RETRY_MS;
        return;
    }
    node_registry_heard(r, &answer.state, r->request.sent_ms, now_ms);
    r->answered = r->number;
    r->answered_ms = answer.state.now_ms;
    if (!r->registered)
        r->resumed_redis_ms = answer.state.now_ms;
    r->registered = true;
    if (r->config.peers == NODE_REGISTRY_CONNECTION && resumes)
        recovery_begin(&r->recovery, now_ms);
    if (r->config.peers != NODE_REGISTRY_NO_PEERS) {
        bool anew = r->config.peers == NODE_REGISTRY_CONNECTION;
        node_registry_hear_peers(&r->recovery, &answer, anew ? r->resumed_redis_ms : 0, now_ms);
        recovery_settled(&r->recovery, now_ms);
    }
    r->hooks->nodes(r->arg, &answer);
}

void node_registry_init(struct node_registry *r, const struct node_registry_config *config,
                        struct store *store, struct redis_time *time, const struct node_registry_hooks *hooks,
                        void *arg)
{
    memset(r, 0, sizeof(*r));
    r->config = *config;
    r->store = store;
    r->time = time;
    r->hooks = hooks;
    r->arg = arg;
    recovery_init(&r->recovery);
    store_request_init(&r->request, hooks->send, arg, answered, r);
}

void node_registry_finish(struct node_registry *r)
{
    recovery_finish(&r->recovery);
    store_request_finish(&r->request);
}

void node_registry_tick(struct node_registry *r, int64_t now_ms)
{
    if (now_ms >= r->next_ms)
        node_registry_probe(r, now_ms);
}
