/* SPDX-License-Identifier: MIT */
/* count: how many users are online. */
#include "ctl.h"
#include "show.h"

#include <inttypes.h>

static int count_online(struct ctl *c, char **args, size_t count)
{
    bytes_auto out = BYTES_INIT;
    int64_t online;
    int code = ctl_online(c, &online);
    if (code != 0)
        return code;
    bytes_printf(&out, c->config.json ? "{\"online\":%" PRId64 "}\n" : "%" PRId64 "\n", online);
    show_out(&out);
    return EXIT_YES;
}

const struct command command_count = {
    .info = {"count", "", "how many users are online", CONFIG_OF_COMMAND(config_plain)},
    .run = count_online,
};
