/* SPDX-License-Identifier: MIT */
#include "store_view_checker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A beat that is no older overwrites lastSeen unread (apply.lua), so it may step back by so much. */
#define VIEW_CHECKER_SEEN_SLACK 250

struct store_view_checker_user *store_view_checker_user(struct store_view_checker *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->users[i].name, name) == 0)
            return &w->users[i];
    assert_true(w->count < VIEW_CHECKER_USERS);
    struct store_view_checker_user *u = &w->users[w->count++];
    memset(u, 0, sizeof(*u));
    snprintf(u->name, sizeof(u->name), "%s", name);
    return u;
}

static const char *view_checker_text(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

static int64_t view_checker_number(const json_t *event, const char *key)
{
    return json_integer_value(json_object_get(event, key));
}

static void view_checker_order(struct store_view_checker *w, const json_t *event)
{
    const char *epoch = view_checker_text(event, "epoch");
    uint64_t rev = (uint64_t)view_checker_number(event, "rev");
    assert_true(rev > w->highest);
    if (strcmp(epoch, w->epoch) == 0)
        assert_int_equal(rev, w->rev + 1);
    snprintf(w->epoch, sizeof(w->epoch), "%s", epoch);
    w->rev = w->highest = rev;
}

static void view_checker_event(struct store_view_checker *w, const char *payload)
{
    json_t *event = json_loads(payload, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(event);
    struct store_view_checker_user *u = store_view_checker_user(w, view_checker_text(event, "userId"));
    bool online = strcmp(view_checker_text(event, "status"), "online") == 0;
    if (!w->may_repeat)
        assert_int_not_equal(online, u->online);
    view_checker_order(w, event);
    assert_true(view_checker_number(event, "lastSeen") <= view_checker_number(event, "timestamp"));
    assert_true(view_checker_number(event, "lastSeen") >=
                (online ? 0 : u->last_seen_ms - VIEW_CHECKER_SEEN_SLACK));
    u->online = online;
    u->last_seen_ms = view_checker_number(event, "lastSeen");
    snprintf(u->reason, sizeof(u->reason), "%s", view_checker_text(event, "reason"));
    snprintf(u->device, sizeof(u->device), "%s", view_checker_text(event, "deviceId"));
    size_t len = strlen(w->events);
    snprintf(w->events + len, sizeof(w->events) - len, " %c%s %s", online ? '+' : '-', u->name, u->reason);
    json_decref(event);
}

/* Its revision and epoch must be the present ones; `assert` asks for sessions, whatever the epoch. */
static void view_checker_control(struct store_view_checker *w, const char *payload)
{
    if (strstr(payload, "\"cmd\":\"assert\"")) {
        strcat(w->events, " ?");
        return;
    }
    char now[2 * EPOCH_SIZE];
    snprintf(now, sizeof(now), "\"rev\":%" PRIu64 ",\"epoch\":\"%s\"", w->rev, w->epoch);
    const char *at = strstr(payload, now);
    size_t len = strlen(w->events);
    assert_non_null(at);
    snprintf(w->events + len, sizeof(w->events) - len, " !%.*sNOW%s", (int)(at - payload), payload,
             at + strlen(now));
}

/* Each event comes on the channel of its status and then on `updates`. */
static void view_checker_messages(struct store_view_checker *w)
{
    struct store_redis *t = w->t;
    w->events[0] = '\0';
    for (size_t i = 0; i < t->message_count; i++) {
        const char *channel = t->messages[i].channel + strlen("presence:"), *payload = t->messages[i].payload;
        if (strcmp(channel, "control") == 0) {
            view_checker_control(w, payload);
        } else if (strcmp(channel, "updates") == 0) {
            assert_true(i > 0);
            assert_string_equal(t->messages[i - 1].payload, payload);
            assert_non_null(strstr(payload, strcmp(t->messages[i - 1].channel, "presence:online") == 0
                                                ? "\"status\":\"online\""
                                                : "\"status\":\"offline\""));
            view_checker_event(w, payload);
        }
    }
}

static void view_checker_log(struct store_view_checker *w)
{
    struct store_redis *t = w->t;
    size_t published = 0;
    for (size_t i = 0; i < t->message_count; i++)
        published += strcmp(t->messages[i].channel, "presence:updates") == 0;
    bytes_auto out = BYTES_INIT;
    store_log_back(&t->store, UINT64_MAX, (int64_t)published + 1, &out);
    struct redisReply *log = store_redis_send(t, &out);
    size_t at = 0;
    for (size_t i = t->message_count; i-- > 0;) {
        uint64_t rev;
        struct span event;
        if (strcmp(t->messages[i].channel, "presence:updates") != 0)
            continue;
        /* An epoch that began in between took the entries before it along. */
        if (store_log_entry(log, at++, &rev, &event) < 0) {
            assert_true(w->may_repeat);
            break;
        }
        assert_true(span_equal(event, span_of(t->messages[i].payload)));
    }
    freeReplyObject(log);
}

/* The last deadline of the user's sessions as they stand; 0 without any. */
static int64_t view_checker_deadline(struct store_view_checker *w, const char *user)
{
    char key[256], meta_key[256];
    snprintf(key, sizeof(key), "presence:sessions:%s", user);
    snprintf(meta_key, sizeof(meta_key), "presence:meta:%s", user);
    redisReply *r = redis_server_call(&w->t->server, "HGETALL", key, NULL);
    redisReply *meta = redis_server_call(&w->t->server, "HGETALL", meta_key, NULL);
    int64_t last = 0;
    for (size_t i = 0; i < reply_count(r) / 2; i++) {
        struct stored_session s;
        if (store_session_read(r, i, meta, &s) == 0 && s.deadline_ms > last)
            last = s.deadline_ms;
    }
    freeReplyObject(meta);
    freeReplyObject(r);
    return last;
}

static void view_checker_check_user(struct store_view_checker *w, struct store_view_checker_user *u)
{
    char key[256], meta[256];
    snprintf(key, sizeof(key), "presence:user:%s", u->name);
    snprintf(meta, sizeof(meta), "presence:meta:%s", u->name);
    const char *score = STORE_REDIS_TEXT(w->t, "ZSCORE", "presence:due", u->name);
    bool listed = strcmp(score, "(nil)") != 0;
    int64_t due = listed ? atoll(score) : 0, deadline = view_checker_deadline(w, u->name);
    if (w->may_repeat)
        return;
    assert_int_equal(listed, u->online);
    if (!u->reason[0])
        return;
    assert_true(!listed || due <= deadline);
    assert_string_equal(STORE_REDIS_TEXT(w->t, "HGET", meta, "status"), listed ? "online" : "offline");
    int64_t expires = atoll(STORE_REDIS_TEXT(w->t, "PEXPIRETIME", key));
    if (expires != -2)
        assert_int_equal(expires, deadline);
    else
        assert_true(deadline <= store_redis_now(w->t));
    assert_true(atoll(STORE_REDIS_TEXT(w->t, "HGET", meta, "lastSeen")) >=
                u->last_seen_ms - VIEW_CHECKER_SEEN_SLACK);
}

void store_view_checker_look(struct store_view_checker *w)
{
    store_redis_hear(w->t);
    view_checker_messages(w);
    view_checker_log(w);
    size_t online = 0;
    for (size_t i = 0; i < w->count; i++) {
        view_checker_check_user(w, &w->users[i]);
        online += w->users[i].online;
    }
    if (!w->may_repeat)
        assert_int_equal(atoll(STORE_REDIS_TEXT(w->t, "ZCARD", "presence:due")), online);
    store_redis_forget(w->t);
}
