/* What all five programs do alike: exit codes, --help, --version, --check-config, --completions SHELL. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/settings.h"

/* Contract section 1. */
enum exit_code {
    EXIT_YES = 0,
    EXIT_NO = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3, /* bad configuration or a port in use */
    EXIT_UNREACHABLE = 4,
    EXIT_TIMEOUT = 5,
    EXIT_INTERNAL = 70,
};

/* A command of presence-ctl or presence-sim, for --help and completions. */
struct command_info {
    const char *name;
    const char *arguments;              /* "USER...", "FILE", "" */
    const char *help;                   /* one line */
    const struct setting_table *tables; /* flags of this command alone; NULL: none */
    size_t table_count;
};

struct program_info {
    const char *name;    /* "presence-ws" */
    const char *summary; /* one line */
    const struct setting_table *tables;
    size_t table_count;
    const struct command_info *commands; /* NULL for the daemons */
    size_t command_count;
};

void program_help(const struct program_info *p, struct bytes *out);
/* --help of one command. */
void program_command_help(const struct program_info *p, const struct command_info *command,
                          struct bytes *out);
/* NULL: no such command. */
const struct command_info *program_command(const struct program_info *p, const char *name);
/* A completion script for "bash", "zsh" or "fish", made from the tables: 0, or -1 for another shell. */
int program_completion(const struct program_info *p, const char *shell, struct bytes *out);
/* Loads the settings and answers --help, --version, --check-config and --completions by itself. Returns -1 to
 * go on, or the exit code to end with (*config is finished then). `check` says what else is wrong with the
 * loaded settings (fills error, returns -1), may be NULL; it also runs for a plain start.
 *
 * With commands, argv[1] is a known one on going on, its arguments stand behind it, and its own flags were
 * read wherever they stood; a flag of several commands takes a value in all of them or in none. Without
 * commands an argument is a usage error. argv is reordered as by settings_load. */
int program_start(const struct program_info *p, int *argc, char **argv, void *config,
                  int (*check)(void *config, struct settings_error *error));
/* Frees what program_start loaded; `command` is argv[1], or NULL without commands. */
void program_finish(const struct program_info *p, const char *command, void *config);

#endif
