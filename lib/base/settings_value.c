/* SPDX-License-Identifier: MIT */
#include "base/settings_value.h"

#include "base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far beyond any use, and small enough to be added to any time. */
#define DURATION_MAX_MS INT64_C(1000000000000000)
#define SIZE_MAX_BYTES  (INT64_C(1) << 53)

#define HELP_COLUMN 32

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)

struct unit {
    const char *suffix;
    int64_t factor;
};

/* The longest suffix first: "ms" ends in "s" too. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"", SECOND_MS}, {NULL, 0},
};
static const struct unit size_units[] = {
    {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"", 1}, {NULL, 0},
};

static int parse_with_unit(struct span text, const struct unit *units, int64_t max, int64_t *ret)
{
    uint64_t number;
    for (; units->suffix; units++) {
        struct span suffix = span_of(units->suffix);
        struct span digits = {text.data, text.len - suffix.len};

        if (suffix.len > text.len ||
            !span_equal_nocase((struct span){text.data + digits.len, suffix.len}, suffix))
            continue;
        if (span_to_u64(digits, (uint64_t)(max / units->factor), &number))
            return -1;
        *ret = (int64_t)number * units->factor;
        return 0;
    }
    return -1;
}

int settings_duration_parse(struct span text, int64_t *ret_ms)
{
    return parse_with_unit(text, duration_units, DURATION_MAX_MS, ret_ms);
}

int settings_size_parse(struct span text, int64_t *ret_bytes)
{
    return parse_with_unit(text, size_units, SIZE_MAX_BYTES, ret_bytes);
}

void settings_duration_format(int64_t ms, char *out)
{
    int64_t factor = 1;
    const char *suffix = "ms";
    if (ms % HOUR_MS == 0 && ms) {
        factor = HOUR_MS;
        suffix = "h";
    } else if (ms % MINUTE_MS == 0 && ms > MINUTE_MS) {
        factor = MINUTE_MS;
        suffix = "m";
    } else if (ms % SECOND_MS == 0) {
        factor = SECOND_MS;
        suffix = "s";
    }
    snprintf(out, 32, "%" PRId64 "%s", ms / factor, suffix);
}

static void append_size(struct bytes *out, int64_t size)
{
    static const char suffixes[] = {0, 'k', 'm', 'g'};
    size_t at = 0;
    for (; size && size % 1024 == 0 && at < 3; at++)
        size /= 1024;
    bytes_append_i64(out, size);
    if (at)
        bytes_append_char(out, suffixes[at]);
}

static int parse_bool(struct span text, bool *ret)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!span_equal_nocase(text, span_of(words[i])))
            continue;
        *ret = i % 2;
        return 0;
    }
    return -1;
}

static int parse_int(struct span text, int64_t *ret)
{
    bool negative = text.len && text.data[0] == '-';
    struct span digits = {text.data + negative, text.len - negative};
    uint64_t value;
    if (span_to_u64(digits, INT64_MAX, &value))
        return -1;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

static int parse_choice(const char *choices, struct span text, int *ret)
{
    struct span rest = span_of(choices);
    for (int i = 0; rest.len; i++) {
        if (!span_equal(span_split(&rest, '|'), text))
            continue;
        *ret = i;
        return 0;
    }
    return -1;
}

static int parse_number(const struct setting *row, struct span text, int64_t *ret)
{
    int64_t value;
    int bad = row->type == SETTING_INT        ? parse_int(text, &value)
              : row->type == SETTING_DURATION ? settings_duration_parse(text, &value)
                                              : settings_size_parse(text, &value);

    if (bad)
        return -1;
    if ((value < row->min || (row->max && value > row->max)) && !(row->or_zero && !value))
        return -1;
    *ret = value;
    return 0;
}

int setting_parse(const struct setting *row, struct span text, void *field)
{
    char **held = field;
    switch (row->type) {
    case SETTING_BOOL: return parse_bool(text, field);
    case SETTING_CHOICE: return parse_choice(row->choices, text, field);
    case SETTING_TEXT:
        free(*held);
        *held = mem_strndup(text.data, text.len);
        return 0;
    default: return parse_number(row, text, field);
    }
}

static void append_number(const struct setting *row, int64_t value, struct bytes *out)
{
    char text[32];
    if (row->type == SETTING_DURATION) {
        settings_duration_format(value, text);
        bytes_append_text(out, text);
    } else if (row->type == SETTING_SIZE) {
        append_size(out, value);
    } else {
        bytes_append_i64(out, value);
    }
}

void setting_format(const struct setting *row, const void *field, struct bytes *out)
{
    struct span rest = span_of(row->choices);
    switch (row->type) {
    case SETTING_BOOL: bytes_append_text(out, *(const bool *)field ? "true" : "false"); break;
    case SETTING_CHOICE:
        for (int index = *(const int *)field; index > 0; index--)
            span_split(&rest, '|');
        bytes_append_span(out, span_split(&rest, '|'));
        break;
    case SETTING_TEXT: bytes_append_span(out, span_of(*(char *const *)field)); break;
    default: append_number(row, *(const int64_t *)field, out); break;
    }
}

/* "1 to 65535", "at least 1s"; nothing without bounds. */
static void append_range(const struct setting *row, struct bytes *out)
{
    if (row->type == SETTING_BOOL || row->type == SETTING_TEXT || row->type == SETTING_CHOICE)
        return;
    if (row->max) {
        append_number(row, row->min, out);
        bytes_append_text(out, " to ");
        append_number(row, row->max, out);
    } else if (row->min) {
        bytes_append_text(out, "at least ");
        append_number(row, row->min, out);
    }
    if (row->or_zero && row->min > 0)
        bytes_append_text(out, ", or 0 for off");
}

