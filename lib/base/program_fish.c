#include "base/program_inner.h"

static void append_quoted(const char *text, struct bytes *out)
{
    bytes_append_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            bytes_append_char(out, '\\');
        bytes_append_char(out, *text);
    }
    bytes_append_char(out, '\'');
}

/* What may follow; without it nothing does, since files are switched off. */
static void append_action(enum value_kind kind, struct span choices, struct bytes *out)
{
    switch (kind) {
    case VALUE_WORDS:
        bytes_append_text(out, " -x -a '");
        append_words(choices, out);
        bytes_append_char(out, '\'');
        break;
    case VALUE_FILE: bytes_append_text(out, " -r -F"); break;
    case VALUE_DIR: bytes_append_text(out, " -x -a '(__fish_complete_directories)'"); break;
    case VALUE_HOST: bytes_append_text(out, " -x -a '(__fish_print_hostnames)'"); break;
    case VALUE_FREE: bytes_append_text(out, " -x"); break;
    case VALUE_NONE: break;
    }
}

/* The beginning of each line; `command` NULL: for all. */
static void append_rule(const struct program_info *p, const char *command, struct bytes *out)
{
    bytes_printf(out, "complete -c %s", p->name);
    if (command)
        bytes_printf(out, " -n '__fish_seen_subcommand_from %s'", command);
}

static void append_flags(const struct program_info *p, struct flag_cursor flags, const char *command,
                         struct bytes *out)
{
    const struct setting *row;

    while ((row = flag_next(&flags))) {
        append_rule(p, command, out);
        if (row->letter)
            bytes_printf(out, " -s %c", row->letter);
        bytes_printf(out, " -l %s", row->flag);
        append_action(setting_value_kind(row), span_of(row->choices), out);
        bytes_append_text(out, " -d ");
        append_quoted(row->help, out);
        bytes_append_char(out, '\n');
    }
}

static void append_arguments(const struct program_info *p, const struct command_info *command,
                             struct bytes *out)
{
    struct span rest = span_of(command->arguments);
    struct argument argument;

    while (argument_next(&rest, &argument)) {
        enum value_kind kind = argument_kind(argument.name);

        if (kind == VALUE_FREE)
            continue;
        append_rule(p, command->name, out);
        if (kind == VALUE_FILE)
            bytes_append_text(out, " -F");
        else
            append_action(kind, argument.name, out);
        bytes_append_char(out, '\n');
    }
}

static void append_command(const struct program_info *p, const struct command_info *command,
                           struct bytes *out)
{
    append_rule(p, NULL, out);
    bytes_printf(out, " -n __fish_use_subcommand -a %s -d ", command->name);
    append_quoted(command->help, out);
    bytes_append_char(out, '\n');
    append_flags(p, command_flags(command), command->name, out);
    append_arguments(p, command, out);
}

void completion_fish(const struct program_info *p, struct bytes *out)
{
    bytes_printf(out, "# fish completion for %s; made by %s --completions fish\n", p->name, p->name);
    append_rule(p, NULL, out);
    bytes_append_text(out, " -f\n");
    append_flags(p, program_flags(p), NULL, out);
    for (size_t i = 0; i < p->command_count; i++)
        append_command(p, &p->commands[i], out);
}
