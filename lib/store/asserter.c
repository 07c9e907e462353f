#include "store/asserter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NODE_INTERVAL_MS 1000
#define NODE_HURRY_MS    100
#define NODE_FORGET_MS   60000
#define RETRY_MS         200
#define SLOW_MS          1000 /* an answer that takes longer, */
#define SILENCE_MS       2500 /* or none for so long (one is asked for each second): Redis was away */
#define AUDIT_PAGE       500

void asserter_init(struct asserter *a, const struct asserter_config *config, struct store *store,
                   struct ledger *ledger, struct redis_time *time, const struct asserter_hooks *hooks,
                   void *arg)
{
    memset(a, 0, sizeof(*a));
    a->config = *config;
    a->store = store;
    a->ledger = ledger;
    a->time = time;
    a->hooks = hooks;
    a->arg = arg;
    snprintf(a->drain_text, sizeof(a->drain_text), "%" PRId64, config->drain_ms);
}

void asserter_finish(struct asserter *a)
{
    bytes_finish(&a->command);
}

/* Whether it went out; the command stands in a->command. */
static bool send_command(struct asserter *a, enum asserter_tag tag, int64_t now_ms)
{
    if (a->hooks->send(a->arg, tag, bytes_span(&a->command)) < 0)
        return false;
    a->waiting[tag] = true;
    a->sent_ms[tag] = now_ms;
    return true;
}

static void say_node(struct asserter *a, bool leave, int64_t now_ms)
{
    struct node_says says = {
        .program = a->config.program,
        .address = a->config.address,
        .offset_ms = a->time->known ? now_ms + a->wall_minus_mono_ms - redis_time_at(a->time, now_ms) : 0,
        .asserted = a->asserted,
        .forget_ms = NODE_FORGET_MS,
        .leave = leave,
    };
    bytes_reset(&a->command);
    store_node(a->store, &says, a->text[ASSERTER_NODE], &a->command);
    send_command(a, ASSERTER_NODE, now_ms);
    a->node_ms = now_ms + (a->hurry ? NODE_HURRY_MS : NODE_INTERVAL_MS);
}

void asserter_probe(struct asserter *a, int64_t now_ms)
{
    if (a->connected && !a->waiting[ASSERTER_NODE])
        say_node(a, false, now_ms);
}

void asserter_leave(struct asserter *a, int64_t now_ms)
{
    if (a->connected)
        say_node(a, true, now_ms);
}

void asserter_connected(struct asserter *a, const char *run_id, uint64_t generation, int64_t now_ms)
{
    snprintf(a->store->run_id, sizeof(a->store->run_id), "%s", run_id);
    a->store->generation = generation;
    a->connected = true;
    a->registered = false;
    asserter_probe(a, now_ms);
}

void asserter_disconnected(struct asserter *a)
{
    a->connected = a->registered = false;
    memset(a->waiting, 0, sizeof(a->waiting));
    if (a->audit == AUDIT_RUNNING)
        a->audit = AUDIT_DUE;
    if (a->ledger) {
        a->ledger->connected = false;
        ledger_lost(a->ledger);
    }
}

void asserter_flush(struct asserter *a, int64_t now_ms)
{
    if (!a->registered || a->waiting[ASSERTER_BATCH] || now_ms < a->retry_ms)
        return;
    int64_t offset_ms = redis_time_latest(a->time, now_ms) - now_ms;
    a->store->until_ms = a->config.answer_ms > 0 ? now_ms + offset_ms + a->config.answer_ms : 0;
    a->ledger->hold_ends = now_ms < a->ends_ms;
    a->op_count = ledger_take(a->ledger, offset_ms, span_of(a->drain_text), a->ops);
    if (a->op_count == 0)
        return;
    bytes_reset(&a->command);
    store_apply(a->store, a->config.ttl_ms, a->config.grace_ms, a->ops, a->op_count, a->text[ASSERTER_BATCH],
                &a->command);
    if (!send_command(a, ASSERTER_BATCH, now_ms))
        ledger_lost(a->ledger);
}

static void say_audit(struct asserter *a, int64_t now_ms)
{
    bytes_reset(&a->command);
    store_audit(a->store, span_of(a->cursor), AUDIT_PAGE, a->text[ASSERTER_AUDIT], &a->command);
    a->audit = send_command(a, ASSERTER_AUDIT, now_ms) ? AUDIT_RUNNING : AUDIT_DUE;
}

/* After the living are asserted, look for the dead; when their ends have arrived too, all stands. */
static void go_on_asserting(struct asserter *a, int64_t now_ms)
{
    bool able = a->registered && !a->waiting[ASSERTER_AUDIT] && now_ms >= a->retry_ms;
    if (able && a->audit == AUDIT_DUE && a->ledger->asserting == 0) {
        snprintf(a->cursor, sizeof(a->cursor), "0");
        say_audit(a, now_ms);
    }
    if (a->audit == AUDIT_ENDING && a->ledger->disowned == 0) {
        a->audit = AUDIT_NONE;
        memcpy(a->asserted, a->epoch, sizeof(a->asserted));
        asserter_probe(a, now_ms);
    }
}

static void meet_epoch(struct asserter *a, struct span epoch, int64_t now_ms)
{
    bool first = a->epoch[0] == '\0';
    if (span_copy(epoch, a->epoch, sizeof(a->epoch)) < 0 || !a->config.sessions)
        return;
    if (first && a->ledger->count == 0) {
        memcpy(a->asserted, a->epoch, sizeof(a->asserted));
        return;
    }
    ledger_assert_all(a->ledger, now_ms);
    a->audit = AUDIT_DUE;
}

