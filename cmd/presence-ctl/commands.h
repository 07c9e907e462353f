/* SPDX-License-Identifier: MIT */
/* All commands, in the order of --help. A new one is a word here and a file that defines `command_NAME`. */
#ifndef PRESENCE_CTL_COMMANDS_H
#define PRESENCE_CTL_COMMANDS_H

#include "ctl.h"

#define COMMANDS(X)                                                                                          \
    X(status)                                                                                                \
    X(list)                                                                                                  \
    X(count)                                                                                                 \
    X(watch)                                                                                                 \
    X(wait)                                                                                                  \
    X(online)                                                                                                \
    X(offline)                                                                                               \
    X(heartbeat)                                                                                             \
    X(publish)                                                                                               \
    X(sessions)                                                                                              \
    X(why)                                                                                                   \
    X(token)                                                                                                 \
    X(metrics)                                                                                               \
    X(doctor)                                                                                                \
    X(kick)                                                                                                  \
    X(repair)

#define COMMANDS_DECLARE(name) extern const struct command command_##name;
COMMANDS(COMMANDS_DECLARE)
#undef COMMANDS_DECLARE

#endif
