/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/printable.h"
#include "doctor.h"
#include "idset.h"
#include "presence/identity.h"
#include "store/consistency.h"
#include "user.h"

#include <string.h>
#include <time.h>

#define USERS_MAX 200000 /* more are not looked at */
#define PAGE      500
#define BATCH     200
#define AGAIN_MS  300
#define EXAMPLES  3
#define RECENT_MS (5 * 60 * 1000) /* a refusal; an older one may have been fixed since */
#define REPAIR    "presence-ctl repair (presence-expiryd does the same every PRESENCE_REPAIR_INTERVAL)"

static const struct {
    const char *check, *text, *fix;
} meanings[INCONSISTENCIES] = {
    [INCONSISTENT_FOREIGN] =
        {"foreign", "have keys of another type under presence's names",
         "find the program that writes them; rename or delete these keys, or set PRESENCE_PREFIX"},
    [INCONSISTENT_UNADOPTED] = {"unadopted", "have a presence key of another writer that no session explains",
                                REPAIR},
    [INCONSISTENT_KEY] = {"keys", "are in the index, but their presence key is gone or has another TTL",
                          REPAIR},
    [INCONSISTENT_META] = {"meta", "are in the index, but presence:meta does not say online", REPAIR},
    [INCONSISTENT_UNEXPLAINED] = {"sessions", "are in the index without any session", REPAIR},
    [INCONSISTENT_UNLISTED] = {"index", "have a living session, but are missing in the index", REPAIR},
    [INCONSISTENT_STALE] = {"stale", "are online in presence:meta, but neither in the index nor by a session",
                            REPAIR},
    [INCONSISTENT_LATE] = {"index", "stand in the index later than their last deadline", REPAIR},
    [INCONSISTENT_OVERDUE] = {"overdue", "count as online though their last deadline passed over 5 s ago",
                              "start presence-expiryd, or look at its log"},
};

struct survey {
    struct ctl *c;
    struct idset users; /* all that are known */
    size_t count;       /* of them */
    size_t online;      /* in the index */
    struct idset found[INCONSISTENCIES];
    size_t counts[INCONSISTENCIES];
};

static void add_user(struct survey *s, struct span user)
{
    if (s->count > USERS_MAX || !identity_user_valid(user) || idset_has(&s->users, user))
        return;
    /* The one beyond the bound only tells that there are more. */
    if (s->count++ < USERS_MAX)
        idset_add(&s->users, user);
}

/* All of the index, or all names of users' keys. */
static int scan(struct survey *s, bool index)
{
    const char *prefix = s->c->store.prefix;
    char cursor[32] = "0";
    do {
        bytes_auto command = BYTES_INIT;
        reply_auto *reply = NULL;
        const struct redisReply *items;
        struct span next, user;
        if (index)
            store_index_page(&s->c->store, span_of(cursor), PAGE, &command);
        else
            store_keys_page(&s->c->store, span_of(cursor), PAGE, &command);
        int code = ctl_ask_one(s->c, &command, &reply);
        if (code != 0)
            return code;
        if (store_read_page(reply, &next, &items) < 0 || span_copy(next, cursor, sizeof(cursor)) < 0)
            return ctl_refused(s->c, reply);
        for (size_t i = 0; i < reply_count(items); i += index ? 2 : 1) {
            struct span name = reply_text(reply_at(items, i));
            if (index)
                add_user(s, name);
            else if (keys_user_of(prefix, USER_KEY_PRESENCE, name, &user) == 0 ||
                     keys_user_of(prefix, USER_KEY_META, name, &user) == 0 ||
                     keys_user_of(prefix, USER_KEY_SESSIONS, name, &user) == 0)
                add_user(s, user);
        }
    } while (strcmp(cursor, "0") != 0 && s->count <= USERS_MAX);
    return 0;
}

