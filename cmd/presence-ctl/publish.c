/* publish, kick: messages to the servers, which change no state by themselves. */
#include "base/plain.h"
#include "presence/identity.h"
#include "show.h"
#include "store/keys.h"
#include "user.h"
#include "wire/control.h"

#include <inttypes.h>

/* How many got it. */
static int publish(struct ctl *c, enum key channel, struct span payload, int64_t *ret_heard)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    store_publish(&c->store, channel, payload, &command);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    *ret_heard = reply_integer(reply, 0);
    reply_free(reply);
    return 0;
}

static void show_published(struct ctl *c, struct span user, bool online, int64_t heard)
{
    bytes_auto out = BYTES_INIT;

    if (c->config.json) {
        struct json_line line = json_begin(&out);
        json_text(&line, "userId", user);
        json_status(&line, online);
        json_integer(&line, "subscribers", heard);
        json_end(&line);
    } else {
        bytes_printf(&out, "told %" PRId64 " subscriber%s of %supdates that ", heard, heard == 1 ? "" : "s",
                     c->store.prefix);
        plain_append(&out, user);
        bytes_printf(&out, " is %s; nothing else has changed\n", online ? "online" : "offline");
    }
    show_out(&out);
}

/* As the guide's line for redis-cli (Troubleshooting): no revision, so no roster changes. */
int command_publish(struct ctl *c, char **args, size_t count)
{
    bytes_auto payload = BYTES_INIT;
    int64_t heard = 0, aside = 0;
    struct span user;
    bool online;

    int code = argument_user(c, args[0], &user);
    if (code == 0)
        code = argument_status(c, args[1], &online);
    if (code != 0)
        return code;
    bytes_append_text(&payload, "{\"userId\":");
    bytes_append_json(&payload, user);
    bytes_printf(&payload, ",\"status\":\"%s\"}", args[1]);
    code = publish(c, CHANNEL_UPDATES, bytes_span(&payload), &heard);
    if (code == 0)
        code = publish(c, online ? CHANNEL_ONLINE : CHANNEL_OFFLINE, bytes_span(&payload), &aside);
    if (code == 0)
        show_published(c, user, online, heard);
    return code;
}

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

int command_kick(struct ctl *c, char **args, size_t count)
{
    struct span id, device = span_of(c->config.device);
    bytes_auto payload = BYTES_INIT;
    struct user user;
    int64_t heard;

    if (device.len && !device_id_valid(device))
        return ctl_fail(c, EXIT_USAGE, "--device: 1-128 bytes of UTF-8 without control characters");
    int code = argument_user(c, args[0], &id);
    if (code == 0)
        code = user_load(c, id, &user);
    if (code != 0)
        return code;
    struct kicked kicked = count_kicked(&user, device);
    user_finish(&user);
    control_write_kick(id, device, c->store.db, &payload);
    code = publish(c, CHANNEL_CONTROL, bytes_span(&payload), &heard);
    if (code == 0 && heard == 0)
        return ctl_fail(c, EXIT_UNREACHABLE, "no presence-ws listens to %scontrol", c->store.prefix);
    if (code == 0)
        show_kicked(c, id, kicked, heard);
    return code;
}
