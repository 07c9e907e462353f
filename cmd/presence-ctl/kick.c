/* kick: closes connections; with --revoke their tokens are of no use any more, on any server. */
#include "base/plain.h"
#include "show.h"
#include "user.h"
#include "wire/control.h"

#include <inttypes.h>

struct kicked {
    size_t connections; /* of that user and device, in the store */
    size_t others;      /* sessions that no connection holds */
};

static struct kicked count_kicked(const struct user *u, struct span device)
{
    struct kicked k = {0};

    for (size_t i = 0; i < u->session_count; i++) {
        if (device.len && !span_equal(u->sessions[i].device, device))
            continue;
        if (session_is_connection(&u->sessions[i]))
            k.connections++;
        else
            k.others++;
    }
    return k;
}

static void show_kicked(struct ctl *c, struct span user, struct kicked k, int64_t heard)
{
    bytes_auto out = BYTES_INIT;

    if (c->config.json) {
        struct json_line line = json_begin(&out);
        json_text(&line, "userId", user);
        json_integer(&line, "sessions", (int64_t)k.connections);
        json_integer(&line, "servers", heard);
        json_end(&line);
    } else {
        bytes_printf(&out, "told %" PRId64 " server%s to close the connections of ", heard,
                     heard == 1 ? "" : "s");
        plain_append(&out, user);
        bytes_printf(&out, ": %zu session%s stood in Redis", k.connections, k.connections == 1 ? "" : "s");
        if (k.others)
            bytes_printf(&out, " (and %zu without a connection, which presence-ctl offline ends)", k.others);
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

static int close_connections(struct ctl *c, struct span id, struct span device)
{
    bytes_auto payload = BYTES_INIT;
    struct user user;
    int64_t heard;

    int code = user_load(c, id, &user);
    if (code != 0)
        return code;
    struct kicked kicked = count_kicked(&user, device);
    user_finish(&user);
    control_write_kick(id, device, c->store.db, &payload);
    code = ctl_publish(c, CHANNEL_CONTROL, bytes_span(&payload), &heard);
    if (code == 0 && heard == 0)
        return ctl_fail(c, EXIT_UNREACHABLE, "no presence-ws listens to %scontrol", c->store.prefix);
    if (code == 0)
        show_kicked(c, id, kicked, heard);
    return code;
}

struct revoking {
    const struct store *store;
    struct revocations list;
    int64_t issued_s, until_ms;
};

static void write_revoke(void *arg, bool text, struct bytes *out)
{
    struct revoking *r = arg;

    store_revoke(r->store, &r->list, text, out);
}

static void show_revoked(struct ctl *c, struct span name, const struct revoking *r)
{
    bytes_auto out = BYTES_INIT;

    if (c->config.json) {
        struct json_line line = json_begin(&out);
        json_text(&line, "revoked", name);
        json_integer(&line, "issuedUntil", r->issued_s);
        json_integer(&line, "until", r->until_ms);
        json_end(&line);
    } else {
        bytes_append_text(&out, "revoked for ");
        plain_duration(&out, c->config.revoke_ms);
        bytes_append_text(&out, ": every token issued before now");
        bytes_append_text(&out, name.data[0] == 't'   ? " with this id\n"
                                : name.data[0] == 'd' ? " of this user on this device\n"
                                                      : " of this user\n");
    }
    show_out(&out);
}

/* The store's script tells the servers, who close the connections. */
static int revoke(struct ctl *c, struct span name)
{
    struct revoking r = {.store = &c->store};
    struct revoke_answer answer;
    struct redisReply *reply;
    int64_t now_ms;

    int code = ctl_now(c, &now_ms);
    if (code != 0)
        return code;
    r.issued_s = now_ms / 1000;
    r.until_ms = now_ms + c->config.revoke_ms;
    revocations_init(&r.list);
    revocations_put(&r.list, name, r.issued_s, r.until_ms);
    code = ctl_script(c, write_revoke, &r, &reply);
    revocations_finish(&r.list);
    if (code != 0)
        return code;
    if (store_read_revoke(reply, &answer) < 0)
        code = ctl_refused(c, reply);
    else if (answer.homeless > 0)
        code = ctl_fail(c, EXIT_NO, "%d revocations are in force already, and no more are kept",
                        REVOCATIONS_MAX);
    reply_free(reply);
    if (code == 0)
        show_revoked(c, name, &r);
    return code;
}

static int revoke_token(struct ctl *c, size_t count)
{
    struct span id = span_of(c->config.revoke_id);
    bytes_auto name = BYTES_INIT;

    if (!c->config.revoke || count > 0 || c->config.device)
        return ctl_fail(c, EXIT_USAGE, "--token-id goes with --revoke, and without USER and --device");
    if (!token_id_valid(id))
        return ctl_fail(c, EXIT_USAGE, "--token-id: 1-%d bytes of UTF-8 without control characters",
                        TOKEN_ID_MAX);
    revocation_name_token(id, &name);
    return revoke(c, bytes_span(&name));
}

int command_kick(struct ctl *c, char **args, size_t count)
{
    struct span id, device = span_of(c->config.device);
    bytes_auto name = BYTES_INIT;

    if (c->config.revoke_id)
        return revoke_token(c, count);
    if (count == 0)
        return ctl_fail(c, EXIT_USAGE, "kick takes USER, or --revoke --token-id ID");
    if (device.len && !device_id_valid(device))
        return ctl_fail(c, EXIT_USAGE, "--device: 1-128 bytes of UTF-8 without control characters");
    int code = argument_user(c, args[0], &id);
    if (code != 0)
        return code;
    if (!c->config.revoke)
        return close_connections(c, id, device);
    if (device.len)
        revocation_name_device(id, device, &name);
    else
        revocation_name_user(id, &name);
    return revoke(c, bytes_span(&name));
}
