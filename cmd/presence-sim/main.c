#include "commands.h"

#include <stdio.h>
#include <string.h>

static int run(const struct options *options, int argc, char **argv)
{
    const char *command = argv[1];
    bool scenario = !strcmp(command, "run");

    if (argc != (scenario ? 3 : 2)) {
        fprintf(stderr, "presence-sim: %s %s (see presence-sim %s --help)\n", command,
                scenario ? "takes one FILE" : "takes no arguments", command);
        return EXIT_USAGE;
    }
    if (scenario)
        return command_run(options, argv[2]);
    if (!strcmp(command, "mobile"))
        return command_mobile(options);
    if (!strcmp(command, "hunt"))
        return command_hunt(options);
    return !strcmp(command, "web") ? command_web(options) : command_load(options);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int code = program_start(&sim_program, &argc, argv, &options, options_check);

    if (code >= 0)
        return code;
    code = run(&options, argc, argv);
    program_finish(&sim_program, argv[1], &options);
    return code;
}
