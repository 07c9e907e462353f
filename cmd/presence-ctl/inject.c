/* SPDX-License-Identifier: MIT */
/* online, offline, heartbeat: what phones do, done by hand through the same script. */
#include "arguments.h"
#include "base/printable.h"
#include "base/random.h"
#include "show.h"
#include "user.h"

#include <string.h>

#define DEVICE_DEFAULT "presence-ctl"
#define SESSION_SIZE   32

/* Applies the one operation: 0 with its outcome, or an exit code. */
static int apply(struct ctl *c, const struct session_op *op, char *ret_outcome)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    struct apply_answer answer;
    store_apply(&c->store, c->config.policy.ttl_ms, op, 1, &command);
    int code = ctl_script(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    if (store_read_apply(reply, &answer) < 0 || answer.outcomes.len != 1)
        return ctl_refused(c, reply);
    *ret_outcome = answer.outcomes.data[0];
    return 0;
}

static void show(struct ctl *c, struct span user, bool online, bool changed, const char *sentence)
{
    bytes_auto out = BYTES_INIT;
    if (c->config.json) {
        show_line(&out, SHOW_TEXT("userId", user), SHOW_STATUS(online), SHOW_BOOL("changed", changed));
    } else {
        printable_append(&out, user);
        bytes_append_text(&out, sentence);
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

static int conclude(struct ctl *c, struct span user, char outcome)
{
    switch (outcome) {
    case OUTCOME_ONLINE: show(c, user, true, true, " is online now"); return EXIT_YES;
    case OUTCOME_DONE: show(c, user, true, false, " was online already, and stays so"); return EXIT_YES;
    case OUTCOME_OFFLINE: show(c, user, false, true, " is offline now"); return EXIT_YES;
    case OUTCOME_MISSING: show(c, user, false, false, " was offline already"); return EXIT_YES;
    default:
        return ctl_fail(
            c, EXIT_NO,
            "not applied: another program keeps keys of another type under %smeta: or %ssessions: "
            "for this user (see presence-ctl doctor)",
            c->store.prefix, c->store.prefix);
    }
}

/* A session of presence-ctl with that device goes on, and keeps the time it was opened; else there is a new one. */
static void choose_session(const struct user *u, struct span device, char out[SESSION_SIZE],
                           int64_t *ret_opened_ms)
{
    for (size_t i = 0; i < u->session_count; i++) {
        const struct stored_session *s = &u->sessions[i];
        if (span_equal(user_session_node(s), SPAN("ctl")) && span_equal(s->device, device) &&
            span_copy(s->name, out, SESSION_SIZE) == 0) {
            *ret_opened_ms = s->opened_ms;
            return;
        }
    }
    strcpy(out, "ctl/");
    random_hex(out + strlen(out), 8);
    *ret_opened_ms = u->now_ms;
}

static int live(struct ctl *c, enum session_op_kind kind, const char *argument, struct span extra)
{
    char session[SESSION_SIZE], outcome;
    struct span device = c->config.device ? span_of(c->config.device) : SPAN(DEVICE_DEFAULT);
    struct session_op op = {.kind = kind, .device = device, .role = ROLE_MOBILE, .extra = extra};
    struct user user;
    int code = argument_device(c, device);
    if (code == 0)
        code = argument_user(c, argument, &op.user);
    if (code == 0)
        code = user_load(c, op.user, &user);
    if (code != 0)
        return code;
    choose_session(&user, device, session, &op.opened_ms);
    if (kind == OP_OPEN)
        op.opened_ms = user.now_ms;
    op.session = span_of(session);
    code = apply(c, &op, &outcome);
    user_finish(&user);
    return code == 0 ? conclude(c, op.user, outcome) : code;
}

static int online(struct ctl *c, char **args, size_t count)
{
    return live(c, OP_OPEN, args[0], SPAN("forced"));
}

static int heartbeat(struct ctl *c, char **args, size_t count)
{
    return live(c, OP_BEAT, args[0], SPAN_NONE);
}

static int offline(struct ctl *c, char **args, size_t count)
{
    struct session_op op = {.kind = OP_FORCE_OFFLINE, .extra = SPAN("forced")};
    char outcome;
    int code = argument_user(c, args[0], &op.user);
    if (code == 0)
        code = apply(c, &op, &outcome);
    return code == 0 ? conclude(c, op.user, outcome) : code;
}

static const struct setting_table tables[] = {CONFIG_DEVICE, CONFIG_PRESENCE};

const struct command command_online = {
    .info = {"online", "USER", "put a user online for one TTL, by force", CONFIG_OF_COMMAND(tables)},
    .run = online,
};

const struct command command_offline = {
    .info = {"offline", "USER", "end all sessions of a user, by force", CONFIG_OF_COMMAND(config_plain)},
    .run = offline,
};

const struct command command_heartbeat = {
    .info = {"heartbeat", "USER", "beat once for a user, as a phone would", CONFIG_OF_COMMAND(tables)},
    .run = heartbeat,
};
