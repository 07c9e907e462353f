/* Inside the settings: what their files share. Not for others. */
#ifndef BASE_SETTINGS_INNER_H
#define BASE_SETTINGS_INNER_H

#include "base/settings.h"

/* --config, --check-config, --help, --version, in this order; nothing is stored through it. */
extern const struct setting_table settings_everywhere;

/* Control characters in the text become '?'; what does not fit is cut. */
void settings_fail(struct settings_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One value into its field: 0, or -1 when it is not what the row wants. A TEXT's former value is freed. */
int setting_parse(const struct setting *row, struct span text, void *field);
/* As setting_parse takes it. */
void setting_format(const struct setting *row, const void *field, struct bytes *out);
/* What the row wants: "a whole number, 1 to 65535". */
void setting_expect(const struct setting *row, struct bytes *out);
/* "1 to 65535", "at least 1s"; nothing without bounds. */
void setting_range(const struct setting *row, struct bytes *out);

/* What follows a flag, for --help and the completions. */
enum value_kind { VALUE_NONE, VALUE_FREE, VALUE_WORDS, VALUE_FILE, VALUE_DIR, VALUE_HOST };
enum value_kind setting_value_kind(const struct setting *row);
/* "FILE", "DURATION", "a|b"; nothing for VALUE_NONE. */
void setting_value_name(const struct setting *row, struct bytes *out);

/* Like settings_help for one table, without a heading. */
void settings_help_rows(const struct setting_table *table, struct bytes *out);

/* The file of --config. */
struct settings_file {
    const char *path; /* NULL: none */
    struct bytes text;
};

/* Reads and checks the form of each line: 0, or -1 with *error. */
int settings_file_read(struct settings_file *f, const char *path, struct settings_error *error);
/* The last value under that key and its line; SPAN_NONE without one. The span points into the file's text. */
struct span settings_file_find(const struct settings_file *f, const char *key, unsigned *ret_line);
void settings_file_finish(struct settings_file *f);
/* A whole file of at most `max` bytes without NUL: 0, or -1 with *error, which begins with `what`. */
int settings_read_whole(const char *path, size_t max, const char *what, struct bytes *out,
                        struct settings_error *error);

/* The command line, taken apart; all pointers go into argv. */
struct settings_flags {
    const struct setting_table *tables;
    size_t count;
    struct settings_error *error;
    struct given {
        const struct setting *row;
        const char *value;
    } * given; /* in order */
    size_t given_count;
    char **plain; /* arguments that are no flags */
    char **others;
    int plain_count, other_count;
    const char *config_path; /* NULL: none */
    bool check;
};

void settings_flags_init(struct settings_flags *f, const struct setting_table *tables, size_t count, int argc,
                         struct settings_error *error);
void settings_flags_finish(struct settings_flags *f);
/* SETTINGS_OK, _HELP, _VERSION or _USAGE with the error. Values are not looked at. */
enum settings_outcome settings_flags_scan(struct settings_flags *f, int argc, char **argv);
/* What is no flag to the front, the rest behind it. */
void settings_flags_reorder(const struct settings_flags *f, int *argc, char **argv);
/* The first argument that is no flag, as far as these tables tell; NULL: none. */
const char *settings_first_plain(const struct setting_table *tables, size_t count, int argc, char **argv);

#endif
