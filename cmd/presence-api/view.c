/* SPDX-License-Identifier: MIT */
#include "view.h"

#include "base/clock.h"
#include "redis/reply.h"

#include <stdio.h>
#include <string.h>

void view_init(struct view *v)
{
    memset(v, 0, sizeof(*v));
    recovery_init(&v->recovery);
    v->report.online = -1;
}

void view_finish(struct view *v)
{
    recovery_finish(&v->recovery);
}

void view_link(struct view *v, bool up)
{
    v->report.linked = up;
    v->report.heard = false;
    v->unsure |= !up;
}

void view_fault(struct view *v, const char *fault, bool readable)
{
    snprintf(v->report.fault, sizeof(v->report.fault), "%s", fault ? fault : "");
    v->report.fault_readable = readable;
}

/* The epoch shown in an answer. An answer that was under way when the present epoch was met is no news. */
static bool meet_epoch(struct view *v, struct span epoch, int64_t sent_ms, int64_t now_ms)
{
    bool known = v->known_ms > 0;
    if (span_equal(epoch, span_of(v->recovery.epoch)))
        return true;
    if (known && sent_ms <= v->epoch_ms)
        return sent_ms <= v->known_ms;
    if (recovery_epoch(&v->recovery, epoch, now_ms))
        v->report.epochs++;
    v->epoch_ms = now_ms;
    if (!known)
        v->known_ms = now_ms;
    return true;
}

void view_hear(struct view *v, const struct node_answer *answer, const struct redis_time *time,
               int64_t sent_ms, int64_t now_ms)
{
    v->time = *time;
    meet_epoch(v, answer->state.epoch, sent_ms, now_ms);
    node_registry_hear_peers(&v->recovery, answer, 0, now_ms);
    v->report.expiryds = store_nodes_count_alive(answer->nodes, "presence-expiryd", answer->state.now_ms);
    v->report.heard = true;
    v->unsure = false;
    v->report.online = answer->state.online;
    v->report.swept_ms = answer->swept_ms;
    v->report.held_ms = answer->held_ms;
}

bool view_trusts(struct view *v, struct span epoch, enum view_process process, int64_t sent_ms,
                 int64_t now_ms)
{
    struct span shown = process == VIEW_PROCESS_OTHER ? SPAN_NONE : epoch;
    bool sure = process != VIEW_PROCESS_UNKNOWN || !v->unsure;
    return sure && meet_epoch(v, shown, sent_ms, now_ms) && recovery_settled(&v->recovery, now_ms);
}

bool view_recovering(struct view *v, int64_t now_ms)
{
    return !recovery_settled(&v->recovery, now_ms);
}

int64_t view_redis_ms(struct view *v, int64_t now_ms)
{
    int64_t redis_ms = redis_time_at(&v->time, now_ms);
    return redis_ms ? redis_ms : clock_wall_ms();
}

void view_saw_issuer(struct view *v, int64_t issued_s, int64_t now_ms)
{
    if (v->time.known)
        revocation_issuer_lead_see(&v->issuer_lead, issued_s, redis_time_at(&v->time, now_ms));
}

int64_t view_ahead_s(struct view *v, int64_t now_ms)
{
    return revocation_issuer_lead_s(&v->issuer_lead, redis_time_at(&v->time, now_ms));
}

void view_read(struct view *v, int64_t now_ms, struct view_report *ret)
{
    *ret = v->report;
    ret->recovering = !recovery_settled(&v->recovery, now_ms);
    ret->redis_ms = redis_time_at(&v->time, now_ms);
    snprintf(ret->epoch, sizeof(ret->epoch), "%s", v->recovery.epoch);
}