void setting_expect(const struct setting *row, struct bytes *out)
{
    static const char *const names[] = {
        [SETTING_BOOL] = "true or false",
        [SETTING_INT] = "a whole number",
        [SETTING_DURATION] = "a duration (60, 60s, 250ms, 5m, 1h)",
        [SETTING_SIZE] = "a size (4096, 64k, 4m)",
        [SETTING_TEXT] = "a text",
    };
    bytes_auto range = BYTES_INIT;

    if (row->type == SETTING_CHOICE) {
        struct span rest = span_of(row->choices);
        bytes_append_text(out, "one of ");
        while (rest.len) {
            bytes_append_span(out, span_split(&rest, '|'));
            bytes_append_text(out, rest.len ? ", " : "");
        }
        return;
    }
    bytes_append_text(out, names[row->type]);
    append_range(row, &range);
    if (range.len)
        bytes_append_text(out, ", ");
    bytes_append_span(out, bytes_span(&range));
}

/* "FILE", "DURATION", "a|b"; nothing for a boolean. */
static void append_value_name(const struct setting *row, struct bytes *out)
{
    static const char *const names[] = {
        [SETTING_BOOL] = "",     [SETTING_INT] = "N",     [SETTING_DURATION] = "DURATION",
        [SETTING_SIZE] = "SIZE", [SETTING_TEXT] = "TEXT", [SETTING_CHOICE] = "",
    };
    struct span hint =
        row->type == SETTING_TEXT || row->type == SETTING_CHOICE ? span_of(row->choices) : SPAN_NONE;
    bool is_name = hint.len > 2 && hint.data[0] == '<';

    if (!hint.len)
        bytes_append_text(out, names[row->type]);
    for (size_t i = is_name; i < hint.len - is_name; i++)
        bytes_append_char(out, (char)(is_name ? toupper((unsigned char)hint.data[i]) : hint.data[i]));
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
    if (row->type != SETTING_BOOL)
        bytes_append_char(out, ' ');
    append_value_name(row, out);
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

    if (row->env)
        bytes_printf(&notes, "%s%s%s%s", row->env, row->env_alt ? " or " : "",
                     row->env_alt ? row->env_alt : "", row->from_file ? ", also with _FILE" : "");
    append_part(&notes, "default ", row->fallback);
    append_range(row, &range);
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

void settings_help(const struct setting_table *tables, size_t count, struct bytes *out)
{
    for (size_t t = 0; t < count; t++) {
        if (!tables[t].count)
            continue;
        bytes_printf(out, "\n%s:\n", tables[t].title ? tables[t].title : "Options");
        for (size_t i = 0; i < tables[t].count; i++)
            append_row(&tables[t].rows[i], out);
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
static void show_row(const struct setting *row, struct span value, struct bytes *out)
{
    if (row->secret && value.len) {
        bytes_printf(out, "# %s=***\n", row->env);
        return;
    }
    bytes_printf(out, "%s=", row->env);
    append_shown(value, out);
    bytes_append_char(out, '\n');
}

/* What is said there need not be what is in force: one setting may bound another. */
static void show_origin(const struct settings_origin *origin, struct span value, struct bytes *out)
{
    bytes_printf(out, "# %s", origin->from);
    if (origin->loaded && !span_equal(span_of(origin->loaded), value)) {
        if (origin->loaded[0]) {
            bytes_append_text(out, " (");
            append_shown(span_of(origin->loaded), out);
            bytes_append_char(out, ')');
        }
        bytes_append_text(out, "; in force:");
    }
    bytes_append_char(out, '\n');
}

void settings_show(const struct setting_table *tables, size_t count, const void *config,
                   const struct settings_report *report, struct bytes *out)
{
    size_t at = 0;
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].count; i++, at++) {
            const struct setting *row = &tables[t].rows[i];
            bytes_auto value = BYTES_INIT;

            if (!row->env)
                continue;
            setting_format(row, (const char *)config + tables[t].base + row->offset, &value);
            if (report)
                show_origin(&report->origins[at], bytes_span(&value), out);
            show_row(row, bytes_span(&value), out);
        }
    }
}
