/* online, offline, heartbeat: what phones do, by hand; through the same script as theirs. */
#include "base/plain.h"
#include "base/random.h"
#include "presence/identity.h"
#include "show.h"
#include "user.h"

#include <stdio.h>
#include <string.h>

#define DEVICE_DEFAULT "presence-ctl"
#define SESSION_SIZE   32

struct injection {
    struct ctl *c;
    struct session_op op;
};

static void write_apply(void *arg, bool text, struct bytes *out)
{
    const struct injection *in = arg;
    const struct policy *p = &in->c->config.policy;

    store_apply(&in->c->store, p->ttl_ms, p->offline_grace_ms, &in->op, 1, text, out);
}

/* Applies the one operation: 0 with its outcome, or an exit code. */
static int apply(struct ctl *c, const struct session_op *op, char *ret_outcome)
{
    struct injection in = {.c = c, .op = *op};
    struct apply_answer answer;
    struct redisReply *reply;

    int code = ctl_script(c, write_apply, &in, &reply);
    if (code != 0)
        return code;
    if (store_read_apply(reply, &answer) < 0 || answer.outcomes.len != 1)
        code = ctl_refused(c, reply);
    else
        *ret_outcome = answer.outcomes.data[0];
    reply_free(reply);
    return code;
}

static void show(struct ctl *c, struct span user, bool online, bool changed, const char *sentence)
{
    bytes_auto out = BYTES_INIT;

    if (c->config.json) {
        struct json_line line = json_begin(&out);
        json_text(&line, "userId", user);
        json_status(&line, online);
        json_bool(&line, "changed", changed);
        json_end(&line);
    } else {
        plain_append(&out, user);
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

static struct span device_of(const struct ctl *c)
{
    return c->config.device ? span_of(c->config.device) : SPAN(DEVICE_DEFAULT);
}

/* A session of presence-ctl with that device goes on; else there is a new one. */
static void choose_session(const struct user *u, struct span device, char out[SESSION_SIZE])
{
    for (size_t i = 0; i < u->session_count; i++) {
        const struct stored_session *s = &u->sessions[i];
        if (span_equal(session_node(s), SPAN("ctl")) && span_equal(s->device, device) &&
            span_copy(s->name, out, SESSION_SIZE) == 0)
            return;
    }
    strcpy(out, "ctl/");
    random_hex(out + strlen(out), 8);
}

/* A session that goes on keeps the time it was opened. */
static int64_t opened_at(const struct user *u, const char *session)
{
    for (size_t i = 0; i < u->session_count; i++)
        if (span_equal(u->sessions[i].name, span_of(session)))
            return u->sessions[i].opened_ms;
    return u->now_ms;
}

static int live(struct ctl *c, enum session_op_kind kind, const char *argument, struct span extra)
{
    char session[SESSION_SIZE], outcome;
    struct span device = device_of(c);
    struct session_op op = {.kind = kind, .device = device, .role = ROLE_MOBILE, .extra = extra};
    struct user user;

    if (!device_id_valid(device))
        return ctl_fail(c, EXIT_USAGE, "--device: 1-128 bytes of UTF-8 without control characters");
    int code = argument_user(c, argument, &op.user);
    if (code == 0)
        code = user_load(c, op.user, &user);
    if (code != 0)
        return code;
    choose_session(&user, device, session);
    op.session = span_of(session);
    op.opened_ms = kind == OP_OPEN ? user.now_ms : opened_at(&user, session);
    code = apply(c, &op, &outcome);
    user_finish(&user);
    return code == 0 ? conclude(c, op.user, outcome) : code;
}

int command_online(struct ctl *c, char **args, size_t count)
{
    return live(c, OP_OPEN, args[0], SPAN("forced"));
}

int command_heartbeat(struct ctl *c, char **args, size_t count)
{
    return live(c, OP_BEAT, args[0], SPAN_NONE);
}

int command_offline(struct ctl *c, char **args, size_t count)
{
    struct session_op op = {.kind = OP_FORCE_OFFLINE, .extra = SPAN("forced")};
    char outcome;

    int code = argument_user(c, args[0], &op.user);
    if (code == 0)
        code = apply(c, &op, &outcome);
    return code == 0 ? conclude(c, op.user, outcome) : code;
}
