/* SPDX-License-Identifier: MIT */
#include "show.h"

#include "base/mem.h"
#include "base/printable.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define GAP 2

static const char *const codes[] = {
    [COLOR_NONE] = "",         [COLOR_GOOD] = "\033[32m", [COLOR_BAD] = "\033[31m",
    [COLOR_WARN] = "\033[33m", [COLOR_FAINT] = "\033[2m", [COLOR_BOLD] = "\033[1m",
};

void show_color_append(struct bytes *out, bool colors, enum color color, struct span text)
{
    bool on = colors && color != COLOR_NONE;
    bytes_append_text(out, on ? codes[color] : "");
    bytes_append_span(out, text);
    bytes_append_text(out, on ? "\033[0m" : "");
}

void show_table_init(struct table *t, const char *const *headings)
{
    *t = (struct table){0};
    while (headings[t->columns] && t->columns < TABLE_COLUMNS_MAX)
        t->columns++;
    for (size_t i = 0; i < t->columns; i++)
        show_table_cell(t, COLOR_BOLD, span_of(headings[i]));
}

void show_table_finish(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (struct table){0};
}

void show_table_cell(struct table *t, enum color color, struct span untrusted)
{
    bytes_auto text = BYTES_INIT;
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->cells = mem_realloc(t->cells, t->capacity * sizeof(*t->cells));
    }
    printable_append(&text, untrusted);
    if (text.len == 0)
        bytes_append_char(&text, '-');
    t->cells[t->count++] = (struct show_table_cell){mem_strndup(text.data, text.len), color};
}

void show_table_text(struct table *t, enum color color, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    show_table_cell(t, color, span_of(text));
}

void show_table_status(struct table *t, bool online)
{
    show_table_cell(t, online ? COLOR_GOOD : COLOR_FAINT, online ? SPAN("online") : SPAN("offline"));
}

void show_table_time(struct table *t, int64_t ms, int64_t now_ms)
{
    bytes_auto text = BYTES_INIT;
    if (ms <= 0) {
        show_table_cell(t, COLOR_FAINT, SPAN("never"));
        return;
    }
    show_time_append(&text, ms, now_ms);
    bytes_append_text(&text, ms <= now_ms ? " (" : " (in ");
    printable_duration(&text, now_ms - ms);
    bytes_append_text(&text, ms <= now_ms ? " ago)" : ")");
    show_table_cell(t, COLOR_NONE, bytes_span(&text));
}

void show_table_write(const struct table *t, bool colors, struct bytes *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->count; i++) {
        size_t width = printable_width(span_of(t->cells[i].text));
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct show_table_cell *cell = &t->cells[i];
        size_t column = i % t->columns;
        show_color_append(out, colors, cell->color, span_of(cell->text));
        if (column + 1 == t->columns) {
            bytes_append_char(out, '\n');
            continue;
        }
        for (size_t n = printable_width(span_of(cell->text)); n < widths[column] + GAP; n++)
            bytes_append_char(out, ' ');
    }
}

void show_time_append(struct bytes *out, int64_t ms, int64_t now_ms)
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

static void append_times(const char *name, int64_t ms, struct bytes *out)
{
    time_t seconds = (time_t)(ms / 1000);
    char text[64];
    struct tm tm;
    bytes_append_i64(out, ms < 0 ? 0 : ms);
    bytes_printf(out, ",\"%sTime\":", name);
    if (ms <= 0 || !gmtime_r(&seconds, &tm)) {
        bytes_append_text(out, "null");
        return;
    }
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    bytes_printf(out, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

void show_fields(struct bytes *out, const struct show_field *fields, size_t count, const char *end)
{
    for (size_t i = 0; i < count; i++) {
        const struct show_field *f = &fields[i];
        bytes_printf(out, "%s\"%s\":", i ? "," : "{", f->name);
        bool known = f->kind == SHOW_AS_OPTIONAL
                         ? f->text.len
                         : f->kind != SHOW_AS_REAL || (f->real >= 0 && isfinite(f->real));
        if (!known) {
            bytes_append_text(out, "null");
            continue;
        }
        switch (f->kind) {
        case SHOW_AS_TEXT:
        case SHOW_AS_OPTIONAL: bytes_append_json(out, f->text); break;
        case SHOW_AS_NUMBER: bytes_append_i64(out, f->number); break;
        case SHOW_AS_REAL: bytes_printf(out, "%.6g", f->real); break;
        case SHOW_AS_BOOL: bytes_append_text(out, f->number ? "true" : "false"); break;
        case SHOW_AS_STATUS: bytes_append_text(out, f->number ? "\"online\"" : "\"offline\""); break;
        case SHOW_AS_TIME: append_times(f->name, f->number, out); break;
        case SHOW_AS_JSON: bytes_append_span(out, f->text); break;
        }
    }
    bytes_append_char(out, '}');
    bytes_append_text(out, end);
}

void show_out(struct bytes *out)
{
    if (out->len == 0)
        return;
    fwrite(out->data, 1, out->len, stdout);
    fflush(stdout);
    bytes_reset(out);
}
