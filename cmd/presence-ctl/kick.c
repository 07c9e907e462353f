/* SPDX-License-Identifier: MIT */
/* kick: closes connections; with --revoke their tokens are of no use any more, on any server. */
#include "arguments.h"
#include "base/printable.h"
#include "nodes.h"
#include "show.h"
#include "user.h"
#include "wire/control.h"

#include <inttypes.h>
#include <time.h>

struct options {
    bool revoke;
    char *token_id;
    int64_t revoke_ms; /* for so long */
};
CONFIG_OPTIONS_FIT(struct options);

static void show_closed(struct ctl *c, struct span user, size_t connections, size_t others, int64_t servers)
{
    bytes_auto out = BYTES_INIT;
    if (c->config.json) {
        show_line(&out, SHOW_TEXT("userId", user), SHOW_NUMBER("sessions", connections),
                  SHOW_NUMBER("servers", servers));
    } else {
        bytes_printf(&out, "told %" PRId64 " server%s to close the connections of ", servers,
                     servers == 1 ? "" : "s");
        printable_append(&out, user);
        bytes_printf(&out, ": %zu session%s stood in Redis", connections, connections == 1 ? "" : "s");
        if (others)
            bytes_printf(&out, " (and %zu without a connection, which presence-ctl offline ends)", others);
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

static int close_connections(struct ctl *c, struct span id, struct span device)
{
    bytes_auto payload = BYTES_INIT;
    size_t connections = 0, others = 0;
    struct user user;
    int64_t servers;
    int code = user_load(c, id, &user);
    if (code != 0)
        return code;
    for (size_t i = 0; i < user.session_count; i++) {
        const struct stored_session *s = &user.sessions[i];
        bool wanted = !device.len || span_equal(s->device, device), connected = user_session_connected(s);
        connections += wanted && connected;
        others += wanted && !connected;
    }
    user_finish(&user);
    control_write_kick(id, device, c->store.db, &payload);
    code = ctl_publish(c, CHANNEL_CONTROL, bytes_span(&payload), &servers);
    if (code == 0 && servers == 0)
        return ctl_fail(c, EXIT_UNREACHABLE, "no presence-ws listens to %scontrol", c->store.prefix);
    if (code == 0)
        show_closed(c, id, connections, others, servers);
    return code;
}

struct revoking {
    int64_t issued_s, until_ms;
    int64_t now_ms;
    int64_t ahead_s; /* of issued_s, how much is allowed for issuers' fast clocks */
};

static void show_revoked(struct ctl *c, struct span name, const struct revoking *r)
{
    bytes_auto out = BYTES_INIT;
    if (c->config.json) {
        show_line(&out, SHOW_TEXT("revoked", name), SHOW_NUMBER("issuedUntil", r->issued_s),
                  SHOW_NUMBER("takenFrom", r->issued_s + 1), SHOW_NUMBER("until", r->until_ms));
    } else {
        bytes_append_text(&out, "revoked for ");
        printable_duration(&out, r->until_ms - r->now_ms);
        bytes_append_text(&out, ": every token issued before ");
        show_time_append(&out, (r->issued_s + 1) * 1000, r->now_ms);
        bytes_append_text(&out, name.data[0] == 't'   ? " with this id\n"
                                : name.data[0] == 'd' ? " of this user on this device\n"
                                                      : " of this user\n");
        if (r->ahead_s > 0)
            bytes_printf(&out, "an issuer's clock is %" PRId64 " s ahead of Redis's, which that allows for\n",
                         r->ahead_s);
    }
    show_out(&out);
}

/* A token says only the second in which it was issued, and one that is issued behind the kick is to be taken: the
 * second that is to be the last ends first. Issuers whose clocks differ from Redis's by less than the margin still
 * count as one with it. */
#define MARGIN_MS 50

static int await_next_second(struct ctl *c, int64_t *ret_ms)
{
    int64_t began_ms, now_ms;
    int code = ctl_now(c, &began_ms);
    for (now_ms = began_ms; code == 0 && now_ms / 1000 == began_ms / 1000;) {
        int64_t left_ms = 1000 - now_ms % 1000 + MARGIN_MS;
        struct timespec pause = {left_ms / 1000, left_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
        code = ctl_now(c, &now_ms);
    }
    *ret_ms = now_ms;
    return code;
}

/* Until the last second, and as far ahead as the fastest clock among the issuers whose tokens the servers have seen: a
 * token that it minted a moment ago must not become good later. The store's script tells the servers, who close the
 * connections. */
static int revoke(struct ctl *c, struct span name)
{
    const struct options *options = (const void *)c->config.options;
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    struct revoking r = {0};
    struct revoke_answer answer;
    struct revocations list;
    struct nodes nodes;
    int code = await_next_second(c, &r.now_ms);
    if (code == 0)
        code = nodes_load(c, &nodes);
    if (code != 0)
        return code;
    for (size_t i = 0; i < nodes.count; i++)
        r.ahead_s = nodes.items[i].ahead_s > r.ahead_s ? nodes.items[i].ahead_s : r.ahead_s;
    nodes_finish(&nodes);
    r.issued_s = r.now_ms / 1000 - 1 + r.ahead_s;
    r.until_ms = r.now_ms + options->revoke_ms;
    revocations_init(&list);
    revocations_put(&list, name, r.issued_s, r.until_ms);
    store_revoke(&c->store, &list, &command);
    revocations_finish(&list);
    code = ctl_script(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    if (store_read_revoke(reply, &answer) < 0)
        return ctl_refused(c, reply);
    if (answer.rejected > 0)
        return ctl_fail(c, EXIT_NO, "%d revocations are in force already, and no more are kept",
                        REVOCATIONS_MAX);
    show_revoked(c, name, &r);
    return EXIT_YES;
}

static int kick(struct ctl *c, char **args, size_t count)
{
    const struct options *options = (const void *)c->config.options;
    struct span id, device = span_of(c->config.device), token = span_of(options->token_id);
    bytes_auto name = BYTES_INIT;
    if (token.data) {
        if (!options->revoke || count > 0 || c->config.device)
            return ctl_fail(c, EXIT_USAGE, "--token-id goes with --revoke, and without USER and --device");
        if (!identity_token_valid(token))
            return ctl_fail(c, EXIT_USAGE, "--token-id: 1-%d bytes of UTF-8 without control characters",
                            TOKEN_ID_MAX);
        revocation_name_token(token, &name);
        return revoke(c, bytes_span(&name));
    }
    if (count == 0)
        return ctl_fail(c, EXIT_USAGE, "kick takes USER, or --revoke --token-id ID");
    int code = device.len ? argument_device(c, device) : 0;
    if (code == 0)
        code = argument_user(c, args[0], &id);
    if (code != 0)
        return code;
    if (!options->revoke)
        return close_connections(c, id, device);
    if (device.len)
        revocation_name_device(id, device, &name);
    else
        revocation_name_user(id, &name);
    return revoke(c, bytes_span(&name));
}

#define AT(field) offsetof(struct options, field)

static const struct setting rows[] = {
    SETTING_BOOL("revoke", "PRESENCE_CTL_REVOKE", AT(revoke), "false",
                 "refuse the tokens issued until now, too, on every server; waits for the second to end"),
    SETTING_TEXT("token-id", "PRESENCE_CTL_REVOKE_ID", AT(token_id), NULL, "<id>",
                 "with --revoke: the token with this jti, whosever it is"),
    SETTING_DURATION("revoke-for", "PRESENCE_REVOKE_FOR", AT(revoke_ms), "720h", 1000, 3650LL * CONFIG_DAY_MS,
                     "with --revoke: for so long; longer than any token is good for"),
};
static const struct setting_table tables[] = {CONFIG_DEVICE, CONFIG_OPTIONS(rows, "Revocation"),
                                              CONFIG_PRESENCE};

const struct command command_kick = {
    .info = {"kick", "[USER]", "close a user's connections, and with --revoke keep them out",
             CONFIG_OF_COMMAND(tables)},
    .run = kick,
};
