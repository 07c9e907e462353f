#include "base/program_inner.h"

#include <string.h>

/* Inside single quotes, where _arguments reads brackets, colons and backslashes as its own. */
static void append_quoted(const char *text, struct bytes *out)
{
    for (; *text; text++) {
        if (*text == '\'')
            bytes_append_text(out, "'\\''");
        else if (strchr("[]:\\", *text))
            bytes_printf(out, "\\%c", *text);
        else
            bytes_append_char(out, *text);
    }
}

static void append_action(enum value_kind kind, struct span choices, struct bytes *out)
{
    switch (kind) {
    case VALUE_WORDS:
        bytes_append_char(out, '(');
        append_words(choices, out);
        bytes_append_char(out, ')');
        break;
    case VALUE_FILE: bytes_append_text(out, "_files"); break;
    case VALUE_DIR: bytes_append_text(out, "_files -/"); break;
    case VALUE_HOST: bytes_append_text(out, "_hosts"); break;
    default: bytes_append_char(out, ' '); break;
    }
}

/* '--flag=' also takes its value from the next word, '-f+' from the same. */
static void append_names(const struct setting *row, bool value, struct bytes *out)
{
    if (!row->letter) {
        bytes_printf(out, "'%s--%s%s", row->repeat ? "*" : "", row->flag, value ? "=" : "");
        return;
    }
    if (row->repeat)
        bytes_append_text(out, "'*'");
    else
        bytes_printf(out, "'(-%c --%s)'", row->letter, row->flag);
    bytes_printf(out, "{-%c%s,--%s%s}'", row->letter, value ? "+" : "", row->flag, value ? "=" : "");
}

static void append_flag(const struct setting *row, struct bytes *out)
{
    enum value_kind kind = setting_value_kind(row);
    bytes_auto name = BYTES_INIT;

    append_names(row, kind != VALUE_NONE, out);
    bytes_append_char(out, '[');
    append_quoted(row->help, out);
    bytes_append_char(out, ']');
    if (kind != VALUE_NONE) {
        setting_value_name(row, &name);
        bytes_append_char(out, ':');
        append_quoted(kind == VALUE_WORDS ? row->flag : bytes_text(&name), out);
        bytes_append_char(out, ':');
        append_action(kind, span_of(row->choices), out);
    }
    bytes_append_char(out, '\'');
}

static void append_flags(struct flag_cursor flags, const char *indent, struct bytes *out)
{
    const struct setting *row;

    while ((row = flag_next(&flags))) {
        bytes_append_text(out, indent);
        append_flag(row, out);
        bytes_append_char(out, '\n');
    }
}

static void append_arguments(const struct command_info *command, struct bytes *out)
{
    struct span rest = span_of(command->arguments);
    struct argument argument;

    for (unsigned position = 1; argument_next(&rest, &argument); position++) {
        enum value_kind kind = argument_kind(argument.name);

        if (argument.repeats)
            bytes_append_text(out, "            '*:");
        else
            bytes_printf(out, "            '%u:", position);
        bytes_append_span(out, kind == VALUE_WORDS ? SPAN("choice") : argument.name);
        bytes_append_char(out, ':');
        append_action(kind, argument.name, out);
        bytes_append_text(out, "'\n");
    }
}

static void append_command(const struct command_info *command, struct bytes *out)
{
    bytes_printf(out, "    %s)\n        specs=($shared\n", command->name);
    append_flags(command_flags(command), "            ", out);
    append_arguments(command, out);
    bytes_append_text(out, "        ) ;;\n");
}

static void append_commands(const struct program_info *p, struct bytes *out)
{
    bytes_append_text(out, "    local -a commands=(\n");
    for (size_t i = 0; i < p->command_count; i++) {
        bytes_printf(out, "        '%s:", p->commands[i].name);
        append_quoted(p->commands[i].help, out);
        bytes_append_text(out, "'\n");
    }
    bytes_append_text(out, "    )\n"
                           "    local curcontext=$curcontext context state state_descr line\n"
                           "    local -A opt_args\n"
                           "    local -a specs\n"
                           "    _arguments -C -s -S $shared '1:command:->command' '*::argument:->argument'\n"
                           "    case $state in\n"
                           "    command) _describe -t commands command commands; return ;;\n"
                           "    argument) ;;\n"
                           "    *) return ;;\n"
                           "    esac\n"
                           "    case $words[1] in\n");
    for (size_t i = 0; i < p->command_count; i++)
        append_command(&p->commands[i], out);
    bytes_append_text(out, "    *) return ;;\n"
                           "    esac\n"
                           "    _arguments -s -S $specs\n");
}

void completion_zsh(const struct program_info *p, struct bytes *out)
{
    bytes_auto function = BYTES_INIT;
    const char *name;

    append_function(p->name, &function);
    name = bytes_text(&function);
    bytes_printf(out, "#compdef %s\n# zsh completion for %s; made by %s --completions zsh\n", p->name,
                 p->name, p->name);
    bytes_printf(out, "%s() {\n    local -a shared=(\n", name);
    append_flags(program_flags(p), "        ", out);
    bytes_append_text(out, "    )\n");
    if (p->commands)
        append_commands(p, out);
    else
        bytes_append_text(out, "    _arguments -s -S $shared\n");
    /* As a file in fpath the text is the function's body; in eval it defines it. */
    bytes_printf(out, "}\nif [[ $funcstack[1] == _%s ]]; then\n    %s \"$@\"\nelse\n    compdef %s %s\nfi\n",
                 p->name, name, name, p->name);
}
