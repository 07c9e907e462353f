/* SPDX-License-Identifier: MIT */
/* What all five programs do alike: exit codes, --help, --version, --check-config. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/log.h"
#include "base/settings.h"

/* As the manual pages list them. */
enum exit_code {
    EXIT_YES = 0,
    EXIT_NO = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3, /* bad configuration or a port in use */
    EXIT_UNREACHABLE = 4,
    EXIT_TIMEOUT = 5,
    EXIT_INTERNAL = 70,
};

/* A command of presence-ctl or presence-sim, for --help. */
struct command_info {
    const char *name;
    const char *arguments; /* "USER...", "FILE", "[GROUP]", "": a word each; [] may be missing, ... repeats */
    const char *help;      /* one line */
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
    /* Daemons: how much they log. NULL: they write to a terminal, and have no log. */
    enum log_level (*log_level)(const void *config);
    /* What a start with these settings, which are good, warns about. NULL: nothing. */
    void (*warn)(const void *config, struct settings_report *report);
};

void program_help(const struct program_info *p, struct bytes *out);
/* --help of one command. */
void program_command_help(const struct program_info *p, const struct command_info *command,
                          struct bytes *out);
/* NULL: no such command. */
const struct command_info *program_command(const struct program_info *p, const char *name);
/* Loads the settings and answers --help, --version and --check-config by itself. Returns -1 to
 * go on, or the exit code to end with (*config is finished then). `check` says what else is wrong with the
 * loaded settings (fills error, returns -1), may be NULL; it also runs for a plain start.
 *
 * A daemon's log is open on going on. Warnings (names that nobody knows, and those of `warn`) are lines of
 * the log, else of stderr. --check-config writes the same to stderr, and refuses what a start would refuse,
 * with the same code, but for what only the machine can tell: a port in use, Redis out of reach.
 *
 * With commands, argv[1] is a known one on going on, its arguments stand behind it, and its own flags were
 * read wherever they stood; a flag of several commands takes a value in all of them or in none. Without
 * commands an argument is a usage error; so are arguments that the command does not take. argv is reordered
 * as by settings_load. */
int program_start(const struct program_info *p, int *argc, char **argv, void *config,
                  int (*check)(void *config, struct settings_error *error));
/* Those of a report as lines of the log, as after a reload. */
void program_log_warnings(const struct settings_report *report);
/* Frees what program_start loaded; `command` is argv[1], or NULL without commands. */
void program_finish(const struct program_info *p, const char *command, void *config);

#endif
