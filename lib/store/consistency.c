/* SPDX-License-Identifier: MIT */
#include "store/consistency.h"

#include "redis/resp.h"

#include <stdlib.h>

#define SLACK_MS   1000 /* as in repair.lua */
#define OVERDUE_MS 5000

void consistency_ask(const struct store *s, struct span user, struct bytes *out)
{
    bytes_auto key = BYTES_INIT, meta = BYTES_INIT, sessions = BYTES_INIT, due = BYTES_INIT;
    keys_user(s->prefix, USER_KEY_PRESENCE, user, &key);
    keys_user(s->prefix, USER_KEY_SESSIONS, user, &sessions);
    keys_user(s->prefix, USER_KEY_META, user, &meta);
    keys_name(s->prefix, KEY_DUE, &due);
    resp_command(out, "PTTL", bytes_text(&key), NULL);
    resp_command(out, "HGETALL", bytes_text(&sessions), NULL);
    resp_command(out, "HGETALL", bytes_text(&meta), NULL);
    resp_begin(out, 3);
    resp_text(out, "ZSCORE");
    resp_arg(out, bytes_span(&due));
    resp_arg(out, user);
}

static int64_t last_deadline(const struct redisReply *sessions, const struct redisReply *meta, bool *ret_any)
{
    int64_t last_ms = 0;
    for (size_t i = 0; i < reply_count(sessions) / 2; i++) {
        struct stored_session session;
        if (store_session_read(sessions, i, meta, &session) < 0)
            continue;
        *ret_any = true;
        if (session.deadline_ms > last_ms)
            last_ms = session.deadline_ms;
    }
    return last_ms;
}

enum inconsistency consistency_check(struct redisReply *const replies[CONSISTENCY_ANSWERS], int64_t now_ms,
                                     bool *ret_online)
{
    struct span score = reply_text(replies[3]);
    *ret_online = false;
    if (reply_is_error(replies[1]) || reply_is_error(replies[2]))
        return INCONSISTENT_FOREIGN;
    int64_t left_ms = reply_integer(replies[0], -2); /* of the presence key: -2 no key, -1 no TTL */
    bool has_session = false,
         says_online = span_equal(reply_text(reply_field(replies[2], SPAN("status"))), SPAN("online"));
    int64_t deadline_ms = last_deadline(replies[1], replies[2], &has_session), key_ms = now_ms + left_ms;
    *ret_online = score.data;
    if ((left_ms == -1 || left_ms > 0) && (!has_session || key_ms > deadline_ms + SLACK_MS))
        return INCONSISTENT_UNADOPTED;
    if (!score.data && has_session && deadline_ms > now_ms)
        return INCONSISTENT_UNLISTED;
    if (!score.data)
        return says_online ? INCONSISTENT_STALE : CONSISTENT;
    if (!has_session)
        return INCONSISTENT_UNEXPLAINED;
    if (deadline_ms < now_ms - OVERDUE_MS)
        return INCONSISTENT_OVERDUE;
    if ((int64_t)strtod(score.data, NULL) > deadline_ms + SLACK_MS)
        return INCONSISTENT_LATE;
    if (deadline_ms > now_ms && (left_ms < 0 || llabs(key_ms - deadline_ms) > SLACK_MS))
        return INCONSISTENT_KEY;
    return says_online ? CONSISTENT : INCONSISTENT_META;
}
