#include "survey.h"

#include "base/mem.h"
#include "presence/identity.h"
#include "store/keys.h"
#include "store/resp.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH      200
#define PER_USER   4
#define SLACK_MS   1000 /* as in repair.lua */
#define OVERDUE_MS 5000
#define AGAIN_MS   300

void survey_init(struct survey *s, struct ctl *c)
{
    *s = (struct survey){.c = c};
    idset_init(&s->users);
    for (size_t i = 0; i < ODDITIES; i++)
        idset_init(&s->odd[i]);
}

void survey_finish(struct survey *s)
{
    idset_finish(&s->users);
    for (size_t i = 0; i < ODDITIES; i++)
        idset_finish(&s->odd[i]);
}

static void take_user(struct survey *s, struct span user)
{
    s->cut |= idset_count(&s->users) >= SURVEY_USERS_MAX;
    if (!s->cut && user_id_valid(user))
        idset_add(&s->users, user);
}

static void take_key(struct survey *s, struct span name)
{
    const char *prefix = s->c->store.prefix;
    struct span user;

    if (keys_user_of(prefix, USER_KEY_PRESENCE, name, &user) == 0) {
        s->keys++;
        take_user(s, user);
    } else if (keys_user_of(prefix, USER_KEY_META, name, &user) == 0 ||
               keys_user_of(prefix, USER_KEY_SESSIONS, name, &user) == 0) {
        take_user(s, user);
    }
}

static void write_page(struct survey *s, bool index, const char *cursor, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;

    if (index)
        keys_name(s->c->store.prefix, KEY_DUE, &name);
    else
        keys_pattern(s->c->store.prefix, &name);
    if (index)
        resp_command(out, "ZSCAN", bytes_text(&name), cursor, "COUNT", "500", NULL);
    else
        resp_command(out, "SCAN", cursor, "MATCH", bytes_text(&name), "COUNT", "500", NULL);
}

/* All of the index, or all names of users' keys. */
static int scan(struct survey *s, bool index)
{
    char cursor[32] = "0";
    int code = 0;

    do {
        bytes_auto command = BYTES_INIT;
        struct redisReply *reply;
        write_page(s, index, cursor, &command);
        code = ctl_ask_one(s->c, bytes_span(&command), &reply);
        if (code != 0)
            return code;
        const struct redisReply *list = reply_at(reply, 1);
        if (!reply_is_array(list) || span_copy(reply_text(reply_at(reply, 0)), cursor, sizeof(cursor)) < 0)
            code = ctl_refused(s->c, reply);
        for (size_t i = 0; i < reply_count(list); i += index ? 2 : 1)
            if (index)
                take_user(s, reply_text(reply_at(list, i)));
            else
                take_key(s, reply_text(reply_at(list, i)));
        reply_free(reply);
    } while (code == 0 && strcmp(cursor, "0") != 0 && !s->cut);
    return code;
}

static void write_user(struct survey *s, struct span user, struct bytes *out)
{
    bytes_auto key = BYTES_INIT, meta = BYTES_INIT, sessions = BYTES_INIT, due = BYTES_INIT;

    keys_user(s->c->store.prefix, USER_KEY_PRESENCE, user, &key);
    keys_user(s->c->store.prefix, USER_KEY_SESSIONS, user, &sessions);
    keys_user(s->c->store.prefix, USER_KEY_META, user, &meta);
    keys_name(s->c->store.prefix, KEY_DUE, &due);
    resp_command(out, "PTTL", bytes_text(&key), NULL);
    resp_command(out, "HGETALL", bytes_text(&sessions), NULL);
    resp_command(out, "HGET", bytes_text(&meta), "status", NULL);
    resp_begin(out, 3);
    resp_text(out, "ZSCORE");
    resp_arg(out, bytes_span(&due));
    resp_arg(out, user);
}

struct facts {
    int64_t now_ms;
    int64_t left_ms; /* of the presence key: -2 no key, -1 no TTL */
    bool has_session;
    int64_t deadline_ms;
    bool listed;
    int64_t due_ms;
    bool says_online; /* meta */
};

static int64_t last_deadline(const struct redisReply *pairs, bool *ret_any)
{
    int64_t last_ms = 0;

    for (size_t i = 0; i + 1 < reply_count(pairs); i += 2) {
        struct stored_session session;
        if (stored_session_read(reply_text(reply_at(pairs, i)), reply_text(reply_at(pairs, i + 1)),
                                &session) < 0)
            continue;
        *ret_any = true;
        if (session.deadline_ms > last_ms)
            last_ms = session.deadline_ms;
    }
    return last_ms;
}

