/* SPDX-License-Identifier: MIT */
/* How things are shown: tables for people, JSON lines for programs. What comes from outside is made printable here. */
#ifndef PRESENCE_CTL_SHOW_H
#define PRESENCE_CTL_SHOW_H

#include "base/bytes.h"

enum color { COLOR_NONE, COLOR_GOOD, COLOR_BAD, COLOR_WARN, COLOR_FAINT, COLOR_BOLD };

#define TABLE_COLUMNS_MAX 8

struct show_table_cell {
    char *text; /* printable */
    enum color color;
};

/* Filled cell by cell, row by row; its owner finishes it. */
struct table {
    size_t columns;
    struct show_table_cell *cells;
    size_t count, capacity;
};

/* With headings, up to NULL. */
void show_table_init(struct table *t, const char *const *headings);
void show_table_finish(struct table *t);
void show_table_cell(struct table *t, enum color color, struct span untrusted);
void show_table_text(struct table *t, enum color color, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void show_table_status(struct table *t, bool online);
/* "12:00:01 (3 s ago)", or "never" for 0. */
void show_table_time(struct table *t, int64_t ms, int64_t now_ms);
/* Aligned, each row a line. */
void show_table_write(const struct table *t, bool colors, struct bytes *out);

/* Local time: "12:00:01.123" on the day of now_ms, else "2026-01-30 12:00:01". */
void show_time_append(struct bytes *out, int64_t ms, int64_t now_ms);
void show_color_append(struct bytes *out, bool colors, enum color color, struct span text);

/* JSON: show_line(&out, SHOW_TEXT("userId", user), SHOW_STATUS(true)) appends an object of these fields and the end of a
 * line, show_object the object alone. */
#define show_line(out, ...)   show_fields(out, SHOW_FIELDS(__VA_ARGS__), "\n")
#define show_object(out, ...) show_fields(out, SHOW_FIELDS(__VA_ARGS__), "")
#define SHOW_FIELD(...)                                                                                      \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }
#define SHOW_TEXT(key, span) SHOW_FIELD(.name = key, .kind = SHOW_AS_TEXT, .text = span)
/* null when empty. */
#define SHOW_OPTIONAL(key, span) SHOW_FIELD(.name = key, .kind = SHOW_AS_OPTIONAL, .text = span)
#define SHOW_NUMBER(key, integer)                                                                            \
    SHOW_FIELD(.name = key, .kind = SHOW_AS_NUMBER, .number = (int64_t)(integer))
/* null below 0, which is unknown, and for infinity. */
#define SHOW_REAL(key, value) SHOW_FIELD(.name = key, .kind = SHOW_AS_REAL, .real = value)
#define SHOW_BOOL(key, value) SHOW_FIELD(.name = key, .kind = SHOW_AS_BOOL, .number = value)
/* "online" or "offline". */
#define SHOW_STATUS(online) SHOW_FIELD(.name = "status", .kind = SHOW_AS_STATUS, .number = online)
/* Twice: as milliseconds under its name, as everywhere in the project, and as ISO 8601 (UTC) with "Time" behind
 * it. 0 is no time: 0 and null. */
#define SHOW_TIME(key, ms) SHOW_FIELD(.name = key, .kind = SHOW_AS_TIME, .number = ms)
/* JSON that was made already. */
#define SHOW_JSON(key, bytes) SHOW_FIELD(.name = key, .kind = SHOW_AS_JSON, .text = bytes_span(bytes))

enum show_kind {
    SHOW_AS_TEXT,
    SHOW_AS_OPTIONAL,
    SHOW_AS_NUMBER,
    SHOW_AS_BOOL,
    SHOW_AS_STATUS,
    SHOW_AS_TIME,
    SHOW_AS_REAL,
    SHOW_AS_JSON,
};
struct show_field {
    const char *name;
    enum show_kind kind;
    struct span text;
    int64_t number;
    double real;
};
#define SHOW_FIELDS(...)                                                                                     \
    (const struct show_field[]){__VA_ARGS__},                                                                \
        sizeof((const struct show_field[]){__VA_ARGS__}) / sizeof(struct show_field)
void show_fields(struct bytes *out, const struct show_field *fields, size_t count, const char *end);

/* Writes to stdout, at once. */
void show_out(struct bytes *out);

#endif
