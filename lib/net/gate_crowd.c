#include "base/log.h"
#include "net/gate_inner.h"
#include "net/proxies.h"

#include <string.h>

#define TICK_MS 100

void gate_tick(struct gate *gate)
{
    if (gate->waiting_count + gate->leaving_count == 0)
        loop_timer_stop(gate->timer);
    else if (!loop_timer_active(gate->timer))
        loop_timer_start(gate->timer, TICK_MS, TICK_MS);
}

static void guest_time_out(struct guest *g)
{
    struct gate_answer answer;

    if (g->leaving) {
        guest_close(g);
        return;
    }
    if (g->in.len == 0) {
        /* A browser's spare connection: an answer to no question would puzzle it. */
        log_debug("gate_refused", LOG_T("peer", g->peer), LOG_N("status", 408), LOG_T("reason", "timeout"));
        if (g->gate->hooks.refused)
            g->gate->hooks.refused(g->gate->arg, 408, "timeout", g->peer);
        guest_close(g);
        return;
    }
    gate_answer_set(&answer, 408, "timeout", "The request did not come in time");
    guest_refuse(g, &answer);
}

static void expire(struct gate *gate, struct list *guests)
{
    int64_t now = loop_now_ms(gate->loop);

    while (!list_empty(guests)) {
        struct guest *g = list_entry(guests->next, struct guest, link);
        if (g->due_ms > now)
            return;
        guest_time_out(g);
    }
}

void gate_expire(struct gate *gate)
{
    expire(gate, &gate->waiting);
    expire(gate, &gate->leaving);
    gate_tick(gate);
}

void gate_drop_oldest(struct gate *gate)
{
    struct gate_answer answer;

    gate_answer_set(&answer, 503, "overload", "Too many connections have not sent their request");
    answer.retry_after_s = 1;
    guest_refuse(list_entry(gate->waiting.next, struct guest, link), &answer);
}

/* Only while the setting is on: a walk for each arrival. */
bool gate_crowded_by(const struct guest *g)
{
    const struct gate *gate = g->gate;
    size_t count = 0;

    if (gate->config.pending_per_address == 0 ||
        proxies_trust(gate->config.trusted_proxies, span_of(g->peer)))
        return false;
    for (struct list *at = gate->waiting.next; at != &gate->waiting; at = at->next)
        count += strcmp(list_entry(at, struct guest, link)->peer, g->peer) == 0;
    return count > gate->config.pending_per_address;
}

void gate_refuse_crowding(struct guest *g)
{
    struct gate_answer answer;

    gate_answer_set(&answer, 429, "quota",
                    "Too many connections from this address have not sent their request");
    answer.retry_after_s = 30;
    guest_refuse(g, &answer);
}
