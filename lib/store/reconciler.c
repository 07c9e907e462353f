/* SPDX-License-Identifier: MIT */
#include "store/reconciler.h"

#include "base/rng.h"
#include "redis/resp.h"
#include "store/keys.h"

#include <string.h>

#define REST_MIN_MS 2
#define REST_MAX_MS 1000
#define REST_FACTOR 9 /* rests so much longer than a command took: a tenth of Redis at most */
#define RETRY_MS    200
#define SEPARATOR   '\n' /* no user id holds control characters */

void reconciler_finish(struct reconciler *r)
{
    bytes_finish(&r->users);
    store_request_finish(&r->request);
}

static void rest(struct reconciler *r, int64_t now_ms)
{
    int64_t interval = r->config.interval_ms;
    r->phase = RECONCILER_RESTING;
    r->next_ms = now_ms + interval - interval / 4 + (int64_t)rng_below(&r->rng, (uint64_t)(interval / 2 + 1));
}

void reconciler_connected(struct reconciler *r, bool connected, int64_t now_ms)
{
    r->connected = connected;
    store_request_lost(&r->request);
    rest(r, now_ms);
}

int64_t reconciler_due(const struct reconciler *r)
{
    return r->connected && !r->request.waiting && r->config.interval_ms > 0 ? r->next_ms : RECONCILER_NEVER;
}

static void begin_phase(struct reconciler *r, enum reconciler_phase phase)
{
    r->phase = phase;
    strcpy(r->cursor, "0");
    r->left = SPAN_NONE;
    r->suspect = false;
}

/* SCAN over the names of keys, or ZSCAN over the index. */
static void write_page(struct reconciler *r, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    r->command = RECONCILER_ASKS_PAGE;
    if (r->phase == RECONCILER_INDEX) {
        keys_name(r->store->prefix, KEY_DUE, &name);
        resp_begin(out, 5);
        resp_text(out, "ZSCAN");
        resp_arg(out, bytes_span(&name));
        resp_text(out, r->cursor);
    } else {
        if (r->passes % RECONCILER_META_EVERY == 0)
            keys_pattern(r->store->prefix, &name);
        else
            keys_user_pattern(r->store->prefix, USER_KEY_PRESENCE, &name);
        resp_begin(out, 6);
        resp_text(out, "SCAN");
        resp_text(out, r->cursor);
        resp_text(out, "MATCH");
        resp_arg(out, bytes_span(&name));
    }
    resp_text(out, "COUNT");
    resp_integer(out, RECONCILER_PAGE);
}

/* The next users of the page: their repair, or first whether all of their keys are there. */
static void write_batch(struct reconciler *r, struct bytes *out)
{
    struct span users[RECONCILER_BATCH], rest_of = r->left;
    size_t count = 0;
    while (rest_of.len > 0 && count < RECONCILER_BATCH)
        users[count++] = span_split(&rest_of, SEPARATOR);
    r->batch = r->left.len - rest_of.len;
    r->batch_count = count;
    r->command = r->phase == RECONCILER_INDEX && !r->suspect ? RECONCILER_ASKS_KEYS : RECONCILER_ASKS_REPAIR;
    if (r->command == RECONCILER_ASKS_REPAIR) {
        store_repair(r->store, r->config.ttl_ms, users, count, out);
        return;
    }
    resp_begin(out, 1 + count);
    resp_text(out, "EXISTS");
    for (size_t i = 0; i < count; i++) {
        bytes_auto key = BYTES_INIT;
        keys_user(r->store->prefix, USER_KEY_PRESENCE, users[i], &key);
        resp_arg(out, bytes_span(&key));
    }
}

void reconciler_tick(struct reconciler *r, int64_t now_ms)
{
    if (now_ms < reconciler_due(r))
        return;
    if (r->phase == RECONCILER_RESTING)
        begin_phase(r, RECONCILER_KEYS);
    if (r->left.len == 0 && !r->cursor[0] && r->phase == RECONCILER_KEYS)
        begin_phase(r, RECONCILER_INDEX);
    if (r->left.len > 0)
        write_batch(r, store_request_begin(&r->request));
    else if (r->cursor[0])
        write_page(r, store_request_begin(&r->request));
    else {
        r->passes++;
        rest(r, now_ms);
        return;
    }
    if (!store_request_send(&r->request, now_ms))
        r->next_ms = now_ms + RETRY_MS;
}

static int handle_page(struct reconciler *r, const struct redisReply *reply)
{
    const struct redisReply *list = reply_at(reply, 1);
    struct span cursor = reply_text(reply_at(reply, 0));
    if (!reply_is_array(list) || span_copy(cursor, r->cursor, sizeof(r->cursor)) < 0)
        return -1;
    if (span_equal(cursor, SPAN("0")))
        r->cursor[0] = '\0';
    bytes_reset(&r->users);
    for (size_t i = 0; i < reply_count(list); i += r->phase == RECONCILER_KEYS ? 1 : 2) {
        struct span user = reply_text(reply_at(list, i));
        if (r->phase == RECONCILER_KEYS &&
            keys_user_of(r->store->prefix, USER_KEY_PRESENCE, user, &user) < 0 &&
            keys_user_of(r->store->prefix, USER_KEY_META, user, &user) < 0)
            continue;
        if (!identity_user_valid(user))
            continue;
        bytes_append_span(&r->users, user);
        bytes_append_char(&r->users, SEPARATOR);
    }
    r->left = bytes_span(&r->users);
    return 0;
}

static void batch_done(struct reconciler *r)
{
    r->left.data += r->batch;
    r->left.len -= r->batch;
    r->suspect = false;
}

static int handle_keys(struct reconciler *r, const struct redisReply *reply)
{
    if (reply_is_error(reply))
        return -1;
    if (reply_integer(reply, -1) == (int64_t)r->batch_count)
        batch_done(r);
    else
        r->suspect = true;
    return 0;
}

/* A batch that Redis refuses is left out: the next pass comes to it again. */
static int handle_repair(struct reconciler *r, const struct redisReply *reply)
{
    struct apply_answer answer;
    int result = store_read_repair(reply, &answer);
    batch_done(r);
    for (size_t i = 0; result == 0 && i < answer.outcomes.len; i++)
        r->hooks->fixed(r->arg, answer.outcomes.data[i]);
    return result;
}

static void answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct reconciler *r = machine;
    int64_t pause = (now_ms - r->request.sent_ms) * REST_FACTOR;
    r->next_ms = now_ms + (pause < REST_MIN_MS ? REST_MIN_MS : pause > REST_MAX_MS ? REST_MAX_MS : pause);
    int result = r->command == RECONCILER_ASKS_PAGE   ? handle_page(r, reply)
                 : r->command == RECONCILER_ASKS_KEYS ? handle_keys(r, reply)
                                                      : handle_repair(r, reply);
    if (result < 0)
        rest(r, now_ms);
}

void reconciler_init(struct reconciler *r, const struct reconciler_config *config, const struct store *store,
                     const struct reconciler_hooks *hooks, void *arg)
{
    memset(r, 0, sizeof(*r));
    r->config = *config;
    r->store = store;
    r->hooks = hooks;
    r->arg = arg;
    rng_init(&r->rng, config->seed);
    store_request_init(&r->request, hooks->send, arg, answered, r);
}
