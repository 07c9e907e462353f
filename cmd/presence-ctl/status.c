/* status, count: the published state, asked of Redis. */
#include "base/mem.h"
#include "ctl.h"
#include "show.h"
#include "store/keys.h"
#include "store/resp.h"

#include <inttypes.h>
#include <stdlib.h>

static void show_json(struct span user, const struct status_answer *answer, struct bytes *out)
{
    struct json_line line = json_begin(out);

    json_text(&line, "userId", user);
    json_status(&line, answer->online);
    json_time(&line, "lastSeen", answer->last_seen_ms);
    json_text_or_null(&line, "deviceId", answer->device);
    json_end(&line);
}

static void show_row(struct table *t, struct span user, const struct status_answer *answer, int64_t now_ms)
{
    table_cell(t, TINT_NONE, user);
    table_status(t, answer->online);
    table_time(t, answer->last_seen_ms, now_ms);
    table_cell(t, TINT_NONE, answer->device);
}

/* The answers: ZMSCORE, then one HMGET a user. */
static int show_all(struct ctl *c, const struct span *users, size_t count, struct redisReply **replies,
                    int64_t now_ms)
{
    static const char *const headings[] = {"USER", "STATUS", "LAST SEEN", "DEVICE", NULL};
    bytes_auto out = BYTES_INIT;
    struct table table;
    int code = EXIT_YES;

    table_init(&table, headings);
    for (size_t i = 0; i < count; i++) {
        struct status_answer answer;
        if (store_read_status(replies[0], i, replies[1 + i], &answer) < 0) {
            code = ctl_refused(c, replies[0]);
            break;
        }
        if (c->config.json)
            show_json(users[i], &answer, &out);
        else
            show_row(&table, users[i], &answer, now_ms);
        code = answer.online ? code : EXIT_NO;
    }
    if (code <= EXIT_NO && !c->config.json)
        table_write(&table, c->colour, &out);
    table_finish(&table);
    show_out(&out);
    return code;
}

static int ask_all(struct ctl *c, const struct span *users, size_t count)
{
    struct redisReply **replies = mem_array(1 + count, sizeof(*replies));
    bytes_auto commands = BYTES_INIT;
    int64_t now_ms;

    int code = ctl_now(c, &now_ms);
    if (code == 0) {
        store_status(&c->store, users, count, &commands);
        code = ctl_ask(c, bytes_span(&commands), replies, 1 + count);
    }
    if (code == 0) {
        code = show_all(c, users, count, replies, now_ms);
        replies_free(replies, 1 + count);
    }
    free(replies);
    return code;
}

int command_status(struct ctl *c, char **args, size_t count)
{
    struct span *users = mem_array(count, sizeof(*users));
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++)
        code = argument_user(c, args[i], &users[i]);
    if (code == 0)
        code = ask_all(c, users, count);
    free(users);
    return code;
}

int command_count(struct ctl *c, char **args, size_t count)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT, out = BYTES_INIT;
    struct redisReply *reply;

    keys_name(c->store.prefix, KEY_DUE, &name);
    resp_command(&command, "ZCARD", bytes_text(&name), NULL);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    int64_t online = reply_integer(reply, 0);
    reply_free(reply);
    if (c->config.json)
        bytes_printf(&out, "{\"online\":%" PRId64 "}\n", online);
    else
        bytes_printf(&out, "%" PRId64 "\n", online);
    show_out(&out);
    return EXIT_YES;
}
