/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <time.h>

#define PAGE           500
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000

static void close_subscriber(struct stream *s)
{
    redis_sync_close(s->subscriber);
    s->subscriber = NULL;
}

/* Both connections are closed together; the next attempt waits a random part of the backoff. */
static void handle_loss(struct stream *s)
{
    bool reported = s->backoff_ms > 0;
    close_subscriber(s);
    ctl_disconnect(s->c);
    s->backoff_ms = s->backoff_ms ? 2 * s->backoff_ms : BACKOFF_MIN_MS;
    if (s->backoff_ms > BACKOFF_MAX_MS)
        s->backoff_ms = BACKOFF_MAX_MS;
    s->retry_ms = clock_mono_ms() + 1 + (int64_t)(random_u64() % (uint64_t)s->backoff_ms);
    if (!reported)
        s->hooks->link(s->arg, false, s->c->error);
}

bool stream_up(const struct stream *s)
{
    return s->subscriber && s->c->redis;
}

static int subscriber_failed(struct stream *s)
{
    ctl_fail(s->c, EXIT_UNREACHABLE, "Redis at %s: %s", redis_sync_where(s->subscriber),
             redis_sync_error(s->subscriber));
    close_subscriber(s);
    return EXIT_UNREACHABLE;
}

static int subscribe(struct stream *s)
{
    static const enum key channels[] = {CHANNEL_CONTROL, CHANNEL_UPDATES};
    char error[400];
    if (redis_sync_open(&s->c->config.redis, &s->subscriber, error, sizeof(error)) != REDIS_SYNC_OK)
        return ctl_fail(s->c, EXIT_UNREACHABLE, "%s", error);
    /* Control first: nothing else comes before its answer. */
    for (size_t i = s->hooks->control ? 0 : 1; i < 2; i++) {
        bytes_auto command = BYTES_INIT;
        reply_auto *reply = NULL;
        store_subscribe(&s->c->store, channels[i], &command);
        redis_sync_send(s->subscriber, bytes_span(&command));
        if (redis_sync_reply(s->subscriber, &reply) != REDIS_SYNC_OK)
            return subscriber_failed(s);
        if (reply_is_error(reply))
            return ctl_refused(s->c, reply);
    }
    return 0;
}

struct position {
    char epoch[EPOCH_SIZE];
    uint64_t rev;
};

static int read_position(struct stream *s, struct position *ret)
{
    struct redisReply *replies[STORE_POSITION_ANSWERS];
    struct store_position position;
    bytes_auto commands = BYTES_INIT;
    store_position(&s->c->store, &commands);
    int code = ctl_ask(s->c, bytes_span(&commands), replies, STORE_POSITION_ANSWERS);
    if (code != 0)
        return code;
    const struct redisReply *last = replies[STORE_POSITION_ANSWERS - 1];
    if (store_read_position(last, &position) < 0 ||
        span_copy(position.epoch, ret->epoch, sizeof(ret->epoch)) < 0)
        code = ctl_refused(s->c, last);
    else
        ret->rev = position.rev;
    ctl_free_replies(replies, STORE_POSITION_ANSWERS);
    return code;
}

static bool same_epoch(const struct stream *s, struct span epoch)
{
    return span_equal(epoch, span_of(s->epoch));
}

static void report_gap(struct stream *s, uint64_t last)
{
    if (!s->ended && last > s->rev)
        s->hooks->gap(s->arg, s->rev + 1, last);
}

/* False: the log is that of another epoch. */
static bool report_logged(struct stream *s, uint64_t rev, struct span text)
{
    struct event event;
    if (event_read(text, &event) < 0)
        return true;
    bool same = same_epoch(s, event.epoch);
    if (same && rev > s->rev) {
        report_gap(s, rev - 1);
        if (!s->ended) {
            s->rev = rev;
            s->hooks->change(s->arg, &event);
        }
    }
    event_finish(&event);
    return same;
}

