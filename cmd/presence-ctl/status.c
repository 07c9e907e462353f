/* SPDX-License-Identifier: MIT */
/* status: the published state of some users. */
#include "arguments.h"
#include "base/mem.h"
#include "base/printable.h"
#include "show.h"
#include "user.h"

#include <stdlib.h>

/* A user in JSON or as a row; a refusal below the table, since it is rare and says why somebody who is connected is
 * offline. */
static void show_user(struct ctl *c, struct span user, const struct status_answer *answer,
                      const struct explanation_refusal *refusal, int64_t now_ms, struct table *table,
                      struct bytes *out)
{
    if (c->config.json) {
        bytes_auto refused = BYTES_INIT;
        user_refusal_json(user, refusal, &refused);
        show_line(out, SHOW_TEXT("userId", user), SHOW_STATUS(answer->online),
                  SHOW_TIME("lastSeen", answer->last_seen_ms),
                  SHOW_TIME("lastHeartbeat", answer->last_heartbeat_ms),
                  SHOW_OPTIONAL("deviceId", answer->device), SHOW_JSON("refused", &refused));
        return;
    }
    show_table_cell(table, COLOR_NONE, user);
    show_table_status(table, answer->online);
    show_table_time(table, answer->last_heartbeat_ms, now_ms);
    show_table_cell(table, COLOR_NONE, answer->device);
    if (refusal) {
        printable_append(out, user);
        bytes_append_text(out, ": ");
        explanation_of_refusal(user, refusal, out);
        bytes_append_char(out, '\n');
    }
}

/* The answers: ZMSCORE, one HMGET a user, one HGET of the refused heartbeats a user. */
static int show_users(struct ctl *c, const struct span *users, size_t count, struct redisReply **replies,
                      int64_t now_ms)
{
    static const char *const headings[] = {"USER", "STATUS", "LAST HEARTBEAT", "DEVICE", NULL};
    bytes_auto rows = BYTES_INIT, out = BYTES_INIT;
    struct table table;
    int code = EXIT_YES;
    show_table_init(&table, headings);
    for (size_t i = 0; i < count && code <= EXIT_NO; i++) {
        struct explanation_refusal refusal;
        struct status_answer answer;
        if (store_read_status(replies[0], i, replies[1 + i], &answer) < 0) {
            code = ctl_refused(c, replies[0]);
            break;
        }
        bool refused =
            user_refusal_read(reply_text(replies[1 + count + i]), answer.last_seen_ms, now_ms, &refusal);
        show_user(c, users[i], &answer, refused ? &refusal : NULL, now_ms, &table, &out);
        code = answer.online ? code : EXIT_NO;
    }
    if (code <= EXIT_NO && !c->config.json)
        show_table_write(&table, c->color, &rows);
    show_table_finish(&table);
    show_out(&rows);
    if (code <= EXIT_NO || c->config.json)
        show_out(&out);
    return code;
}

static int status(struct ctl *c, char **args, size_t count)
{
    struct redisReply **replies = mem_array(1 + 2 * count, sizeof(*replies));
    struct span *users = mem_array(count, sizeof(*users));
    bytes_auto commands = BYTES_INIT;
    int64_t now_ms;
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++)
        code = argument_user(c, args[i], &users[i]);
    if (code == 0)
        code = ctl_now(c, &now_ms);
    if (code == 0) {
        store_status(&c->store, users, count, &commands);
        store_refusals(&c->store, users, count, &commands);
        code = ctl_ask(c, bytes_span(&commands), replies, 1 + 2 * count);
    }
    if (code == 0) {
        code = show_users(c, users, count, replies, now_ms);
        ctl_free_replies(replies, 1 + 2 * count);
    }
    free(users);
    free(replies);
    return code;
}

const struct command command_status = {
    .info = {"status", "USER...", "whether users are online; exit 1 if one is not",
             CONFIG_OF_COMMAND(config_plain)},
    .run = status,
};