static int check_batch(struct survey *s, const struct span *users, size_t count)
{
    struct redisReply *replies[BATCH * CONSISTENCY_ANSWERS];
    bytes_auto commands = BYTES_INIT;
    int64_t now_ms;
    int code = ctl_now(s->c, &now_ms);
    for (size_t i = 0; i < count; i++)
        consistency_ask(&s->c->store, users[i], &commands);
    if (code == 0)
        code = ctl_ask(s->c, bytes_span(&commands), replies, count * CONSISTENCY_ANSWERS);
    if (code != 0)
        return code;
    for (size_t i = 0; i < count; i++) {
        bool online;
        enum inconsistency found = consistency_check(replies + i * CONSISTENCY_ANSWERS, now_ms, &online);
        s->online += online;
        if (found == CONSISTENT)
            continue;
        idset_add(&s->found[found], users[i]);
        s->counts[found]++;
    }
    ctl_free_replies(replies, count * CONSISTENCY_ANSWERS);
    return 0;
}

static int check_users(struct survey *s, const struct idset *set)
{
    struct span users[BATCH];
    size_t at = 0, count = 0;
    int code = 0;
    while (code == 0 && idset_next(set, &at, &users[count])) {
        if (++count < BATCH)
            continue;
        code = check_batch(s, users, count);
        count = 0;
    }
    return code == 0 && count > 0 ? check_batch(s, users, count) : code;
}

/* A change between two reads looks inconsistent once, not twice. */
static int check_again(struct survey *s)
{
    struct timespec pause = {0, AGAIN_MS * 1000000L};
    struct idset suspects[INCONSISTENCIES];
    size_t online = s->online, count = 0;
    int code = 0;
    for (size_t i = 0; i < INCONSISTENCIES; i++) {
        suspects[i] = s->found[i];
        count += s->counts[i];
        s->counts[i] = 0;
        idset_init(&s->found[i]);
    }
    if (count > 0)
        nanosleep(&pause, NULL);
    for (size_t i = 0; i < INCONSISTENCIES; i++) {
        if (code == 0)
            code = check_users(s, &suspects[i]);
        idset_finish(&suspects[i]);
    }
    s->online = online;
    return code;
}

static void report_users(struct doctor *d, const struct survey *s)
{
    bool consistent = true;
    for (size_t i = CONSISTENT + 1; i < INCONSISTENCIES; i++) {
        bytes_auto examples = BYTES_INIT;
        size_t at = 0, shown = 0, count = s->counts[i];
        struct span user;
        while (shown < EXAMPLES && idset_next(&s->found[i], &at, &user)) {
            bytes_append_text(&examples, shown++ ? ", " : "");
            printable_append(&examples, user);
        }
        if (count == 0)
            continue;
        consistent = false;
        doctor_report(d, VERDICT_FAULT, meanings[i].check, meanings[i].fix,
                      "index and keys disagree: %zu user%s %s: %s%s", count, count == 1 ? "" : "s",
                      meanings[i].text, bytes_text(&examples), count > shown ? " …" : "");
    }
    if (s->count > USERS_MAX)
        doctor_report(d, VERDICT_NOTE, "state", NULL, "only the first %d users were looked at", USERS_MAX);
    if (consistent)
        doctor_report(d, VERDICT_FINE, "state", NULL,
                      "%zu user%s online; index, keys and sessions agree (%zu known users looked at)",
                      s->online, s->online == 1 ? "" : "s", s->count > USERS_MAX ? USERS_MAX : s->count);
}

/* Guide, "Users not appearing online", 3. */
static int check_state(struct doctor *d)
{
    struct survey s = {.c = d->c};
    idset_init(&s.users);
    for (size_t i = 0; i < INCONSISTENCIES; i++)
        idset_init(&s.found[i]);
    int code = scan(&s, true);
    if (code == 0)
        code = scan(&s, false);
    if (code == 0)
        code = check_users(&s, &s.users);
    if (code == 0)
        code = check_again(&s);
    if (code == 0)
        report_users(d, &s);
    idset_finish(&s.users);
    for (size_t i = 0; i < INCONSISTENCIES; i++)
        idset_finish(&s.found[i]);
    return code;
}