/* Reports what the log has behind s->rev, up to `rev` at least, which is known to have been reached. */
static int fill(struct stream *s, uint64_t rev)
{
    for (bool more = true; more && !s->ended;) {
        bytes_auto command = BYTES_INIT;
        reply_auto *reply = NULL;
        uint64_t before = s->rev, logged;
        struct span text;
        store_log(&s->c->store, s->rev + 1, PAGE, &command);
        int code = ctl_ask_one(s->c, &command, &reply);
        if (code != 0)
            return code;
        more = reply_count(reply) == PAGE;
        for (size_t i = 0; i < reply_count(reply) && !s->ended; i++)
            if (store_log_entry(reply, i, &logged, &text) == 0 && !report_logged(s, logged, text))
                more = false;
        more = more && s->rev > before;
    }
    report_gap(s, rev);
    if (!s->ended && s->rev < rev)
        s->rev = rev;
    return 0;
}

/* Another epoch: from the first revision that its log has, if it has any. */
static int enter_epoch(struct stream *s, const struct position *p)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    struct span text;
    uint64_t first;
    snprintf(s->epoch, sizeof(s->epoch), "%s", p->epoch);
    s->rev = p->rev;
    s->hooks->epoch(s->arg, s->epoch, !s->had_epoch);
    s->had_epoch = true;
    if (!p->epoch[0])
        return 0;
    store_log(&s->c->store, 0, 1, &command);
    int code = ctl_ask_one(s->c, &command, &reply);
    if (code == 0 && store_log_entry(reply, 0, &first, &text) == 0 && first > 0)
        s->rev = first - 1;
    return code;
}

/* Reports all up to where the store is. */
static int catch_up(struct stream *s)
{
    struct position p;
    int code = read_position(s, &p);
    if (code == 0 && !same_epoch(s, span_of(p.epoch)))
        code = enter_epoch(s, &p);
    return code == 0 && p.rev > s->rev ? fill(s, p.rev) : code;
}

static int handle_event(struct stream *s, const struct event *event)
{
    uint64_t rev = event->change.rev;
    if (rev > 0 && event->db >= 0 && event->db != s->c->store.db)
        return 0;
    if (rev > 0 && !same_epoch(s, event->epoch))
        return catch_up(s);
    if (rev > s->rev + 1)
        return fill(s, rev);
    if (rev == 0 || rev == s->rev + 1) {
        s->rev += rev > 0;
        if (!s->ended)
            s->hooks->change(s->arg, event);
    }
    return 0;
}

/* A silence is used to ask whether the subscription still works. */
static int receive(struct stream *s, int64_t wait_ms)
{
    bytes_auto updates = BYTES_INIT;
    reply_auto *reply = NULL;
    struct event event;
    redis_sync_set_timeout(s->subscriber, wait_ms);
    enum redis_sync_result result = redis_sync_reply(s->subscriber, &reply);
    if (result == REDIS_SYNC_TIMEOUT)
        return catch_up(s);
    if (result != REDIS_SYNC_OK)
        return subscriber_failed(s);
    struct span channel = reply_text(reply_at(reply, 1)), payload = reply_text(reply_at(reply, 2));
    keys_name(s->c->store.prefix, CHANNEL_UPDATES, &updates);
    if (!span_equal(channel, bytes_span(&updates))) {
        if (s->hooks->control)
            s->hooks->control(s->arg, payload);
        return 0;
    }
    if (event_read(payload, &event) < 0)
        return 0;
    int code = handle_event(s, &event);
    event_finish(&event);
    return code;
}

static void reconnect(struct stream *s, int64_t wait_ms)
{
    int64_t left_ms = s->retry_ms - clock_mono_ms();
    int64_t sleep_ms = left_ms < wait_ms ? left_ms : wait_ms;
    struct timespec pause = {sleep_ms / 1000, sleep_ms % 1000 * 1000000};
    if (sleep_ms > 0)
        nanosleep(&pause, NULL);
    if (left_ms > wait_ms)
        return;
    close_subscriber(s);
    ctl_disconnect(s->c);
    if (ctl_connect(s->c) != 0 || subscribe(s) != 0 || catch_up(s) != 0) {
        handle_loss(s);
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
        handle_loss(s);
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
    s->had_epoch = p.epoch[0];
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
    int code = 0;
    snprintf(now.epoch, sizeof(now.epoch), "%s", s->epoch);
    if (!same_epoch(s, epoch))
        code = enter_epoch(s, &now);
    else if (rev < now.rev)
        s->rev = rev;
    if (code != 0 || fill(s, now.rev) != 0)
        handle_loss(s);
}
