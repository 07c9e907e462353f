#include "show.h"

#include "base/mem.h"
#include "base/plain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GAP 2

static const char *const tints[] = {
    [TINT_NONE] = "",         [TINT_GOOD] = "\033[32m", [TINT_BAD] = "\033[31m",
    [TINT_WARN] = "\033[33m", [TINT_FAINT] = "\033[2m", [TINT_BOLD] = "\033[1m",
};

void tint_append(struct bytes *out, bool colour, enum tint tint, struct span text)
{
    bool on = colour && tint != TINT_NONE;

    bytes_append_text(out, on ? tints[tint] : "");
    bytes_append_span(out, text);
    bytes_append_text(out, on ? "\033[0m" : "");
}

void table_init(struct table *t, const char *const *headings)
{
    *t = (struct table){0};
    while (headings[t->columns] && t->columns < TABLE_COLUMNS_MAX)
        t->columns++;
    for (size_t i = 0; i < t->columns; i++)
        table_cell(t, TINT_BOLD, span_of(headings[i]));
}

void table_finish(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (struct table){0};
}

void table_cell(struct table *t, enum tint tint, struct span untrusted)
{
    bytes_auto text = BYTES_INIT;

    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->cells = mem_realloc(t->cells, t->capacity * sizeof(*t->cells));
    }
    plain_append(&text, untrusted);
    if (text.len == 0)
        bytes_append_char(&text, '-');
    t->cells[t->count++] = (struct table_cell){mem_strndup(text.data, text.len), tint};
}

void table_text(struct table *t, enum tint tint, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    table_cell(t, tint, span_of(text));
}

void table_status(struct table *t, bool online)
{
    table_cell(t, online ? TINT_GOOD : TINT_FAINT, online ? SPAN("online") : SPAN("offline"));
}

void table_time(struct table *t, int64_t ms, int64_t now_ms)
{
    bytes_auto text = BYTES_INIT;

    if (ms <= 0) {
        table_cell(t, TINT_FAINT, SPAN("never"));
        return;
    }
    time_append(&text, ms, now_ms);
    bytes_append_text(&text, ms <= now_ms ? " (" : " (in ");
    plain_duration(&text, now_ms - ms);
    bytes_append_text(&text, ms <= now_ms ? " ago)" : ")");
    table_cell(t, TINT_NONE, bytes_span(&text));
}

static void column_widths(const struct table *t, size_t widths[TABLE_COLUMNS_MAX])
{
    memset(widths, 0, TABLE_COLUMNS_MAX * sizeof(*widths));
    for (size_t i = 0; i < t->count; i++) {
        size_t width = plain_width(span_of(t->cells[i].text));
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
}

void table_write(const struct table *t, bool colour, struct bytes *out)
{
    size_t widths[TABLE_COLUMNS_MAX];

    column_widths(t, widths);
    for (size_t i = 0; i < t->count; i++) {
        const struct table_cell *cell = &t->cells[i];
        size_t column = i % t->columns;
        tint_append(out, colour, cell->tint, span_of(cell->text));
        if (column + 1 == t->columns) {
            bytes_append_char(out, '\n');
            continue;
        }
        for (size_t n = plain_width(span_of(cell->text)); n < widths[column] + GAP; n++)
            bytes_append_char(out, ' ');
    }
}

void time_append(struct bytes *out, int64_t ms, int64_t now_ms)
{
    time_t seconds = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm tm, today;
    char text[64];

    localtime_r(&seconds, &tm);
    localtime_r(&now, &today);
    bool same_day = tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year;
    strftime(text, sizeof(text), same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
    bytes_append_text(out, text);
    if (same_day)
        bytes_printf(out, ".%03d", (int)(ms % 1000));
}

struct json_line json_begin(struct bytes *out)
{
    bytes_append_char(out, '{');
    return (struct json_line){out, false};
}

void json_close(struct json_line *j)
{
    bytes_append_char(j->out, '}');
}

void json_end(struct json_line *j)
{
    bytes_append_text(j->out, "}\n");
}

void json_name(struct json_line *j, const char *name)
{
    bytes_printf(j->out, "%s\"%s\":", j->more ? "," : "", name);
    j->more = true;
}

void json_text(struct json_line *j, const char *name, struct span value)
{
    json_name(j, name);
    bytes_append_json(j->out, value);
}

void json_text_or_null(struct json_line *j, const char *name, struct span value)
{
    json_name(j, name);
    if (value.len)
        bytes_append_json(j->out, value);
    else
        bytes_append_text(j->out, "null");
}

void json_integer(struct json_line *j, const char *name, int64_t value)
{
    json_name(j, name);
    bytes_append_i64(j->out, value);
}

void json_bool(struct json_line *j, const char *name, bool value)
{
    json_name(j, name);
    bytes_append_text(j->out, value ? "true" : "false");
}

void json_status(struct json_line *j, bool online)
{
    json_text(j, "status", online ? SPAN("online") : SPAN("offline"));
}

void json_time(struct json_line *j, const char *name, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    char text[64];
    struct tm tm;

    json_integer(j, name, ms < 0 ? 0 : ms);
    bytes_printf(j->out, ",\"%sTime\":", name);
    if (ms <= 0 || !gmtime_r(&seconds, &tm)) {
        bytes_append_text(j->out, "null");
        return;
    }
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    bytes_printf(j->out, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

void show_out(struct bytes *out)
{
    if (out->len == 0)
        return;
    fwrite(out->data, 1, out->len, stdout);
    fflush(stdout);
    bytes_reset(out);
}
