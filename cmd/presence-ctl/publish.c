/* SPDX-License-Identifier: MIT */
/* publish: a message to the servers, which changes no state. */
#include "arguments.h"
#include "base/printable.h"
#include "show.h"

#include <inttypes.h>

/* As the guide's line for redis-cli (Troubleshooting): no revision, so no roster changes. */
static int publish(struct ctl *c, char **args, size_t count)
{
    bytes_auto payload = BYTES_INIT, out = BYTES_INIT;
    int64_t received = 0, copies = 0;
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
    code = ctl_publish(c, CHANNEL_UPDATES, bytes_span(&payload), &received);
    if (code == 0)
        code = ctl_publish(c, online ? CHANNEL_ONLINE : CHANNEL_OFFLINE, bytes_span(&payload), &copies);
    if (code != 0)
        return code;
    if (c->config.json) {
        show_line(&out, SHOW_TEXT("userId", user), SHOW_STATUS(online), SHOW_NUMBER("subscribers", received));
    } else {
        bytes_printf(&out, "told %" PRId64 " subscriber%s of %supdates that ", received,
                     received == 1 ? "" : "s", c->store.prefix);
        printable_append(&out, user);
        bytes_printf(&out, " is %s; nothing else has changed\n", args[1]);
    }
    show_out(&out);
    return EXIT_YES;
}

const struct command command_publish = {
    .info = {"publish", "USER online|offline", "tell dashboards what need not be so, to test the way to them",
             CONFIG_OF_COMMAND(config_plain)},
    .run = publish,
};
