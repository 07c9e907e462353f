/* SPDX-License-Identifier: MIT */
#include "base/program.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_COLUMN 32

const struct command_info *program_command(const struct program_info *p, const char *name)
{
    for (size_t i = 0; name && i < p->command_count; i++)
        if (!strcmp(p->commands[i].name, name))
            return &p->commands[i];
    return NULL;
}

static void append_command(const struct command_info *command, struct bytes *out)
{
    size_t start = out->len;
    bytes_printf(out, "  %s %s", command->name, command->arguments);
    do
        bytes_append_char(out, ' ');
    while (out->len - start < HELP_COLUMN);
    bytes_printf(out, "%s\n", command->help);
}

void program_help(const struct program_info *p, struct bytes *out)
{
    bytes_printf(out, "Usage: %s [OPTION]...%s\n%s\n", p->name, p->commands ? " COMMAND [ARGUMENT]..." : "",
                 p->summary);
    if (p->commands)
        bytes_printf(out, "\nCommands (%s COMMAND --help tells more):\n", p->name);
    for (size_t i = 0; i < p->command_count; i++)
        append_command(&p->commands[i], out);
    settings_help(p->tables, p->table_count, out);
    settings_help(&settings_everywhere, 1, out);
}

void program_command_help(const struct program_info *p, const struct command_info *command, struct bytes *out)
{
    bytes_printf(out, "Usage: %s %s [OPTION]... %s\n%s\n", p->name, command->name, command->arguments,
                 command->help);
    settings_help(command->tables, command->table_count, out);
    settings_help(p->tables, p->table_count, out);
    settings_help(&settings_everywhere, 1, out);
}

static int say(struct bytes *text)
{
    bool said = fwrite(text->data, 1, text->len, stdout) == text->len && !fflush(stdout);
    return said ? EXIT_YES : EXIT_INTERNAL;
}

static int complain(const struct program_info *p, enum exit_code code, const char *text)
{
    if (code == EXIT_USAGE)
        fprintf(stderr, "%s: %s (see %s --help)\n", p->name, text, p->name);
    else
        fprintf(stderr, "%s: %s\n", p->name, text);
    return (int)code;
}

static int complain_of(const struct program_info *p, const char *what, const char *word)
{
    struct settings_error error;
    settings_fail(&error, "%s '%.100s'", what, word);
    return complain(p, EXIT_USAGE, error.text);
}

static int answer_help(const struct program_info *p, const struct command_info *command)
{
    bytes_auto out = BYTES_INIT;

    if (command)
        program_command_help(p, command, &out);
    else
        program_help(p, &out);
    return say(&out);
}

static int answer_version(const struct program_info *p)
{
    bytes_auto out = BYTES_INIT;

    bytes_printf(&out, "%s %s\n", p->name, PRESENCE_VERSION);
    return say(&out);
}

struct all_tables {
    struct setting_table *tables;
    size_t count;
};

static void add_tables(struct all_tables *all, const struct setting_table *tables, size_t count)
{
    if (!count)
        return;
    all->tables = mem_realloc(all->tables, (all->count + count) * sizeof(*tables));
    memcpy(all->tables + all->count, tables, count * sizeof(*tables));
    all->count += count;
}

/* The program's tables and the command's, one after the other. */
static struct all_tables join_tables(const struct program_info *p, const struct command_info *command)
{
    struct all_tables all = {NULL, 0};
    add_tables(&all, p->tables, p->table_count);
    if (command)
        add_tables(&all, command->tables, command->table_count);
    return all;
}

/* Counts the words of `arguments`: [GROUP] may be missing, and USER... stands for any number. */
static bool command_takes(const struct command_info *command, size_t count)
{
    struct span rest = span_of(command->arguments);
    size_t least = 0, most = 0;
    while (rest.len) {
        struct span word = span_split(&rest, ' ');

        if (!word.len)
            continue;
        least += word.data[0] != '[';
        most = memmem(word.data, word.len, "...", 3) ? SIZE_MAX : most + 1;
    }
    return count >= least && count <= most;
}

