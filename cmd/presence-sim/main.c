/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include <string.h>

static int run(const struct options *options, char **argv)
{
    const char *command = argv[1];
    if (!strcmp(command, "run"))
        return command_run(options, argv[2]);
    if (!strcmp(command, "mobile"))
        return command_mobile(options);
    if (!strcmp(command, "router"))
        return command_router(options);
    return !strcmp(command, "web") ? command_web(options) : command_load(options);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int code = program_start(&sim_program, &argc, argv, &options, options_check);
    if (code >= 0)
        return code;
    code = run(&options, argv);
    program_finish(&sim_program, argv[1], &options);
    return code;
}
