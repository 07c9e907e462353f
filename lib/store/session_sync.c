/* SPDX-License-Identifier: MIT */
#include "store/session_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Openings and ends: what each makes the next batch wait, of all in one batch at least and at most so long, and
 * how much of that is not waited for. */
#define PACE_OP_MS     2
#define PACE_MIN_MS    5
#define PACE_MAX_MS    20
#define PACE_CREDIT_MS 60
#define EARLY          128 /* openings and ends, with which Redis begins while this turn of the loop goes on */
#define BEAT_GATHER_MS 250 /* but a twentieth of the TTL at most */
#define CLOCK_KNOWN_MS                                                                                       \
    100 /* beats are plain where Redis's time is known so well: apply.lua alone bounds them by it */
#define RETRY_MS      200
#define AUDIT_PAGE    500
#define ROW_HOLDBACKS 5 /* ends are held back so long in a row at most, as expiries are (expire.lua) */
#define NEVER         INT64_MAX

void session_sync_finish(struct session_sync *s)
{
    store_request_finish(&s->batch);
    store_request_finish(&s->audit);
}

/* All sessions, then the audit of those that stand in the store. */
static void assert_everything(struct session_sync *s, int64_t now_ms)
{
    sessions_assert_all(s->sessions, now_ms);
    s->audit_state = AUDIT_DUE;
}

void session_sync_connected(struct session_sync *s, const char *run_id, int64_t now_ms)
{
    /* An unknown process may be another one that was started from an older dump, in which nothing but
     * deadlines differs. */
    bool same = strcmp(run_id, STORE_RUN_ID_UNKNOWN) != 0 && strcmp(run_id, s->registry->store->run_id) == 0;
    if (same || s->registry->epoch[0] == '\0')
        return;
    s->registry->asserted[0] = '\0';
    assert_everything(s, now_ms);
}

void session_sync_disconnected(struct session_sync *s)
{
    store_request_lost(&s->batch);
    store_request_lost(&s->audit);
    if (s->audit_state == AUDIT_RUNNING)
        s->audit_state = AUDIT_DUE;
    s->was_lost = true;
    s->sessions->connected = false;
    sessions_timed_out(s->sessions);
}

static bool is_able(const struct session_sync *s, const struct store_request *r, int64_t now_ms)
{
    return s->registry->registered && !r->waiting && now_ms >= s->retry_ms;
}

/* Beats are left to the script where Redis's time is not known well enough, or where they are so old that it may
 * have to refuse them; and for a TTL after a connection was lost. What that has sent may still be executed, and
 * set the times of beats back: the script keeps them in the session, too, where no plain command reaches. */
static void choose_plain(struct session_sync *s, int64_t now_ms, int64_t redis_ms)
{
    const struct redis_time *time = s->registry->time;
    bool known = time->high_ms - time->low_ms <= CLOCK_KNOWN_MS && now_ms >= s->plain_ms;
    s->beat_count = 0;
    for (size_t i = 0; i < s->op_count; i++) {
        struct session_op *op = &s->ops[i];
        op->plain = op->plain && known && redis_ms - op->beat_ms < s->config.ttl_ms / 2;
        s->beat_count += op->plain;
    }
}

/* Plain beats first, then the script with the rest, where there is any. */
static void write_batch(struct session_sync *s)
{
    struct store *store = s->registry->store;
    struct bytes *out = store_request_begin(&s->batch);
    s->beat_commands = store_beats(store, s->config.ttl_ms, s->ops, s->op_count, out);
    s->batch.commands = s->beat_commands;
    if (s->beat_count == s->op_count)
        return;
    store_apply(store, s->config.ttl_ms, s->ops, s->op_count, out);
    s->batch.commands++;
}

/* A batch costs Redis and this server as much as several operations do: openings and ends share them where they
 * are many, and wait for nothing where they are few, or come all at once. */
static int64_t urgent_due(const struct session_sync *s)
{
    return s->paced_ms - s->credit_ms;
}

static void pace(struct session_sync *s, int64_t now_ms)
{
    int64_t pause_ms = (int64_t)(s->op_count - s->beat_count) * PACE_OP_MS;
    int64_t most_ms = now_ms + s->credit_ms + PACE_MAX_MS; /* full batches wait for none */
    pause_ms = pause_ms < PACE_MIN_MS ? PACE_MIN_MS : pause_ms > PACE_MAX_MS ? PACE_MAX_MS : pause_ms;
    s->paced_ms = (s->paced_ms > now_ms ? s->paced_ms : now_ms) + pause_ms;
    if (s->paced_ms > most_ms)
        s->paced_ms = most_ms;
}

