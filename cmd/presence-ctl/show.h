/* How things are shown: tables for a person, JSON lines for a program. Everything from outside is made
 * harmless here. */
#ifndef PRESENCE_CTL_SHOW_H
#define PRESENCE_CTL_SHOW_H

#include "base/bytes.h"

enum tint { TINT_NONE, TINT_GOOD, TINT_BAD, TINT_WARN, TINT_FAINT, TINT_BOLD };

#define TABLE_COLUMNS_MAX 8

struct table_cell {
    char *text; /* harmless */
    enum tint tint;
};

/* Filled cell by cell, row by row; its owner finishes it. */
struct table {
    size_t columns;
    struct table_cell *cells;
    size_t count, capacity;
};

/* With headings, up to NULL. */
void table_init(struct table *t, const char *const *headings);
void table_finish(struct table *t);
void table_cell(struct table *t, enum tint tint, struct span untrusted);
void table_text(struct table *t, enum tint tint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void table_status(struct table *t, bool online);
/* "12:00:01 (3 s ago)", or "never" for 0. */
void table_time(struct table *t, int64_t ms, int64_t now_ms);
/* Aligned, each row a line. */
void table_write(const struct table *t, bool colour, struct bytes *out);

/* Local time: "12:00:01.123" on the day of now_ms, else "2026-01-30 12:00:01". */
void time_append(struct bytes *out, int64_t ms, int64_t now_ms);
void tint_append(struct bytes *out, bool colour, enum tint tint, struct span text);

/* One JSON object a line. A time stands twice: as milliseconds under its name, as everywhere in the project,
 * and as ISO 8601 (UTC) with "Time" behind it. */
struct json_line {
    struct bytes *out;
    bool more;
};

struct json_line json_begin(struct bytes *out);
/* Ends the line; `}` alone for an object inside of one. */
void json_end(struct json_line *j);
void json_close(struct json_line *j);
/* The name, for what the caller appends behind it. */
void json_name(struct json_line *j, const char *name);
void json_text(struct json_line *j, const char *name, struct span value);
/* null when empty. */
void json_text_or_null(struct json_line *j, const char *name, struct span value);
void json_integer(struct json_line *j, const char *name, int64_t value);
void json_bool(struct json_line *j, const char *name, bool value);
/* "online" or "offline". */
void json_status(struct json_line *j, bool online);
/* 0 is no time: 0 and null. */
void json_time(struct json_line *j, const char *name, int64_t ms);

/* Writes to stdout, at once. */
void show_out(struct bytes *out);

#endif