/* False: keys of another type. */
static bool read_facts(struct redisReply *const *replies, int64_t now_ms, struct facts *ret)
{
    struct span score = reply_text(replies[3]);

    *ret = (struct facts){.now_ms = now_ms};
    if (reply_is_error(replies[1]) || reply_is_error(replies[2]))
        return false;
    ret->left_ms = reply_integer(replies[0], -2);
    ret->deadline_ms = last_deadline(replies[1], &ret->has_session);
    ret->says_online = span_equal(reply_text(replies[2]), SPAN("online"));
    ret->listed = score.data != NULL;
    ret->due_ms = score.data ? (int64_t)strtod(score.data, NULL) : 0;
    return true;
}

static enum oddity judge_listed(const struct facts *f)
{
    int64_t key_ms = f->now_ms + f->left_ms;

    if (!f->has_session)
        return ODDITY_UNEXPLAINED;
    if (f->deadline_ms < f->now_ms - OVERDUE_MS)
        return ODDITY_OVERDUE;
    if (f->due_ms > f->deadline_ms + SLACK_MS)
        return ODDITY_LATE;
    if (f->deadline_ms > f->now_ms && (f->left_ms < 0 || llabs(key_ms - f->deadline_ms) > SLACK_MS))
        return ODDITY_KEY;
    return f->says_online ? ODDITY_NONE : ODDITY_META;
}

static enum oddity judge(const struct facts *f)
{
    bool key = f->left_ms == -1 || f->left_ms > 0;

    if (key && (!f->has_session || f->now_ms + f->left_ms > f->deadline_ms + SLACK_MS))
        return ODDITY_UNADOPTED;
    if (f->listed)
        return judge_listed(f);
    if (f->has_session && f->deadline_ms > f->now_ms)
        return ODDITY_UNLISTED;
    return f->says_online ? ODDITY_STALE : ODDITY_NONE;
}

static void examine(struct survey *s, const struct span *users, size_t count, struct redisReply **replies,
                    int64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        struct facts facts;
        bool ours = read_facts(replies + i * PER_USER, now_ms, &facts);
        enum oddity oddity = ours ? judge(&facts) : ODDITY_FOREIGN;
        s->online += ours && facts.listed;
        if (oddity != ODDITY_NONE)
            idset_add(&s->odd[oddity], users[i]);
    }
}

static int look_at_batch(struct survey *s, const struct span *users, size_t count)
{
    struct redisReply *replies[BATCH * PER_USER];
    bytes_auto commands = BYTES_INIT;
    int64_t now_ms;

    int code = ctl_now(s->c, &now_ms);
    if (code != 0)
        return code;
    for (size_t i = 0; i < count; i++)
        write_user(s, users[i], &commands);
    code = ctl_ask(s->c, bytes_span(&commands), replies, count * PER_USER);
    if (code != 0)
        return code;
    examine(s, users, count, replies, now_ms);
    replies_free(replies, count * PER_USER);
    return 0;
}

static int look_at(struct survey *s, const struct idset *set)
{
    struct span users[BATCH];
    size_t at = 0, count = 0;
    int code = 0;
    void *user;

    while (code == 0 && (user = map_next(&set->map, &at))) {
        users[count++] = set->map.key_of(user);
        if (count < BATCH)
            continue;
        code = look_at_batch(s, users, count);
        count = 0;
    }
    return code == 0 && count > 0 ? look_at_batch(s, users, count) : code;
}

/* A change between two reads looks odd once, not twice. */
static int look_again(struct survey *s)
{
    struct timespec pause = {0, AGAIN_MS * 1000000L};
    struct idset suspects[ODDITIES];
    size_t online = s->online, count = 0;
    int code = 0;

    for (size_t i = 0; i < ODDITIES; i++) {
        suspects[i] = s->odd[i];
        count += idset_count(&suspects[i]);
        idset_init(&s->odd[i]);
    }
    if (count > 0)
        nanosleep(&pause, NULL);
    for (size_t i = 0; i < ODDITIES; i++) {
        if (code == 0)
            code = look_at(s, &suspects[i]);
        idset_finish(&suspects[i]);
    }
    s->online = online;
    return code;
}

int survey_run(struct survey *s)
{
    int code = scan(s, true);

    if (code == 0)
        code = scan(s, false);
    if (code == 0)
        code = look_at(s, &s->users);
    return code == 0 ? look_again(s) : code;
}