void session_sync_flush(struct session_sync *s, int64_t now_ms)
{
    struct store *store = s->registry->store;
    s->flush_ms = NEVER;
    if (!is_able(s, &s->batch, now_ms))
        return;
    int64_t offset_ms = redis_time_latest(s->registry->time, now_ms) - now_ms;
    store->until_ms = s->config.answer_ms > 0 ? now_ms + offset_ms + s->config.answer_ms : 0;
    s->sessions->hold_ends = now_ms < s->ends_ms;
    s->free_ms = s->sessions->hold_ends ? 0 : s->free_ms > 0 ? s->free_ms : now_ms;
    s->op_count = sessions_dequeue(s->sessions, offset_ms, span_of(s->drain_text), s->ops);
    if (s->op_count == 0)
        return;
    choose_plain(s, now_ms, now_ms + offset_ms);
    write_batch(s);
    pace(s, now_ms);
    if (!store_request_send(&s->batch, now_ms))
        sessions_requeue(s->sessions);
}

void session_sync_changed(struct session_sync *s, int64_t now_ms)
{
    int64_t due_ms = NEVER;
    if (s->sessions->urgent >= EARLY && is_able(s, &s->batch, now_ms) && now_ms >= urgent_due(s))
        session_sync_flush(s, now_ms);
    if (sessions_urgent(s->sessions))
        due_ms = urgent_due(s);
    else if (sessions_pending(s->sessions))
        due_ms = now_ms + s->beat_gather_ms;
    if (due_ms >= s->flush_ms)
        return;
    s->flush_ms = due_ms;
    s->hooks->flush_at(s->arg, due_ms);
}

static void ask_audit(struct session_sync *s, int64_t now_ms)
{
    store_audit(s->registry->store, span_of(s->cursor), AUDIT_PAGE, store_request_begin(&s->audit));
    s->audit_state = store_request_send(&s->audit, now_ms) ? AUDIT_RUNNING : AUDIT_DUE;
}

/* When the living are asserted, the dead are looked for; when their ends are confirmed too, all stands. */
static void advance(struct session_sync *s, int64_t now_ms)
{
    struct node_registry *registry = s->registry;
    if (is_able(s, &s->audit, now_ms) && s->audit_state == AUDIT_DUE && s->sessions->asserting == 0) {
        snprintf(s->cursor, sizeof(s->cursor), "0");
        ask_audit(s, now_ms);
    }
    registry->left = s->sessions->asserting + s->sessions->orphaned;
    if (s->audit_state == AUDIT_ENDING && s->sessions->orphaned == 0) {
        s->audit_state = AUDIT_NONE;
        memcpy(registry->asserted, registry->epoch, sizeof(registry->asserted));
        node_registry_probe(registry, now_ms);
    }
}

/* After an answer: what may be sent at once is. */
static void proceed(struct session_sync *s, int64_t now_ms)
{
    advance(s, now_ms);
    if (s->sessions->backlog)
        session_sync_flush(s, now_ms);
    session_sync_changed(s, now_ms);
}

/* Redis was away: other servers may not have asserted their sessions yet, and may find Redis later than this
 * one. One that stalls again and again would hold ends back for ever: another row begins when they were sent
 * for a hold-back, after an outage that is longer than a row, or with an epoch. */
static void hold_ends(struct session_sync *s, const struct node_registry_news *news, int64_t now_ms)
{
    int64_t holdback_ms = s->config.holdback_ms, row_ms = ROW_HOLDBACKS * holdback_ms;
    bool went = s->free_ms > 0 && now_ms - news->silent_ms - s->free_ms >= holdback_ms;
    if (s->held_ms == 0 || news->fresh_epoch || went || news->silent_ms > row_ms)
        s->held_ms = now_ms;
    int64_t until_ms = now_ms + holdback_ms * 3 / 2, most_ms = s->held_ms + row_ms;
    s->ends_ms = until_ms < most_ms ? until_ms : most_ms;
}

void session_sync_state(struct session_sync *s, const struct node_registry_news *news, int64_t now_ms)
{
    if (news->away)
        hold_ends(s, news, now_ms);
    if (news->clock_moved)
        sessions_assert_all(s->sessions, now_ms);
    if (news->first_epoch && news->fresh_epoch && s->sessions->count == 0)
        memcpy(s->registry->asserted, s->registry->epoch, sizeof(s->registry->asserted));
    else if (news->fresh_epoch)
        assert_everything(s, now_ms);
    s->registry->left = s->sessions->asserting + s->sessions->orphaned;
}

void session_sync_registered(struct session_sync *s, int64_t now_ms)
{
    if (s->was_lost)
        s->plain_ms = now_ms + s->config.ttl_ms;
    s->was_lost = false;
    s->sessions->connected = true;
    proceed(s, now_ms);
}

