#include "view.h"

#include "base/clock.h"
#include "store/reply.h"

#include <stdio.h>
#include <string.h>

void view_init(struct view *v)
{
    memset(v, 0, sizeof(*v));
    pthread_mutex_init(&v->lock, NULL);
    recovery_init(&v->recovery);
    v->report.online = -1;
}

void view_finish(struct view *v)
{
    pthread_mutex_destroy(&v->lock);
}

void view_link(struct view *v, bool up)
{
    pthread_mutex_lock(&v->lock);
    v->report.linked = up;
    v->report.heard = false;
    pthread_mutex_unlock(&v->lock);
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

static void meet_nodes(struct view *v, const struct node_answer *answer, int64_t now_ms)
{
    v->report.expiryds = 0;
    for (size_t i = 0; i < reply_count(answer->nodes) / 2; i++) {
        struct node node;
        if (node_read(answer->nodes, i, &node) < 0)
            continue;
        int64_t age_ms = answer->state.now_ms - node.seen_ms;
        if (span_equal(node.program, SPAN("presence-ws")))
            recovery_node(&v->recovery, node.name, age_ms, node.asserted, now_ms);
        if (span_equal(node.program, SPAN("presence-expiryd")) && age_ms <= RECOVERY_ALIVE_MS)
            v->report.expiryds++;
        node_finish(&node);
    }
}

void view_hear(struct view *v, const struct node_answer *answer, const struct redis_time *time,
               int64_t sent_ms, int64_t now_ms)
{
    pthread_mutex_lock(&v->lock);
    v->time = *time;
    meet_epoch(v, answer->state.epoch, sent_ms, now_ms);
    meet_nodes(v, answer, now_ms);
    v->report.heard = true;
    v->report.online = answer->state.online;
    v->report.swept_ms = answer->swept_ms;
    v->report.held_ms = answer->held_ms;
    pthread_mutex_unlock(&v->lock);
}

bool view_trusts(struct view *v, struct span epoch, int64_t sent_ms, int64_t now_ms)
{
    pthread_mutex_lock(&v->lock);
    bool trusts = meet_epoch(v, epoch, sent_ms, now_ms) && recovery_settled(&v->recovery, now_ms);
    pthread_mutex_unlock(&v->lock);
    return trusts;
}

bool view_recovering(struct view *v, int64_t now_ms)
{
    pthread_mutex_lock(&v->lock);
    bool recovering = !recovery_settled(&v->recovery, now_ms);
    pthread_mutex_unlock(&v->lock);
    return recovering;
}

int64_t view_redis_ms(struct view *v, int64_t now_ms)
{
    pthread_mutex_lock(&v->lock);
    int64_t redis_ms = redis_time_at(&v->time, now_ms);
    pthread_mutex_unlock(&v->lock);
    return redis_ms ? redis_ms : clock_wall_ms();
}

void view_read(struct view *v, int64_t now_ms, struct view_report *ret)
{
    pthread_mutex_lock(&v->lock);
    *ret = v->report;
    ret->recovering = !recovery_settled(&v->recovery, now_ms);
    ret->redis_ms = redis_time_at(&v->time, now_ms);
    snprintf(ret->epoch, sizeof(ret->epoch), "%s", v->recovery.epoch);
    pthread_mutex_unlock(&v->lock);
}
