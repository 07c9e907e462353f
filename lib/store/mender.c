#include "store/mender.h"

#include "store/keys.h"
#include "store/resp.h"

#include <string.h>

#define REST_MIN_MS 2
#define REST_MAX_MS 1000
#define REST_FACTOR 9 /* rests so much longer than a command took: a tenth of Redis at most */
#define RETRY_MS    200
#define SEPARATOR   '\n' /* no user id holds control characters */

void mender_init(struct mender *m, const struct mender_config *config, const struct store *store,
                 const struct mender_hooks *hooks, void *arg)
{
    memset(m, 0, sizeof(*m));
    m->config = *config;
    m->store = store;
    m->hooks = hooks;
    m->arg = arg;
    rng_init(&m->rng, config->seed);
}

void mender_finish(struct mender *m)
{
    bytes_finish(&m->users);
    bytes_finish(&m->command);
}

static void rest(struct mender *m, int64_t now_ms)
{
    int64_t interval = m->config.interval_ms;
    m->phase = MENDER_RESTING;
    m->next_ms = now_ms + interval - interval / 4 + (int64_t)rng_below(&m->rng, (uint64_t)(interval / 2 + 1));
}

void mender_connected(struct mender *m, bool connected, int64_t now_ms)
{
    m->connected = connected;
    m->waiting = false;
    rest(m, now_ms);
}

int64_t mender_due(const struct mender *m)
{
    return m->connected && !m->waiting && m->config.interval_ms > 0 ? m->next_ms : MENDER_NEVER;
}

static void begin_phase(struct mender *m, enum mender_phase phase)
{
    m->phase = phase;
    strcpy(m->cursor, "0");
    m->left = SPAN_NONE;
    m->suspect = false;
}

static void write_scan(struct mender *m)
{
    bytes_auto pattern = BYTES_INIT;
    if (m->passes % MENDER_META_EVERY == 0)
        keys_pattern(m->store->prefix, &pattern);
    else
        keys_user_pattern(m->store->prefix, USER_KEY_PRESENCE, &pattern);
    resp_begin(&m->command, 6);
    resp_text(&m->command, "SCAN");
    resp_text(&m->command, m->cursor);
    resp_text(&m->command, "MATCH");
    resp_arg(&m->command, bytes_span(&pattern));
    resp_text(&m->command, "COUNT");
    resp_integer(&m->command, MENDER_PAGE);
}

static void write_zscan(struct mender *m)
{
    bytes_auto due = BYTES_INIT;
    keys_name(m->store->prefix, KEY_DUE, &due);
    resp_begin(&m->command, 5);
    resp_text(&m->command, "ZSCAN");
    resp_arg(&m->command, bytes_span(&due));
    resp_text(&m->command, m->cursor);
    resp_text(&m->command, "COUNT");
    resp_integer(&m->command, MENDER_PAGE);
}

/* The next users of the page. */
static size_t cut_batch(struct mender *m, struct span users[MENDER_BATCH])
{
    struct span rest_of = m->left;
    size_t count = 0;
    while (rest_of.len > 0 && count < MENDER_BATCH)
        users[count++] = span_split(&rest_of, SEPARATOR);
    m->batch = m->left.len - rest_of.len;
    return m->batch_count = count;
}

static void write_exists(struct mender *m, const struct span *users, size_t count)
{
    resp_begin(&m->command, 1 + count);
    resp_text(&m->command, "EXISTS");
    for (size_t i = 0; i < count; i++) {
        bytes_auto key = BYTES_INIT;
        keys_user(m->store->prefix, USER_KEY_PRESENCE, users[i], &key);
        resp_arg(&m->command, bytes_span(&key));
    }
}

static void write_batch(struct mender *m)
{
    struct span users[MENDER_BATCH];
    size_t count = cut_batch(m, users);
    m->command_kind = m->phase == MENDER_INDEX && !m->suspect ? MENDER_ASKS_KEYS : MENDER_ASKS_REPAIR;
    if (m->command_kind == MENDER_ASKS_KEYS)
        write_exists(m, users, count);
    else
        store_repair(m->store, m->config.ttl_ms, m->config.longest_ms, users, count, m->text, &m->command);
}

