/* SPDX-License-Identifier: MIT */
/* A whole session: connections of one user that send any bytes, fall silent, end and come again, batches that
 * arrive or are lost, and a store that forgets. The session table's promises are checked at each step, and at the
 * end the store holds exactly who lives. */
#include "presence/rate.h"
#include "presence/sessions.h"
#include "wire/message.h"

#include <stdlib.h>
#include <string.h>

#define TTL_MS      60000
#define CONNECTIONS 4
#define NUMBERS     256
#define OFFSET_MS   1000000 /* Redis's clock minus ours */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
    struct span input;
    struct sessions sessions;
    int64_t now_ms;
    struct session *open[CONNECTIONS];
    uint64_t numbers[CONNECTIONS];
    struct rate rates[CONNECTIONS];
    bool stored[NUMBERS], ended[NUMBERS]; /* by number: in the store; said to have ended, and heard */
    bool given_up[NUMBERS];
    struct session_op ops[SESSIONS_BATCH_MAX];
    size_t op_count;
};

static void need(bool held)
{
    if (!held)
        abort();
}

static uint8_t take_byte(struct scene *s)
{
    if (s->input.len == 0)
        return 0;
    s->input.len--;
    return (uint8_t)*s->input.data++;
}

static void open_session(struct scene *s, size_t i)
{
    if (s->open[i] || s->sessions.last_number + 1 >= NUMBERS)
        return;
    s->open[i] = session_open(&s->sessions, SPAN("user1"), SPAN("device"), SPAN(""), s, s->now_ms);
    s->numbers[i] = s->open[i]->number;
    s->rates[i] = (struct rate){0};
}

static void close_session(struct scene *s, size_t i, enum session_ending how)
{
    if (s->open[i])
        session_end(&s->sessions, s->open[i], "disconnected", how, s->now_ms);
    s->open[i] = NULL;
}

static void give_up(struct scene *s, size_t i)
{
    if (!s->open[i])
        return;
    session_abandon(&s->sessions, s->open[i]);
    s->given_up[s->numbers[i]] = true;
    s->open[i] = NULL;
}

/* As presence-ws obeys a message: what breaks a rule ends the session. */
static void receive(struct scene *s, size_t i)
{
    size_t len = take_byte(s) * (size_t)2;
    struct span message = {s->input.data, len < s->input.len ? len : s->input.len};
    enum encoding encoding = i % 2 ? ENCODING_JSON : ENCODING_MSGPACK;
    bytes_auto scratch = BYTES_INIT;
    struct heartbeat h;
    struct subscribe wish;
    int64_t type;
    s->input.data += message.len;
    s->input.len -= message.len;
    if (!s->open[i])
        return;
    enum message_result result = message_peek(encoding, message, true, &type);
    if (result == MESSAGE_OTHER) {
        return;
    } else if (result != MESSAGE_OK) {
        close_session(s, i, SESSION_REFUSED);
    } else if (type == MESSAGE_HEARTBEAT) {
        if (!rate_message(&s->rates[i], s->now_ms) ||
            message_read_heartbeat(encoding, message, &scratch, &h) != MESSAGE_OK)
            close_session(s, i, SESSION_REFUSED);
        else if (span_equal(h.from, session_user(s->open[i])))
            session_beat(&s->sessions, s->open[i], h.metadata, s->now_ms);
    } else if (type == MESSAGE_SUBSCRIBE && message_read_subscribe(encoding, message, &wish) == MESSAGE_OK) {
        message_subscribe_finish(&wish);
    }
}

static uint64_t number_of(const struct session_op *op)
{
    struct span name = op->session;
    uint64_t number;
    need(span_equal(span_split(&name, '/'), SPAN("n")));
    need(span_to_u64(name, NUMBERS - 1, &number) == 0);
    return number;
}

static void check_op(const struct scene *s, const struct session_op *op)
{
    uint64_t n = number_of(op);
    need(span_equal(op->user, SPAN("user1")));
    need(op->beat_ms <= s->now_ms + OFFSET_MS);
    /* No sign of life of a connection whose end was heard. */
    need(!s->ended[n] || (op->kind != OP_OPEN && op->kind != OP_BEAT && op->kind != OP_ASSERT));
}

