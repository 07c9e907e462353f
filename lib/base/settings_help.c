#include "base/settings_inner.h"

#include <string.h>

#define HELP_COLUMN 32

static bool is_hint(const char *choices, const char *hint)
{
    return choices && !strcmp(choices, hint);
}

enum value_kind setting_value_kind(const struct setting *row)
{
    if (row->type == SETTING_BOOL)
        return VALUE_NONE;
    if (row->type == SETTING_CHOICE)
        return VALUE_WORDS;
    if (row->type != SETTING_TEXT || !row->choices)
        return VALUE_FREE;
    if (is_hint(row->choices, "<file>"))
        return VALUE_FILE;
    if (is_hint(row->choices, "<dir>"))
        return VALUE_DIR;
    if (is_hint(row->choices, "<host>"))
        return VALUE_HOST;
    return row->choices[0] == '<' ? VALUE_FREE : VALUE_WORDS;
}

void setting_value_name(const struct setting *row, struct bytes *out)
{
    static const char *const names[] = {
        [SETTING_BOOL] = "",     [SETTING_INT] = "N",     [SETTING_DURATION] = "DURATION",
        [SETTING_SIZE] = "SIZE", [SETTING_TEXT] = "TEXT", [SETTING_CHOICE] = "",
    };
    struct span hint = span_of(row->choices);

    if (setting_value_kind(row) == VALUE_WORDS) {
        bytes_append_span(out, hint);
    } else if (row->type == SETTING_TEXT && hint.len > 2) {
        for (size_t i = 1; i < hint.len - 1; i++)
            bytes_append_char(out, hint.data[i] >= 'a' && hint.data[i] <= 'z' ? (char)(hint.data[i] & ~0x20)
                                                                              : hint.data[i]);
    } else {
        bytes_append_text(out, names[row->type]);
    }
}

static void append_left(const struct setting *row, struct bytes *out)
{
    if (!row->flag || row->secret) {
        bytes_printf(out, "      %s", row->env);
        return;
    }
    if (row->letter)
        bytes_printf(out, "  -%c, --%s", row->letter, row->flag);
    else
        bytes_printf(out, "      --%s", row->flag);
    if (setting_value_kind(row) != VALUE_NONE)
        bytes_append_char(out, ' ');
    setting_value_name(row, out);
}

static void pad(struct bytes *out, size_t line_start)
{
    if (out->len - line_start > HELP_COLUMN - 2) {
        bytes_append_char(out, '\n');
        line_start = out->len;
    }
    while (out->len - line_start < HELP_COLUMN)
        bytes_append_char(out, ' ');
}

static void append_names(const struct setting *row, struct bytes *out)
{
    if (!row->env)
        return;
    bytes_append_text(out, row->env);
    if (row->env_alt)
        bytes_printf(out, " or %s", row->env_alt);
    if (row->from_file)
        bytes_append_text(out, ", also with _FILE");
}

static void append_part(struct bytes *notes, const char *before, const char *text)
{
    if (!text || !*text)
        return;
    if (notes->len)
        bytes_append_text(notes, "; ");
    bytes_printf(notes, "%s%s", before, text);
}

/* [REDIS_PORT; default 6379; 1 to 65535] */
static void append_notes(const struct setting *row, struct bytes *out)
{
    bytes_auto notes = BYTES_INIT, range = BYTES_INIT;

    append_names(row, &notes);
    append_part(&notes, "default ", row->fallback);
    setting_range(row, &range);
    append_part(&notes, "", bytes_text(&range));
    if (!notes.len)
        return;
    pad(out, out->len);
    bytes_printf(out, "[%s]\n", bytes_text(&notes));
}

static void append_row(const struct setting *row, struct bytes *out)
{
    size_t start = out->len;

    append_left(row, out);
    pad(out, start);
    bytes_printf(out, "%s%s\n", row->help, row->repeat ? " (may be repeated)" : "");
    append_notes(row, out);
}

void settings_help_rows(const struct setting_table *table, struct bytes *out)
{
    for (size_t i = 0; i < table->count; i++)
        append_row(&table->rows[i], out);
}

void settings_help(const struct setting_table *tables, size_t count, struct bytes *out)
{
    for (size_t t = 0; t < count; t++) {
        if (!tables[t].count)
            continue;
        bytes_printf(out, "\n%s:\n", tables[t].title ? tables[t].title : "Options");
        settings_help_rows(&tables[t], out);
    }
}

/* Quotes where reading the file would take something off, and no line that is two. */
static void append_shown(struct span text, struct bytes *out)
{
    struct span trimmed = span_trim(text);
    bool quote = trimmed.len != text.len || (text.len && (text.data[0] == '"' || text.data[0] == '\''));

    if (quote)
        bytes_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++)
        bytes_append_char(out,
                          (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : text.data[i]);
    if (quote)
        bytes_append_char(out, '"');
}

/* A secret stands in a comment, so that nobody who makes a file of this ends with "***" for a key. */
static void show_row(const struct setting *row, const void *field, struct bytes *out)
{
    bytes_auto value = BYTES_INIT;

    if (!row->env)
        return;
    setting_format(row, field, &value);
    if (row->secret && value.len) {
        bytes_printf(out, "# %s=***\n", row->env);
        return;
    }
    bytes_printf(out, "%s=", row->env);
    append_shown(bytes_span(&value), out);
    bytes_append_char(out, '\n');
}

void settings_show(const struct setting_table *tables, size_t count, const void *config, struct bytes *out)
{
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            show_row(&tables[t].rows[i], (const char *)config + tables[t].base + tables[t].rows[i].offset,
                     out);
}
