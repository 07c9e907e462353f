#include "base/program_inner.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPLETIONS "--completions"
#define HELP_COLUMN 32

static const struct setting everywhere_rows[] = {
    {.flag = "completions",
     .type = SETTING_CHOICE,
     .choices = "bash|zsh|fish",
     .help = "print a completion script for a shell"},
};

const struct setting_table program_everywhere = {.rows = everywhere_rows, .count = 1};

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

static void append_everywhere(struct bytes *out)
{
    settings_help(&settings_everywhere, 1, out);
    settings_help_rows(&program_everywhere, out);
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
    append_everywhere(out);
}

void program_command_help(const struct program_info *p, const struct command_info *command, struct bytes *out)
{
    bytes_printf(out, "Usage: %s %s [OPTION]... %s\n%s\n", p->name, command->name, command->arguments,
                 command->help);
    settings_help(command->tables, command->table_count, out);
    settings_help(p->tables, p->table_count, out);
    append_everywhere(out);
}

int program_completion(const struct program_info *p, const char *shell, struct bytes *out)
{
    if (!strcmp(shell, "bash"))
        completion_bash(p, out);
    else if (!strcmp(shell, "zsh"))
        completion_zsh(p, out);
    else if (!strcmp(shell, "fish"))
        completion_fish(p, out);
    else
        return -1;
    return 0;
}

/* What --completions names; NULL without the flag, "" without a value. */
static const char *completions_wanted(int argc, char **argv)
{
    size_t len = strlen(COMPLETIONS);

    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], COMPLETIONS))
            return i + 1 < argc ? argv[i + 1] : "";
        if (!strncmp(argv[i], COMPLETIONS "=", len + 1))
            return argv[i] + len + 1;
    }
    return NULL;
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

static int answer_completions(const struct program_info *p, const char *shell)
{
    bytes_auto out = BYTES_INIT;

    if (program_completion(p, shell, &out))
        return complain(p, EXIT_USAGE, COMPLETIONS ": must be bash, zsh or fish");
    return say(&out);
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

static int go_on(const struct program_info *p, const struct command_info *command, int argc, char **argv)
{
    if (p->commands && !command)
        return complain(p, EXIT_USAGE, "a command is missing");
    if (!p->commands && argc > 1)
        return complain_of(p, "unexpected argument", argv[1]);
    return -1;
}

static int load(const struct program_info *p, const struct command_info *command,
                const struct all_tables *all, int *argc, char **argv, void *config,
                int (*check)(void *config, struct settings_error *error))
{
    struct settings_error error = {{0}};
    enum settings_outcome outcome = settings_load(all->tables, all->count, argc, argv, config, &error, NULL);
    bytes_auto shown = BYTES_INIT;

    if (outcome == SETTINGS_HELP)
        return answer_help(p, command);
    if (outcome == SETTINGS_VERSION)
        return answer_version(p);
    if (outcome == SETTINGS_USAGE)
        return complain(p, EXIT_USAGE, error.text);
    if (outcome == SETTINGS_BAD || (check && check(config, &error)))
        return complain(p, EXIT_CONFIG, error.text);
    if (outcome == SETTINGS_OK)
        return go_on(p, command, *argc, argv);
    settings_show(all->tables, all->count, config, &shown);
    return say(&shown);
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
    const char *shell = completions_wanted(*argc, argv);
    const char *name = command_word(p, *argc, argv);
    const struct command_info *command = program_command(p, name);
    struct all_tables all;
    int code;

    if (shell)
        return answer_completions(p, shell);
    if (name && !command)
        return complain_of(p, "unknown command", name);
    all = join_tables(p, command);
    code = load(p, command, &all, argc, argv, config, check);
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
