#include "base/program_inner.h"

/* The frame of the function: which command, which of its arguments, which flag is waiting for a value. */
static const char opening[] = "() {\n"
                              "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                              "    local command='' position=0 flags i\n"
                              "    COMPREPLY=()\n"
                              "    if [[ $cur == = ]]; then\n"
                              "        cur=\n"
                              "    elif [[ $prev == = ]]; then\n"
                              "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                              "    fi\n"
                              "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                              "        if [[ ${COMP_WORDS[i]} == -* ]]; then\n"
                              "            if [[ ${COMP_WORDS[i + 1]} == = ]]; then\n"
                              "                ((i += 2))\n"
                              "            else\n"
                              "                case $command:${COMP_WORDS[i]} in\n";
static const char after_flags_with_values[] = "                esac\n"
                                              "            fi\n"
                                              "        elif [[ -z $command ]]; then\n"
                                              "            command=${COMP_WORDS[i]}\n"
                                              "        else\n"
                                              "            ((position++))\n"
                                              "        fi\n"
                                              "    done\n"
                                              "    case $command:$prev in\n";

static void append_action(enum value_kind kind, struct span choices, struct bytes *out)
{
    switch (kind) {
    case VALUE_WORDS:
        bytes_append_text(out, "mapfile -t COMPREPLY < <(compgen -W '");
        append_words(choices, out);
        bytes_append_text(out, "' -- \"$cur\")");
        break;
    case VALUE_FILE:
    case VALUE_DIR:
        bytes_printf(out,
                     "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\")",
                     kind == VALUE_FILE ? 'f' : 'd');
        break;
    case VALUE_HOST:
        bytes_append_text(out, "mapfile -t COMPREPLY < <(compgen -A hostname -- \"$cur\")");
        break;
    default: bytes_append_char(out, ':'); break;
    }
}

/* "wait:--timeout | wait:-t"; a flag of all commands has '*' for the command. */
static void append_pattern(const char *command, const struct setting *row, struct bytes *out)
{
    bytes_printf(out, "%s:--%s", command, row->flag);
    if (row->letter)
        bytes_printf(out, " | %s:-%c", command, row->letter);
}

static void append_skips(struct flag_cursor flags, const char *command, struct bytes *out)
{
    const struct setting *row;

    while ((row = flag_next(&flags))) {
        if (setting_value_kind(row) == VALUE_NONE)
            continue;
        bytes_append_text(out, "                ");
        append_pattern(command, row, out);
        bytes_append_text(out, ") ((i++)) ;;\n");
    }
}

static void append_values(struct flag_cursor flags, const char *command, struct bytes *out)
{
    const struct setting *row;

    while ((row = flag_next(&flags))) {
        if (setting_value_kind(row) == VALUE_NONE)
            continue;
        bytes_append_text(out, "    ");
        append_pattern(command, row, out);
        bytes_append_text(out, ") ");
        append_action(setting_value_kind(row), span_of(row->choices), out);
        bytes_append_text(out, "; return ;;\n");
    }
}

static void append_flag_names(struct flag_cursor flags, struct bytes *out)
{
    const struct setting *row;

    while ((row = flag_next(&flags)))
        bytes_printf(out, " --%s", row->flag);
}

static void append_flag_list(const struct program_info *p, struct bytes *out)
{
    bytes_append_text(out, "    esac\n    if [[ $cur == -* ]]; then\n        flags='");
    append_flag_names(program_flags(p), out);
    bytes_append_text(out, "'\n        case $command in\n");
    for (size_t i = 0; i < p->command_count; i++) {
        if (!p->commands[i].table_count)
            continue;
        bytes_printf(out, "        %s) flags+='", p->commands[i].name);
        append_flag_names(command_flags(&p->commands[i]), out);
        bytes_append_text(out, "' ;;\n");
    }
    bytes_append_text(out, "        esac\n"
                           "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\")\n"
                           "        return\n"
                           "    fi\n");
}

static void append_arguments(const struct command_info *command, struct bytes *out)
{
    struct span rest = span_of(command->arguments);
    struct argument argument;

    for (unsigned position = 0; argument_next(&rest, &argument); position++) {
        enum value_kind kind = argument_kind(argument.name);

        if (kind == VALUE_FREE)
            continue;
        if (argument.repeats)
            bytes_printf(out, "    %s:*) ", command->name);
        else
            bytes_printf(out, "    %s:%u) ", command->name, position);
        append_action(kind, argument.name, out);
        bytes_append_text(out, " ;;\n");
    }
}

static void append_commands(const struct program_info *p, struct bytes *out)
{
    bytes_append_text(out, "    case $command:$position in\n    :*) mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < p->command_count; i++)
        bytes_printf(out, "%s%s", i ? " " : "", p->commands[i].name);
    bytes_append_text(out, "' -- \"$cur\") ;;\n");
    for (size_t i = 0; i < p->command_count; i++)
        append_arguments(&p->commands[i], out);
    bytes_append_text(out, "    esac\n");
}

void completion_bash(const struct program_info *p, struct bytes *out)
{
    bytes_printf(out, "# bash completion for %s; made by %s --completions bash\n", p->name, p->name);
    append_function(p->name, out);
    bytes_append_text(out, opening);
    append_skips(program_flags(p), "*", out);
    for (size_t i = 0; i < p->command_count; i++)
        append_skips(command_flags(&p->commands[i]), p->commands[i].name, out);
    bytes_append_text(out, after_flags_with_values);
    for (size_t i = 0; i < p->command_count; i++)
        append_values(command_flags(&p->commands[i]), p->commands[i].name, out);
    append_values(program_flags(p), "*", out);
    append_flag_list(p, out);
    if (p->commands)
        append_commands(p, out);
    bytes_append_text(out, "}\ncomplete -F ");
    append_function(p->name, out);
    bytes_printf(out, " %s\n", p->name);
}
