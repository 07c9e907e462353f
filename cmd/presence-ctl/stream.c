#include "stream.h"

#include "base/clock.h"
#include "base/random.h"
#include "store/keys.h"
#include "store/resp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAGE           500
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000

static void close_subscriber(struct stream *s)
{
    redis_sync_close(s->subscriber);
    s->subscriber = NULL;
}

static void close_links(struct stream *s)
{
    close_subscriber(s);
    redis_sync_close(s->c->redis);
    s->c->redis = NULL;
}

/* Both connections go together; the next attempt waits a random part of the backoff. */
static void away(struct stream *s, const char *why)
{
    bool told = s->backoff_ms > 0;

    close_links(s);
    s->backoff_ms = s->backoff_ms ? 2 * s->backoff_ms : BACKOFF_MIN_MS;
    if (s->backoff_ms > BACKOFF_MAX_MS)
        s->backoff_ms = BACKOFF_MAX_MS;
    s->retry_ms = clock_mono_ms() + 1 + (int64_t)(random_u64() % (uint64_t)s->backoff_ms);
    if (!told)
        s->hooks->link(s->arg, false, why);
}

bool stream_up(const struct stream *s)
{
    return s->subscriber && s->c->redis;
}

static int subscribe_failed(struct stream *s)
{
    char where[300];

    redis_config_describe(&s->c->config.redis, where);
    ctl_fail(s->c, EXIT_UNREACHABLE, "Redis at %s: %s", where, redis_sync_error(s->subscriber));
    close_subscriber(s);
    return EXIT_UNREACHABLE;
}

static int subscribe_to(struct stream *s, enum key channel)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    struct redisReply *reply;

    keys_name(s->c->store.prefix, channel, &name);
    resp_command(&command, "SUBSCRIBE", bytes_text(&name), NULL);
    redis_sync_send(s->subscriber, bytes_span(&command));
    if (redis_sync_reply(s->subscriber, &reply) != REDIS_SYNC_OK)
        return subscribe_failed(s);
    int code = reply_is_error(reply) ? ctl_refused(s->c, reply) : 0;
    reply_free(reply);
    return code;
}

static int subscribe(struct stream *s)
{
    char error[400];

    if (redis_sync_open(&s->c->config.redis, &s->subscriber, error, sizeof(error)) != REDIS_SYNC_OK)
        return ctl_fail(s->c, EXIT_UNREACHABLE, "%s", error);
    /* Control first: nothing else comes before its answer. */
    int code = s->hooks->control ? subscribe_to(s, CHANNEL_CONTROL) : 0;
    return code == 0 ? subscribe_to(s, CHANNEL_UPDATES) : code;
}

struct position {
    char epoch[EPOCH_MAX];
    uint64_t rev;
};

static void write_position(const struct stream *s, struct bytes *out)
{
    bytes_auto rev = BYTES_INIT;

    keys_name(s->c->store.prefix, KEY_REV, &rev);
    resp_command(out, "MULTI", NULL);
    store_epoch(&s->c->store, out);
    resp_command(out, "GET", bytes_text(&rev), NULL);
    resp_command(out, "EXEC", NULL);
}

static int read_position(struct stream *s, struct position *ret)
{
    bytes_auto commands = BYTES_INIT;
    struct redisReply *replies[4];

    write_position(s, &commands);
    int code = ctl_ask(s->c, bytes_span(&commands), replies, 4);
    if (code != 0)
        return code;
    struct span epoch = reply_text(reply_at(reply_at(replies[3], 0), 0));
    if (!reply_is_array(replies[3]) || span_copy(epoch, ret->epoch, sizeof(ret->epoch)) < 0)
        code = ctl_refused(s->c, replies[3]);
    ret->rev = (uint64_t)reply_integer(reply_at(replies[3], 1), 0);
    replies_free(replies, 4);
    return code;
}

static bool same_epoch(const struct stream *s, struct span epoch)
{
    return span_equal(epoch, span_of(s->epoch));
}

static void tell(struct stream *s, const struct event *event)
{
    if (!s->ended)
        s->hooks->change(s->arg, event);
}

static void tell_gap(struct stream *s, uint64_t first, uint64_t last)
{
    if (!s->ended)
        s->hooks->gap(s->arg, first, last);
}

/* False: the log is that of another epoch. */
static bool take_logged(struct stream *s, uint64_t rev, struct span text)
{
    struct event event;

    if (event_read(text, &event) < 0)
        return true;
    bool same = same_epoch(s, event.epoch);
    if (same && rev > s->rev) {
        if (rev > s->rev + 1)
            tell_gap(s, s->rev + 1, rev - 1);
        if (!s->ended)
            s->rev = rev;
        tell(s, &event);
    }
    event_finish(&event);
    return same;
}

/* A page of the log behind s->rev; *ret_more: there may be another. */
static int fill_page(struct stream *s, bool *ret_more)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;
    struct span text;
    uint64_t rev;

    store_log(&s->c->store, s->rev + 1, PAGE, &command);
    int code = ctl_ask_one(s->c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    *ret_more = reply_count(reply) == PAGE;
    for (size_t i = 0; i < reply_count(reply) && !s->ended; i++)
        if (log_entry(reply, i, &rev, &text) == 0 && !take_logged(s, rev, text))
            *ret_more = false;
    reply_free(reply);
    return 0;
}

