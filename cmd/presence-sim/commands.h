/* SPDX-License-Identifier: MIT */
/* The commands: each runs to its end and returns an exit code. */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

#include "options.h"

int command_mobile(const struct options *options);
int command_web(const struct options *options);
int command_load(const struct options *options);
int command_router(const struct options *options);
int command_run(const struct options *options, const char *file);

#endif