static void take_batch(struct scene *s)
{
    if (sessions_in_flight(&s->sessions))
        return;
    s->op_count = sessions_dequeue(&s->sessions, OFFSET_MS, SPAN("15000"), s->ops);
    need(s->op_count <= SESSIONS_BATCH_MAX);
    for (size_t i = 0; i < s->op_count; i++)
        check_op(s, &s->ops[i]);
}

/* `arrives`: how much of the batch does. */
static void answer(struct scene *s)
{
    char outcomes[SESSIONS_BATCH_MAX];
    if (!sessions_in_flight(&s->sessions))
        return;
    for (size_t i = 0; i < s->op_count; i++) {
        uint64_t n = number_of(&s->ops[i]);
        bool lives = s->ops[i].kind == OP_OPEN || s->ops[i].kind == OP_BEAT || s->ops[i].kind == OP_ASSERT;
        bool late = lives && s->ops[i].beat_ms <= s->now_ms + OFFSET_MS - TTL_MS;
        outcomes[i] = late ? OUTCOME_LATE : !lives && !s->stored[n] ? OUTCOME_MISSING : OUTCOME_DONE;
        if (lives && !late)
            s->stored[n] = true;
        if (s->ops[i].kind == OP_END) {
            s->stored[n] = false;
            s->ended[n] = true;
        }
    }
    sessions_complete(&s->sessions, (struct span){outcomes, s->op_count}, s->now_ms);
}

static void forget_all(struct scene *s)
{
    if (sessions_in_flight(&s->sessions))
        sessions_requeue(&s->sessions);
    memset(s->stored, 0, sizeof(s->stored));
    sessions_assert_all(&s->sessions, s->now_ms);
}

static void step(struct scene *s)
{
    uint8_t what = take_byte(s);
    size_t i = what / 16 % CONNECTIONS;
    switch (what % 16) {
    case 0: open_session(s, i); break;
    case 1: close_session(s, i, SESSION_CLOSED); break;
    case 2: close_session(s, i, SESSION_REFUSED); break;
    case 3: give_up(s, i); break;
    case 4: s->now_ms += take_byte(s) * 100; break;
    case 5: take_batch(s); break;
    case 6: answer(s); break;
    case 7:
        if (sessions_in_flight(&s->sessions))
            sessions_requeue(&s->sessions);
        break;
    case 8: forget_all(s); break;
    case 9:
        if (s->open[i])
            session_release(&s->sessions, s->open[i]);
        break;
    case 10: s->sessions.connected = !s->sessions.connected; break;
    case 11:
        if (s->open[i])
            session_drain(&s->sessions, s->open[i]);
        break;
    default: receive(s, i); break;
    }
}

/* All is said: who lives stands in the store, and whose end was said does not. */
static void come_to_rest(struct scene *s)
{
    s->sessions.connected = true;
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->open[i]) {
            session_beat(&s->sessions, s->open[i], SPAN_NONE, s->now_ms);
            session_release(&s->sessions, s->open[i]);
        }
    if (sessions_in_flight(&s->sessions))
        sessions_requeue(&s->sessions);
    for (int round = 0;
         round < NUMBERS && (sessions_pending(&s->sessions) || sessions_in_flight(&s->sessions)); round++) {
        take_batch(s);
        answer(s);
    }
    need(!sessions_pending(&s->sessions) && !sessions_urgent(&s->sessions));
    for (uint64_t n = 1; n <= s->sessions.last_number && n < NUMBERS; n++) {
        bool lives = false;
        for (size_t i = 0; i < CONNECTIONS; i++)
            lives |= s->open[i] && s->numbers[i] == n;
        need(lives ? s->stored[n] : !s->stored[n] || s->given_up[n]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene s = {.input = {(const char *)data, size}, .now_ms = 1000};
    sessions_init(&s.sessions, "n", TTL_MS, 25000, 0, 0);
    s.sessions.connected = true;
    while (s.input.len > 0)
        step(&s);
    come_to_rest(&s);
    sessions_finish(&s.sessions);
    return 0;
}