/* Up to `rev`, which is known to have been reached. */
static int fill(struct stream *s, uint64_t rev)
{
    bool more = true;

    while (more && !s->ended) {
        int code = fill_page(s, &more);
        if (code != 0)
            return code;
    }
    if (s->rev < rev && !s->ended) {
        tell_gap(s, s->rev + 1, rev);
        s->rev = rev;
    }
    return 0;
}

/* The revision before the log's first entry; `rev` when the log is empty. */
static int before_log(struct stream *s, uint64_t rev, uint64_t *ret)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;
    struct span text;
    uint64_t first;

    store_log(&s->c->store, 0, 1, &command);
    int code = ctl_ask_one(s->c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    *ret = log_entry(reply, 0, &first, &text) == 0 && first > 0 ? first - 1 : rev;
    reply_free(reply);
    return 0;
}

static int enter_epoch(struct stream *s, const struct position *p)
{
    snprintf(s->epoch, sizeof(s->epoch), "%s", p->epoch);
    s->rev = p->rev;
    s->hooks->epoch(s->arg, s->epoch, !s->met);
    s->met = true;
    return p->epoch[0] ? before_log(s, p->rev, &s->rev) : 0;
}

/* Brings the position to where the store is. */
static int catch_up(struct stream *s)
{
    struct position p;

    int code = read_position(s, &p);
    if (code == 0 && !same_epoch(s, span_of(p.epoch)))
        code = enter_epoch(s, &p);
    return code == 0 && p.rev > s->rev ? fill(s, p.rev) : code;
}

static int take_update(struct stream *s, const struct event *event)
{
    if (event->change.rev == 0) {
        tell(s, event);
        return 0;
    }
    if (event->db >= 0 && event->db != s->c->store.db)
        return 0;
    if (!same_epoch(s, event->epoch))
        return catch_up(s);
    if (event->change.rev == s->rev + 1) {
        s->rev++;
        tell(s, event);
        return 0;
    }
    return event->change.rev > s->rev ? fill(s, event->change.rev) : 0;
}

static int take_message(struct stream *s, const struct redisReply *reply)
{
    struct span channel = reply_text(reply_at(reply, 1)), payload = reply_text(reply_at(reply, 2));
    bytes_auto updates = BYTES_INIT;
    struct event event;

    keys_name(s->c->store.prefix, CHANNEL_UPDATES, &updates);
    if (!span_equal(channel, bytes_span(&updates))) {
        if (s->hooks->control)
            s->hooks->control(s->arg, payload);
        return 0;
    }
    if (event_read(payload, &event) < 0)
        return 0;
    int code = take_update(s, &event);
    event_finish(&event);
    return code;
}

/* A silence is used to ask whether the subscription has gone deaf. */
static int receive(struct stream *s, int64_t wait_ms)
{
    struct redisReply *reply;

    redis_sync_set_timeout(s->subscriber, wait_ms);
    enum redis_sync_result result = redis_sync_reply(s->subscriber, &reply);
    if (result == REDIS_SYNC_TIMEOUT)
        return catch_up(s);
    if (result != REDIS_SYNC_OK)
        return subscribe_failed(s);
    int code = take_message(s, reply);
    reply_free(reply);
    return code;
}

static void reconnect(struct stream *s, int64_t wait_ms)
{
    int64_t rest_ms = s->retry_ms - clock_mono_ms();
    int64_t sleep_ms = rest_ms < wait_ms ? rest_ms : wait_ms;
    struct timespec pause = {sleep_ms / 1000, sleep_ms % 1000 * 1000000};

    if (sleep_ms > 0)
        nanosleep(&pause, NULL);
    if (rest_ms > wait_ms)
        return;
    close_links(s);
    if (ctl_connect(s->c) != 0 || subscribe(s) != 0 || catch_up(s) != 0) {
        away(s, s->c->error);
        return;
    }
    s->backoff_ms = 0;
    s->c->error[0] = '\0';
    s->hooks->link(s->arg, true, "");
}

void stream_step(struct stream *s, int64_t wait_ms)
{
    if (!stream_up(s))
        reconnect(s, wait_ms);
    else if (receive(s, wait_ms) != 0)
        away(s, s->c->error);
}

int stream_open(struct stream *s, struct ctl *c, const struct stream_hooks *hooks, void *arg)
{
    struct position p;

    *s = (struct stream){.c = c, .hooks = hooks, .arg = arg};
    int code = subscribe(s);
    if (code == 0)
        code = read_position(s, &p);
    if (code != 0) {
        close_subscriber(s);
        return code;
    }
    snprintf(s->epoch, sizeof(s->epoch), "%s", p.epoch);
    s->met = p.epoch[0] != '\0';
    s->rev = p.rev;
    return 0;
}

void stream_close(struct stream *s)
{
    close_subscriber(s);
}

void stream_since(struct stream *s, struct span epoch, uint64_t rev)
{
    struct position now = {.rev = s->rev};
    int code;

    snprintf(now.epoch, sizeof(now.epoch), "%s", s->epoch);
    if (same_epoch(s, epoch)) {
        s->rev = rev < now.rev ? rev : now.rev;
        code = fill(s, now.rev);
    } else {
        code = enter_epoch(s, &now);
        if (code == 0)
            code = fill(s, now.rev);
    }
    if (code != 0)
        away(s, s->c->error);
}