static void take_state(struct asserter *a, enum asserter_tag tag, const struct store_state *state,
                       int64_t now_ms)
{
    bool fresh = !span_equal(state->epoch, span_of(a->epoch));
    bool was_away = now_ms - a->sent_ms[tag] > SLOW_MS || now_ms - a->heard_ms > SILENCE_MS || fresh;
    if (a->heard_ms > 0 && was_away)
        a->ends_ms = now_ms + a->config.holdback_ms * 3 / 2; /* others may find Redis later than we */
    a->heard_ms = now_ms;
    if (redis_time_sample(a->time, a->sent_ms[tag], now_ms, state->now_ms) && a->ledger)
        ledger_assert_all(a->ledger, now_ms);
    if (state->rev > a->store->known_rev)
        a->store->known_rev = state->rev;
    if (fresh)
        meet_epoch(a, state->epoch, now_ms);
    a->hooks->state(a->arg, state, fresh);
}

/* Returns whether the answer is of use; others are seen to. */
static bool usable(struct asserter *a, enum asserter_tag tag, int result, const struct redisReply *reply)
{
    a->text[tag] = result == STORE_NOSCRIPT;
    if (result == 0)
        return true;
    if (result == STORE_FENCED)
        a->hooks->reset(a->arg, "a later connection has spoken for this node");
    else if (reply_error_is(reply, "READONLY"))
        a->hooks->reset(a->arg, "it is a read-only replica");
    return false;
}

static void node_answer(struct asserter *a, const struct redisReply *reply, int64_t now_ms)
{
    struct node_answer answer;
    int result = store_read_node(reply, &answer);
    if (!usable(a, ASSERTER_NODE, result, reply)) {
        a->node_ms = result == STORE_NOSCRIPT ? now_ms : now_ms + RETRY_MS;
        if (result == STORE_NOSCRIPT)
            asserter_probe(a, now_ms);
        return;
    }
    take_state(a, ASSERTER_NODE, &answer.state, now_ms);
    a->registered = true;
    if (a->ledger)
        a->ledger->connected = true;
    a->hooks->nodes(a->arg, &answer);
}

static void batch_answer(struct asserter *a, const struct redisReply *reply, int64_t now_ms)
{
    struct apply_answer answer;
    int result = store_read_apply(reply, &answer);
    if (!usable(a, ASSERTER_BATCH, result, reply)) {
        ledger_lost(a->ledger);
        a->retry_ms = result == STORE_NOSCRIPT ? now_ms : now_ms + RETRY_MS;
        if (reply_error_is(reply, "STALE"))
            asserter_probe(a, now_ms); /* its clock may have been set */
        return;
    }
    take_state(a, ASSERTER_BATCH, &answer.state, now_ms);
    if (answer.outcomes.len != a->op_count) {
        ledger_lost(a->ledger);
        a->retry_ms = now_ms + RETRY_MS;
        return;
    }
    for (size_t i = 0; i < answer.outcomes.len; i++)
        a->hooks->outcome(a->arg, answer.outcomes.data[i]);
    ledger_answered(a->ledger, answer.outcomes, now_ms);
}

static void disown_page(struct asserter *a, const struct audit_answer *answer)
{
    for (size_t i = 0; i + 1 < reply_count(answer->pairs); i += 2) {
        struct span user = reply_text(reply_at(answer->pairs, i));
        struct span session = reply_text(reply_at(answer->pairs, i + 1));
        uint64_t number;
        span_split(&session, '/');
        if (user_id_valid(user) && span_to_u64(session, UINT64_MAX, &number) == 0 &&
            !ledger_find(a->ledger, user, number))
            ledger_disown(a->ledger, user, number, "recovered");
    }
}

static void audit_answer(struct asserter *a, const struct redisReply *reply, int64_t now_ms)
{
    struct audit_answer answer;
    int result = store_read_audit(reply, &answer);
    if (!usable(a, ASSERTER_AUDIT, result, reply)) {
        a->audit = AUDIT_DUE;
        a->retry_ms = result == STORE_NOSCRIPT ? a->retry_ms : now_ms + RETRY_MS;
        return;
    }
    if (a->audit != AUDIT_RUNNING)
        return;
    disown_page(a, &answer);
    if (span_equal(answer.cursor, SPAN("0")) || span_copy(answer.cursor, a->cursor, sizeof(a->cursor)) < 0)
        a->audit = AUDIT_ENDING;
    else
        say_audit(a, now_ms);
}

void asserter_answer(struct asserter *a, enum asserter_tag tag, const struct redisReply *reply,
                     int64_t now_ms)
{
    if (!reply || !a->waiting[tag])
        return;
    a->waiting[tag] = false;
    if (tag == ASSERTER_NODE)
        node_answer(a, reply, now_ms);
    else if (tag == ASSERTER_BATCH)
        batch_answer(a, reply, now_ms);
    else
        audit_answer(a, reply, now_ms);
    if (a->ledger) {
        go_on_asserting(a, now_ms);
        bool gathered = now_ms - a->sent_ms[ASSERTER_BATCH] >= a->config.gather_ms;
        if (a->ledger->behind || (gathered && ledger_urgent(a->ledger)))
            asserter_flush(a, now_ms);
    }
}

void asserter_tick(struct asserter *a, int64_t now_ms)
{
    if (now_ms >= a->node_ms)
        asserter_probe(a, now_ms);
    if (a->ledger) {
        if (now_ms - a->sent_ms[ASSERTER_BATCH] >= a->config.beat_gather_ms)
            asserter_flush(a, now_ms);
        go_on_asserting(a, now_ms);
    }
}

bool asserter_idle(const struct asserter *a)
{
    return !a->ledger || (!ledger_dirty(a->ledger) && !ledger_in_flight(a->ledger));
}