static void write_page(struct mender *m)
{
    m->command_kind = MENDER_ASKS_PAGE;
    if (m->phase == MENDER_KEYS)
        write_scan(m);
    else
        write_zscan(m);
}

static void send_next(struct mender *m, int64_t now_ms)
{
    bytes_reset(&m->command);
    if (m->left.len > 0)
        write_batch(m);
    else
        write_page(m);
    if (m->hooks->send(m->arg, bytes_span(&m->command)) < 0) {
        m->next_ms = now_ms + RETRY_MS;
        return;
    }
    m->waiting = true;
    m->sent_ms = now_ms;
}

/* Whether a page or a batch is left; moves on to the next phase, or to rest. */
static bool more(struct mender *m, int64_t now_ms)
{
    if (m->phase == MENDER_RESTING)
        begin_phase(m, MENDER_KEYS);
    if (m->left.len > 0 || m->cursor[0])
        return true;
    if (m->phase == MENDER_KEYS) {
        begin_phase(m, MENDER_INDEX);
        return true;
    }
    m->passes++;
    rest(m, now_ms);
    return false;
}

void mender_tick(struct mender *m, int64_t now_ms)
{
    if (now_ms >= mender_due(m) && more(m, now_ms))
        send_next(m, now_ms);
}

static void take_user(struct mender *m, struct span user)
{
    if (!user_id_valid(user))
        return;
    bytes_append_span(&m->users, user);
    bytes_append_char(&m->users, SEPARATOR);
}

static void take_key(struct mender *m, struct span name)
{
    struct span user;
    if (keys_user_of(m->store->prefix, USER_KEY_PRESENCE, name, &user) == 0 ||
        keys_user_of(m->store->prefix, USER_KEY_META, name, &user) == 0)
        take_user(m, user);
}

static int take_page(struct mender *m, const struct redisReply *reply)
{
    const struct redisReply *list = reply_at(reply, 1);
    struct span cursor = reply_text(reply_at(reply, 0));
    if (!reply_is_array(list) || span_copy(cursor, m->cursor, sizeof(m->cursor)) < 0)
        return -1;
    if (span_equal(cursor, SPAN("0")))
        m->cursor[0] = '\0';
    bytes_reset(&m->users);
    for (size_t i = 0; i < reply_count(list); i += m->phase == MENDER_KEYS ? 1 : 2) {
        if (m->phase == MENDER_KEYS)
            take_key(m, reply_text(reply_at(list, i)));
        else
            take_user(m, reply_text(reply_at(list, i)));
    }
    m->left = bytes_span(&m->users);
    return 0;
}

static void batch_done(struct mender *m)
{
    m->left.data += m->batch;
    m->left.len -= m->batch;
    m->suspect = false;
}

static int take_keys(struct mender *m, const struct redisReply *reply)
{
    if (reply_is_error(reply))
        return -1;
    if (reply_integer(reply, -1) == (int64_t)m->batch_count)
        batch_done(m);
    else
        m->suspect = true;
    return 0;
}

/* A batch that Redis refuses is left out: the next pass meets it again. */
static int take_repair(struct mender *m, const struct redisReply *reply)
{
    struct apply_answer answer;
    int result = store_read_repair(reply, &answer);
    m->text = result == STORE_NOSCRIPT;
    if (result == STORE_NOSCRIPT)
        return 0;
    batch_done(m);
    for (size_t i = 0; result == 0 && i < answer.outcomes.len; i++)
        m->hooks->mended(m->arg, answer.outcomes.data[i]);
    return result;
}

static int take(struct mender *m, const struct redisReply *reply)
{
    switch (m->command_kind) {
    case MENDER_ASKS_PAGE: return take_page(m, reply);
    case MENDER_ASKS_KEYS: return take_keys(m, reply);
    default: return take_repair(m, reply);
    }
}

void mender_answer(struct mender *m, const struct redisReply *reply, int64_t now_ms)
{
    if (!m->waiting || !reply)
        return;
    m->waiting = false;
    int64_t pause = (now_ms - m->sent_ms) * REST_FACTOR;
    m->next_ms = now_ms + (pause < REST_MIN_MS ? REST_MIN_MS : pause > REST_MAX_MS ? REST_MAX_MS : pause);
    if (take(m, reply) < 0)
        rest(m, now_ms);
}