/* Nothing else suffers from it: transitions are made and published without a log. The other keys of presence's own are
 * looked at by the trial of the scripts. */
static int check_log(struct doctor *d)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    reply_auto *reply = NULL;
    store_log_type(&d->c->store, &command);
    int code = ctl_ask_one(d->c, &command, &reply);
    if (code != 0)
        return code;
    struct span type = reply_text(reply);
    keys_name(d->c->store.prefix, KEY_LOG, &name);
    if (!span_equal(type, SPAN("stream")) && !span_equal(type, SPAN("none")))
        doctor_report(
            d, VERDICT_FAULT, "log",
            "find the program that writes that key; rename or delete the key, or set PRESENCE_PREFIX",
            "%s is a %.*s of another program: no log is kept, so dashboards get a snapshot where they "
            "would have resumed, and why and watch --since know nothing",
            bytes_text(&name), (int)type.len, type.data);
    return 0;
}

static const char *refusal_fix(const struct explanation_refusal *r)
{
    if (r && span_equal(r->reason, span_of(session_op_refusal_name(REFUSAL_LATE))))
        return "look at the clocks of the servers and of Redis, and at redis-cli --latency";
    if (r && span_equal(r->reason, span_of(session_op_refusal_name(REFUSAL_FOREIGN))))
        return "find the program that writes keys of other types under presence's names";
    return "have the client send the token's uid as fromId, byte for byte: upper and lower case differ";
}

/* `users`: pairs, at least one; the latest is the example. */
static int report_refusals(struct doctor *d, const struct redisReply *users, int64_t now_ms)
{
    bytes_auto command = BYTES_INIT, what = BYTES_INIT, ago = BYTES_INIT;
    reply_auto *stored = NULL;
    size_t count = reply_count(users) / 2;
    struct span example = reply_text(reply_at(users, 2 * count - 2));
    int64_t age_ms = now_ms - reply_integer(reply_at(users, 2 * count - 1), now_ms);
    struct explanation_refusal r;
    store_refusals(&d->c->store, &example, 1, &command);
    int code = ctl_ask(d->c, bytes_span(&command), &stored, 1);
    if (code != 0)
        return code;
    bool known = user_refusal_read(reply_text(stored), 0, 0, &r);
    printable_append(&what, example);
    bytes_append_text(&what, ": ");
    if (known)
        explanation_of_refusal(example, &r, &what);
    else
        bytes_append_text(&what, "why is not known any more");
    printable_duration(&ago, age_ms);
    doctor_report(
        d, age_ms <= RECENT_MS ? VERDICT_FAULT : VERDICT_NOTE, "refused", refusal_fix(known ? &r : NULL),
        "heartbeats of %zu user%s were refused in the last hour and did not count, the latest %s ago: %s",
        count, count == 1 ? "" : "s", bytes_text(&ago), bytes_text(&what));
    return 0;
}

static int check_refusals(struct doctor *d)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *users = NULL;
    int64_t now_ms;
    int code = ctl_now(d->c, &now_ms);
    if (code != 0)
        return code;
    store_refused_users(&d->c->store, now_ms - EXPLANATION_REFUSAL_MS, &command);
    code = ctl_ask(d->c, bytes_span(&command), &users, 1);
    if (code != 0)
        return code;
    struct span error = reply_error(users);
    if (reply_count(users) >= 2)
        return report_refusals(d, users, now_ms);
    if (error.data)
        doctor_report(d, VERDICT_NOTE, "refused", NULL, "whose heartbeats were refused can't be asked: %.*s",
                      (int)error.len, error.data);
    else
        doctor_report(d, VERDICT_FINE, "refused", NULL, "no heartbeats were refused in the last hour");
    return 0;
}

int doctor_state(struct doctor *d)
{
    int code = check_log(d);
    if (code == 0)
        code = check_state(d);
    return code == 0 ? check_refusals(d) : code;
}
