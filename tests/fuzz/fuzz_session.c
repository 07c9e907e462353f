/* A whole session: connections of one user that send any bytes, fall silent, end and come again, batches that
 * arrive or are lost, and a store that forgets. The ledger's promises are checked at each step, and at the
 * end the store holds exactly who lives. */
#include "presence/ledger.h"
#include "presence/rate.h"
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
    struct ledger ledger;
    int64_t now_ms;
    struct session *open[CONNECTIONS];
    uint64_t numbers[CONNECTIONS];
    struct rate rates[CONNECTIONS];
    bool stored[NUMBERS], ended[NUMBERS]; /* by number: in the store; said to have ended, and heard */
    bool given_up[NUMBERS];
    struct session_op ops[LEDGER_BATCH_MAX];
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
    if (s->open[i] || s->ledger.last_number + 1 >= NUMBERS)
        return;
    s->open[i] = session_open(&s->ledger, SPAN("user1"), SPAN("device"), SPAN(""), s, s->now_ms);
    s->numbers[i] = s->open[i]->number;
    s->rates[i] = (struct rate){0};
}

static void close_session(struct scene *s, size_t i, bool alive)
{
    if (s->open[i])
        session_end(&s->ledger, s->open[i], "disconnected", alive, s->now_ms);
    s->open[i] = NULL;
}

static void give_up(struct scene *s, size_t i)
{
    if (!s->open[i])
        return;
    session_abandon(&s->ledger, s->open[i]);
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
    if (message_peek(encoding, message, &type) != MESSAGE_OK) {
        close_session(s, i, false);
    } else if (type == MESSAGE_HEARTBEAT) {
        if (!rate_message(&s->rates[i], s->now_ms) ||
            message_read_heartbeat(encoding, message, &scratch, &h) != MESSAGE_OK)
            close_session(s, i, false);
        else if (span_equal(h.from, session_user(s->open[i])))
            session_beat(&s->ledger, s->open[i], h.metadata, s->now_ms);
    } else if (type == MESSAGE_SUBSCRIBE && message_read_subscribe(encoding, message, &wish) == MESSAGE_OK) {
        subscribe_finish(&wish);
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
    if (ledger_in_flight(&s->ledger))
        return;
    s->op_count = ledger_take(&s->ledger, OFFSET_MS, SPAN("15000"), s->ops);
    need(s->op_count <= LEDGER_BATCH_MAX);
    for (size_t i = 0; i < s->op_count; i++)
        check_op(s, &s->ops[i]);
}

/* `arrives`: how much of the batch does. */
static void answer(struct scene *s)
{
    char outcomes[LEDGER_BATCH_MAX];
    if (!ledger_in_flight(&s->ledger))
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
    ledger_answered(&s->ledger, (struct span){outcomes, s->op_count}, s->now_ms);
}

static void forget_all(struct scene *s)
{
    if (ledger_in_flight(&s->ledger))
        ledger_lost(&s->ledger);
    memset(s->stored, 0, sizeof(s->stored));
    ledger_assert_all(&s->ledger, s->now_ms);
}

static void step(struct scene *s)
{
    uint8_t what = take_byte(s);
    size_t i = what / 16 % CONNECTIONS;
    switch (what % 16) {
    case 0: open_session(s, i); break;
    case 1: close_session(s, i, true); break;
    case 2: close_session(s, i, false); break;
    case 3: give_up(s, i); break;
    case 4: s->now_ms += take_byte(s) * 100; break;
    case 5: take_batch(s); break;
    case 6: answer(s); break;
    case 7:
        if (ledger_in_flight(&s->ledger))
            ledger_lost(&s->ledger);
        break;
    case 8: forget_all(s); break;
    case 9:
        if (s->open[i])
            session_release(&s->ledger, s->open[i]);
        break;
    case 10: s->ledger.connected = !s->ledger.connected; break;
    case 11:
        if (s->open[i])
            session_drain(&s->ledger, s->open[i]);
        break;
    default: receive(s, i); break;
    }
}

/* All is said: who lives stands in the store, and whose end was said does not. */
static void come_to_rest(struct scene *s)
{
    s->ledger.connected = true;
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->open[i]) {
            session_beat(&s->ledger, s->open[i], SPAN_NONE, s->now_ms);
            session_release(&s->ledger, s->open[i]);
        }
    if (ledger_in_flight(&s->ledger))
        ledger_lost(&s->ledger);
    for (int round = 0; round < NUMBERS && (ledger_dirty(&s->ledger) || ledger_in_flight(&s->ledger));
         round++) {
        take_batch(s);
        answer(s);
    }
    need(!ledger_dirty(&s->ledger) && !ledger_urgent(&s->ledger));
    for (uint64_t n = 1; n <= s->ledger.last_number && n < NUMBERS; n++) {
        bool lives = false;
        for (size_t i = 0; i < CONNECTIONS; i++)
            lives |= s->open[i] && s->numbers[i] == n;
        need(lives ? s->stored[n] : !s->stored[n] || s->given_up[n]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene s = {.input = {(const char *)data, size}, .now_ms = 1000};
    ledger_init(&s.ledger, "n", TTL_MS, 25000, false);
    s.ledger.connected = true;
    while (s.input.len > 0)
        step(&s);
    come_to_rest(&s);
    ledger_finish(&s.ledger);
    return 0;
}
