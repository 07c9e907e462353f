/* SPDX-License-Identifier: MIT */
/* presence-ctl: one command and its exit code. */
#include "base/printable.h"
#include "commands.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS(name) &command_##name,
static const struct command *const commands[] = {COMMANDS(ADDRESS)};
#define COUNT (sizeof(commands) / sizeof(commands[0]))

/* https://no-color.org */
static bool shows_colors(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && (!no_color || !*no_color) && term && strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
    static struct ctl ctl;
    static struct command_info infos[COUNT];
    struct ctl *c = &ctl;
    for (size_t i = 0; i < COUNT; i++)
        infos[i] = commands[i]->info;
    const struct program_info program = {
        .name = "presence-ctl",
        .summary =
            "Asks, watches, waits, injects and explains who is online, for shells and CI.\n"
            "Exit codes: 0 yes or done, 1 no (offline, also one of several; a fault found), 2 wrong usage,\n"
            "3 bad configuration, 4 Redis or a daemon can't be reached, 5 timed out, 70 internal error.",
        .tables = config_tables,
        .table_count = CONFIG_TABLES,
        .commands = infos,
        .command_count = COUNT,
    };
    int code = program_start(&program, &argc, argv, &c->config, config_check);
    if (code >= 0)
        return code;
    setlocale(LC_CTYPE, "C.UTF-8");
    tzset();
    c->color = shows_colors();
    c->store = (struct store){.prefix = c->config.policy.prefix,
                              .db = c->config.redis.db,
                              .log_max = c->config.policy.log_max,
                              .node = "ctl"};
    const struct command *command = commands[program_command(&program, argv[1]) - infos];
    code = command->unconnected ? 0 : ctl_connect(c);
    if (code == 0)
        code = command->run(c, argv + 2, (size_t)argc - 2);
    ctl_disconnect(c);
    if (c->error[0]) {
        /* The sentence may quote what Redis or a daemon said. */
        bytes_auto text = BYTES_INIT;
        printable_append(&text, span_of(c->error));
        fprintf(stderr, "presence-ctl: %s%s\n", bytes_text(&text),
                code == EXIT_USAGE ? " (see presence-ctl COMMAND --help)" : "");
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        code = EXIT_INTERNAL;
    program_finish(&program, argv[1], &c->config);
    return code;
}