/* What is no flag: 0, or the exit code. Without a command the settings alone may be checked. */
static int check_arguments(const struct program_info *p, const struct command_info *command, bool checks,
                           int argc, char **argv)
{
    struct settings_error error;
    if (p->commands && !command)
        return checks ? 0 : complain(p, EXIT_USAGE, "a command is missing");
    if (!p->commands && argc > 1)
        return complain_of(p, "unexpected argument", argv[1]);
    if (!command || command_takes(command, (size_t)argc - 2))
        return 0;
    settings_fail(&error, "%s takes %s", command->name,
                  *command->arguments ? command->arguments : "no arguments");
    return complain(p, EXIT_USAGE, error.text);
}

void program_log_warnings(const struct settings_report *report)
{
    for (size_t i = 0; i < report->warning_count; i++)
        log_warn(report->warnings[i].event, LOG_T("hint", report->warnings[i].text));
}

static void print_warnings(const struct program_info *p, const struct settings_report *report)
{
    for (size_t i = 0; i < report->warning_count; i++)
        fprintf(stderr, "%s: warning: %s\n", p->name, report->warnings[i].text);
}

/* The settings are good. */
static int go_on(const struct program_info *p, const struct all_tables *all, bool checks, const void *config,
                 struct settings_report *report)
{
    bytes_auto shown = BYTES_INIT;

    settings_doubt_environment((const char *const *)environ, report);
    if (p->warn)
        p->warn(config, report);
    if (p->log_level && !checks) {
        log_init(p->name, p->log_level(config));
        program_log_warnings(report);
    } else {
        print_warnings(p, report);
    }
    if (!checks)
        return -1;
    settings_show(all->tables, all->count, config, report, &shown);
    return say(&shown);
}

static int load(const struct program_info *p, const struct command_info *command,
                const struct all_tables *all, int *argc, char **argv, void *config,
                int (*check)(void *config, struct settings_error *error), struct settings_report *report)
{
    struct settings_error error = {{0}};
    enum settings_outcome outcome =
        settings_load_report(all->tables, all->count, argc, argv, config, &error, NULL, report);
    bool checks = outcome == SETTINGS_CHECK;
    int code;

    if (outcome == SETTINGS_HELP)
        return answer_help(p, command);
    if (outcome == SETTINGS_VERSION)
        return answer_version(p);
    if (outcome == SETTINGS_USAGE)
        return complain(p, EXIT_USAGE, error.text);
    if (outcome == SETTINGS_BAD || (check && check(config, &error)))
        return complain(p, EXIT_CONFIG, error.text);
    code = check_arguments(p, command, checks, *argc, argv);
    return code ? code : go_on(p, all, checks, config, report);
}

/* The word that names the command. The flags of all commands count for where it stands, so that it may stand
 * behind its own. */
static const char *command_word(const struct program_info *p, int argc, char **argv)
{
    struct all_tables all = join_tables(p, NULL);
    const char *word;
    for (size_t i = 0; i < p->command_count; i++)
        add_tables(&all, p->commands[i].tables, p->commands[i].table_count);
    word = p->commands ? settings_first_plain(all.tables, all.count, argc, argv) : NULL;
    free(all.tables);
    return word;
}

int program_start(const struct program_info *p, int *argc, char **argv, void *config,
                  int (*check)(void *config, struct settings_error *error))
{
    const char *name = command_word(p, *argc, argv);
    const struct command_info *command = program_command(p, name);
    struct settings_report report = {0};
    struct all_tables all;
    int code;
    if (name && !command)
        return complain_of(p, "unknown command", name);
    all = join_tables(p, command);
    code = load(p, command, &all, argc, argv, config, check, &report);
    settings_report_finish(&report);
    if (code >= 0)
        settings_finish(all.tables, all.count, config);
    free(all.tables);
    return code;
}

void program_finish(const struct program_info *p, const char *command, void *config)
{
    const struct command_info *info = program_command(p, command);
    settings_finish(p->tables, p->table_count, config);
    if (info)
        settings_finish(info->tables, info->table_count, config);
}