/* The script's, each at the place of its operation. */
static bool take_outcomes(struct session_sync *s, struct span outcomes)
{
    size_t at = 0;
    if (outcomes.len != s->op_count - s->beat_count)
        return false;
    for (size_t i = 0; i < s->op_count; i++)
        if (!s->ops[i].plain)
            s->outcomes[i] = outcomes.data[at++];
    return true;
}

static void batch_answered(void *machine, const struct redisReply *const *replies, int64_t now_ms)
{
    struct session_sync *s = machine;
    struct apply_answer answer = {.outcomes = SPAN_NONE};
    const struct redisReply *reply = NULL; /* the script's */
    bool usable = true;
    if (s->beat_count > 0)
        store_read_beats(replies, span_of(s->registry->epoch), s->ops, s->op_count, s->outcomes);
    if (s->batch.commands > s->beat_commands) {
        reply = replies[s->beat_commands];
        usable = node_registry_usable(s->registry, store_read_apply(reply, &answer), reply);
        if (usable)
            node_registry_heard(s->registry, &answer.state, s->batch.sent_ms, now_ms);
    }
    bool stale = reply_error_is(reply, "STALE");
    if (usable && take_outcomes(s, answer.outcomes)) {
        for (size_t i = 0; i < s->op_count; i++)
            s->hooks->outcome(s->arg, s->outcomes[i]);
        sessions_complete(s->sessions, (struct span){s->outcomes, s->op_count}, now_ms);
    } else {
        s->retry_ms = now_ms + RETRY_MS;
        if (stale)
            sessions_timed_out(s->sessions);
        else
            sessions_requeue(s->sessions);
        if (stale)
            node_registry_probe(s->registry, now_ms); /* its clock may have been set */
    }
    proceed(s, now_ms);
}

static void end_orphans(struct session_sync *s, const struct audit_answer *answer)
{
    for (size_t i = 0; i + 1 < reply_count(answer->pairs); i += 2) {
        struct span user = reply_text(reply_at(answer->pairs, i));
        struct span session = reply_text(reply_at(answer->pairs, i + 1));
        uint64_t number;
        span_split(&session, '/');
        if (identity_user_valid(user) && span_to_u64(session, UINT64_MAX, &number) == 0 &&
            !sessions_find(s->sessions, user, number))
            sessions_end_orphan(s->sessions, user, number, "recovered");
    }
}

static void audit_answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct session_sync *s = machine;
    struct audit_answer answer;
    if (!node_registry_usable(s->registry, store_read_audit(reply, &answer), reply)) {
        s->audit_state = AUDIT_DUE;
        s->retry_ms = now_ms + RETRY_MS;
    } else if (s->audit_state == AUDIT_RUNNING) {
        end_orphans(s, &answer);
        if (span_equal(answer.cursor, SPAN("0")) ||
            span_copy(answer.cursor, s->cursor, sizeof(s->cursor)) < 0)
            s->audit_state = AUDIT_ENDING;
        else
            ask_audit(s, now_ms);
    }
    proceed(s, now_ms);
}

void session_sync_init(struct session_sync *s, const struct session_sync_config *config,
                       struct node_registry *registry, struct sessions *sessions,
                       const struct session_sync_hooks *hooks, void *arg)
{
    int64_t beat_gather_ms = config->ttl_ms / 20;
    memset(s, 0, sizeof(*s));
    s->config = *config;
    s->registry = registry;
    s->sessions = sessions;
    s->hooks = hooks;
    s->arg = arg;
    s->credit_ms = PACE_CREDIT_MS;
    s->beat_gather_ms = beat_gather_ms < BEAT_GATHER_MS ? beat_gather_ms : BEAT_GATHER_MS;
    s->flush_ms = NEVER;
    snprintf(s->drain_text, sizeof(s->drain_text), "%" PRId64, config->drain_ms);
    store_request_init(&s->batch, hooks->send, arg, NULL, s);
    s->batch.answered_all = batch_answered;
    store_request_init(&s->audit, hooks->send, arg, audit_answered, s);
}

void session_sync_tick(struct session_sync *s, int64_t now_ms)
{
    bool urgent = sessions_urgent(s->sessions) && now_ms >= urgent_due(s);
    if (urgent || now_ms - s->batch.sent_ms >= s->beat_gather_ms)
        session_sync_flush(s, now_ms);
    advance(s, now_ms);
}

bool session_sync_idle(const struct session_sync *s)
{
    return !sessions_pending(s->sessions) && !sessions_in_flight(s->sessions);
}
