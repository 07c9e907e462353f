/* publish: a message to the servers, which changes no state. */
#include "base/plain.h"
#include "ctl.h"
#include "show.h"

#include <inttypes.h>

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
    code = ctl_publish(c, CHANNEL_UPDATES, bytes_span(&payload), &heard);
    if (code == 0)
        code = ctl_publish(c, online ? CHANNEL_ONLINE : CHANNEL_OFFLINE, bytes_span(&payload), &aside);
    if (code == 0)
        show_published(c, user, online, heard);
    return code;
}
