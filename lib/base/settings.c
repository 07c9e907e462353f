/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include "base/mem.h"
#include "base/settings_names.h"
#include "base/settings_value.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX       (1 << 20)
#define READ_STEP      4096
#define VALUE_FILE_MAX (64 << 10)
#define PLACE_MAX      256

/* The command line, taken apart; all pointers go into argv. */
struct flags {
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

/* The file of --config. */
struct file {
    const char *path; /* NULL: none */
    struct bytes text;
};

struct loader {
    struct flags flags;
    struct file file;
    const char *(*getenv_fn)(const char *); /* NULL: getenv */
    struct settings_report *report;
    char from[PLACE_MAX + 16]; /* where the row's value came from */
};

/* Control characters become '?'. */
static void make_plain(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void settings_fail(struct settings_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    make_plain(error->text);
}

void settings_warn(struct settings_report *report, const char *event, const char *format, ...)
{
    struct settings_error line;
    va_list args;

    va_start(args, format);
    vsnprintf(line.text, sizeof(line.text), format, args);
    va_end(args);
    make_plain(line.text);
    report->warnings = mem_realloc(report->warnings, (report->warning_count + 1) * sizeof(*report->warnings));
    report->warnings[report->warning_count++] = (struct settings_warning){event, mem_strdup(line.text)};
}

/* A whole file of at most `max` bytes without NUL: 0, or -1 with *error, which begins with `what`. */
static int read_whole(const char *path, size_t max, const char *what, struct bytes *out,
                      struct settings_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && out->len <= max) {
        got = read(fd, bytes_reserve(out, READ_STEP), READ_STEP);
        if (got > 0)
            out->len += (size_t)got;
    }
    if (got < 0)
        settings_fail(error, "%s: %s: %s", what, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return -1;
    if (out->len > max || memchr(out->data, '\0', out->len)) {
        settings_fail(error, "%s: %s: must be a text of at most %zu bytes", what, path, max);
        return -1;
    }
    return 0;
}

/* The next line without its end. */
static struct span next_line(struct span *rest)
{
    struct span line = span_split(rest, '\n');

    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return span_trim(line);
}

static bool is_blank_or_comment(struct span line)
{
    return !line.len || line.data[0] == '#';
}

static bool is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.data[i];

        if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
    }
    return key.len > 0;
}

/* Reads it, and checks the form of each line: 0, or -1 with *error. The line itself is not shown: it may hold a
 * secret. */
static int file_read(struct file *f, const char *path, struct settings_error *error)
{
    f->path = path;
    if (read_whole(path, FILE_MAX, "--config", &f->text, error) < 0)
        return -1;
    struct span rest = utf8_without_mark(bytes_span(&f->text));
    for (unsigned number = 1; rest.len; number++) {
        struct span line = next_line(&rest);
        struct span value = line;
        struct span key = span_trim(span_split(&value, '='));

        if (is_blank_or_comment(line))
            continue;
        if (key.data + key.len == line.data + line.len || !is_key(key)) {
            settings_fail(error, "%s:%u: must be KEY=value, a comment (#) or empty", f->path, number);
            return -1;
        }
    }
    return 0;
}

/* The last value under that key and its line; SPAN_NONE without one. The span points into the file's text. */
static struct span file_find(const struct file *f, const char *key, unsigned *ret_line)
{
    struct span rest = utf8_without_mark(bytes_span(&f->text)), found = SPAN_NONE;
    for (unsigned number = 1; rest.len; number++) {
        struct span value = next_line(&rest);

        if (is_blank_or_comment(value) || !span_equal(span_trim(span_split(&value, '=')), span_of(key)))
            continue;
        found = span_trim(value);
        if (found.len >= 2 && strchr("\"'", found.data[0]) && found.data[found.len - 1] == found.data[0])
            found = (struct span){found.data + 1, found.len - 2};
        *ret_line = number;
    }
    return found;
}

/* Warns of one such name; `where` stands before it. */
static void doubt(struct settings_report *report, const char *where, struct span name)
{
    const char *nearest = settings_name_nearest(name);
    int shown = (int)(name.len < SETTINGS_NAME_SHOWN ? name.len : SETTINGS_NAME_SHOWN);
    settings_warn(report, "unknown_setting", "%s%.*s is no setting of any program%s%s%s", where, shown,
                  name.data, nearest ? "; is " : "", nearest ? nearest : "", nearest ? " meant?" : "");
}

/* A warning for each key that no program knows. */
static void doubt_file(const struct file *f, struct settings_report *report)
{
    struct span rest = bytes_span(&f->text);
    for (unsigned number = 1; rest.len; number++) {
        struct span line = next_line(&rest), key = span_trim(span_split(&line, '='));
        char where[300];

        if (is_blank_or_comment(key) || settings_name_known(key))
            continue;
        snprintf(where, sizeof(where), "%s:%u: ", f->path, number);
        doubt(report, where, key);
    }
}

void settings_doubt_environment(const char *const *environment, struct settings_report *report)
{
    for (; *environment; environment++) {
        struct span value = span_of(*environment), name = span_split(&value, '=');

        if (value.len && settings_name_is_ours(name) && !settings_name_known(name) &&
            !settings_name_is_link(name))
            doubt(report, "", name);
    }
}

enum everywhere { EVERYWHERE_CONFIG, EVERYWHERE_CHECK, EVERYWHERE_HELP, EVERYWHERE_VERSION };

static const struct setting everywhere_rows[] = {
    [EVERYWHERE_CONFIG] =
        SETTING_TEXT("config", NULL, 0, NULL, "<file>", "read settings from a file of KEY=value lines"),
    [EVERYWHERE_CHECK] = SETTING_BOOL("check-config", NULL, 0, NULL, "check the settings, show them and end"),
    [EVERYWHERE_HELP] = SETTING_BOOL("help", NULL, 0, NULL, "show this help", .letter = 'h'),
    [EVERYWHERE_VERSION] = SETTING_BOOL("version", NULL, 0, NULL, "show the version", .letter = 'V'),
};

const struct setting_table settings_everywhere = {
    .rows = everywhere_rows,
    .count = sizeof(everywhere_rows) / sizeof(everywhere_rows[0]),
    .title = "Everywhere",
};

static const struct setting *row_by_flag(const struct setting_table *table, struct span flag, char letter)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];

        if (!row->flag || row->secret)
            continue;
        if (letter ? row->letter == letter : span_equal(span_of(row->flag), flag))
            return row;
    }
    return NULL;
}

static const struct setting *find_flag(const struct flags *f, struct span flag, char letter)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct setting *row = row_by_flag(&f->tables[i], flag, letter);

        if (row)
            return row;
    }
    return row_by_flag(&settings_everywhere, flag, letter);
}

static enum settings_outcome take_flag(struct flags *f, const struct setting *row, const char *value)
{
    if (row == &everywhere_rows[EVERYWHERE_HELP])
        return SETTINGS_HELP;
    if (row == &everywhere_rows[EVERYWHERE_VERSION])
        return SETTINGS_VERSION;
    if (row == &everywhere_rows[EVERYWHERE_CHECK]) {
        f->check = true;
    } else if (row == &everywhere_rows[EVERYWHERE_CONFIG]) {
        f->config_path = value;
    } else {
        f->given = mem_realloc(f->given, (f->given_count + 1) * sizeof(*f->given));
        f->given[f->given_count++] = (struct given){row, value};
    }
    return SETTINGS_OK;
}

/* The value in the next argument; *at moves on to it. */
static enum settings_outcome take_next(struct flags *f, const struct setting *row, int argc, char **argv,
                                       int *at)
{
    if (*at + 1 >= argc) {
        bytes_auto wanted = BYTES_INIT;

        setting_expect(row, &wanted);
        settings_fail(f->error, "--%s: a value is missing; it must be %s", row->flag, bytes_text(&wanted));
        return SETTINGS_USAGE;
    }
    f->others[f->other_count++] = argv[++*at];
    return take_flag(f, row, argv[*at]);
}

/* REDIS_PASSWORD as --redis-password: whoever tries is told where it goes. */
static bool is_secret_flag(const char *env, struct span flag)
{
    if (!env || strlen(env) != flag.len)
        return false;
    for (size_t i = 0; i < flag.len; i++) {
        char c = env[i] == '_' ? '-' : (char)(env[i] | 0x20);

        if (c != flag.data[i])
            return false;
    }
    return true;
}

static const struct setting *find_secret(const struct flags *f, struct span flag)
{
    for (size_t t = 0; t < f->count; t++) {
        for (size_t i = 0; i < f->tables[t].count; i++) {
            const struct setting *row = &f->tables[t].rows[i];

            if (row->secret && is_secret_flag(row->env, flag))
                return row;
        }
    }
    return NULL;
}

/* Only the flag is named, never what stands behind it. */
static enum settings_outcome unknown_flag(struct flags *f, struct span flag)
{
    const struct setting *secret = find_secret(f, flag);
    int shown = (int)(flag.len < 100 ? flag.len : 100);
    if (secret)
        settings_fail(f->error, "unknown flag --%.*s: a secret comes from %s%s, never from a flag", shown,
                      flag.data, secret->env, secret->from_file ? " (or the same with _FILE)" : "");
    else
        settings_fail(f->error, "unknown flag --%.*s", shown, flag.data);
    return SETTINGS_USAGE;
}

static enum settings_outcome scan_long(struct flags *f, int argc, char **argv, int *at)
{
    const char *text = argv[*at] + 2;
    const char *equals = strchr(text, '=');
    struct span flag = {text, equals ? (size_t)(equals - text) : strlen(text)};
    const struct setting *row = find_flag(f, flag, 0);
    if (!row)
        return unknown_flag(f, flag);
    if (equals)
        return take_flag(f, row, equals + 1);
    if (row->type == SETTING_BOOL)
        return take_flag(f, row, "true");
    return take_next(f, row, argc, argv, at);
}

static enum settings_outcome scan_letters(struct flags *f, int argc, char **argv, int *at)
{
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        const struct setting *row = find_flag(f, SPAN_NONE, *letter);
        enum settings_outcome outcome;

        if (!row) {
            settings_fail(f->error, "unknown flag -%c", *letter);
            return SETTINGS_USAGE;
        }
        if (row->type != SETTING_BOOL)
            return letter[1] ? take_flag(f, row, letter + 1) : take_next(f, row, argc, argv, at);
        outcome = take_flag(f, row, "true");
        if (outcome != SETTINGS_OK)
            return outcome;
    }
    return SETTINGS_OK;
}

static void flags_init(struct flags *f, const struct setting_table *tables, size_t count, int argc,
                       struct settings_error *error)
{
    size_t room = argc > 0 ? (size_t)argc : 1;
    *f = (struct flags){.tables = tables, .count = count, .error = error};
    f->plain = mem_array(room, sizeof(*f->plain));
    f->others = mem_array(room, sizeof(*f->others));
}

static void flags_finish(struct flags *f)
{
    free(f->given);
    free(f->plain);
    free(f->others);
}

/* SETTINGS_OK, _HELP, _VERSION or _USAGE with the error. Values are not looked at. */
static enum settings_outcome flags_scan(struct flags *f, int argc, char **argv)
{
    bool flags = true;
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];
        enum settings_outcome outcome;

        if (!flags || arg[0] != '-' || !arg[1]) {
            f->plain[f->plain_count++] = arg;
            continue;
        }
        f->others[f->other_count++] = arg;
        if (!strcmp(arg, "--")) {
            flags = false;
            continue;
        }
        outcome = arg[1] == '-' ? scan_long(f, argc, argv, &i) : scan_letters(f, argc, argv, &i);
        if (outcome != SETTINGS_OK)
            return outcome;
    }
    return SETTINGS_OK;
}

/* What is no flag to the front, the rest behind it. */
static void flags_reorder(const struct flags *f, int *argc, char **argv)
{
    memcpy(argv + 1, f->plain, (size_t)f->plain_count * sizeof(*argv));
    memcpy(argv + 1 + f->plain_count, f->others, (size_t)f->other_count * sizeof(*argv));
    *argc = f->plain_count + 1;
}

const char *settings_first_plain(const struct setting_table *tables, size_t count, int argc, char **argv)
{
    struct settings_error ignored;
    struct flags f;
    const char *first;
    flags_init(&f, tables, count, argc, &ignored);
    flags_scan(&f, argc, argv);
    first = f.plain_count ? f.plain[0] : NULL;
    flags_finish(&f);
    return first;
}

static struct span trim_secret(struct span value)
{
    while (value.len && memchr(" \t\r\n", value.data[value.len - 1], 4))
        value.len--;
    value = utf8_without_mark(value);
    while (value.len && memchr(" \t\r\n", value.data[0], 4))
        value = (struct span){value.data + 1, value.len - 1};
    return value;
}

/* The value that counts of the one that was given. */
static struct span trim(struct loader *l, const struct setting *row, const char *where, struct span value)
{
    struct span trimmed = row->secret ? trim_secret(value) : value;
    if (trimmed.len != value.len && l->report)
        settings_warn(l->report, "settings", "%s: blanks or line ends around the value were taken off",
                      where);
    return trimmed;
}

/* 1, or -1 with the error; `where` is how the setting was called there. */
static int store(struct loader *l, const struct setting *row, void *field, const char *where,
                 struct span value)
{
    bytes_auto wanted = BYTES_INIT;
    int shown = (int)(value.len < 100 ? value.len : 100);

    if (!setting_parse(row, value, field))
        return 1;
    setting_expect(row, &wanted);
    if (row->secret)
        settings_fail(l->flags.error, "%s: must be %s", where, bytes_text(&wanted));
    else
        settings_fail(l->flags.error, "%s=%.*s: must be %s", where, shown, value.data ? value.data : "",
                      bytes_text(&wanted));
    return -1;
}

static int load_given(struct loader *l, const struct setting *row, void *field)
{
    bytes_auto joined = BYTES_INIT;
    char where[80];
    bool found = false;

    for (size_t i = 0; i < l->flags.given_count; i++) {
        if (l->flags.given[i].row != row)
            continue;
        if (!row->repeat)
            bytes_reset(&joined);
        else if (found)
            bytes_append_char(&joined, ',');
        bytes_append_text(&joined, l->flags.given[i].value);
        found = true;
    }
    if (!found)
        return 0;
    snprintf(where, sizeof(where), "--%s", row->flag);
    snprintf(l->from, sizeof(l->from), "flag %s", where);
    return store(l, row, field, where, bytes_span(&joined));
}

enum origin { ORIGIN_ENVIRONMENT, ORIGIN_FILE };

/* One key in one origin. */
struct place {
    char name[PLACE_MAX]; /* for errors */
    char from[PLACE_MAX];
};

/* SPAN_NONE when it is not set or empty. */
static struct span look_up(const struct loader *l, enum origin from, const char *key, struct place *ret)
{
    struct span value;
    unsigned line = 0;
    if (from == ORIGIN_ENVIRONMENT) {
        snprintf(ret->name, sizeof(ret->name), "%s", key);
        snprintf(ret->from, sizeof(ret->from), "environment %s", key);
        return span_of(l->getenv_fn ? l->getenv_fn(key) : getenv(key));
    }
    value = file_find(&l->file, key, &line);
    snprintf(ret->name, sizeof(ret->name), "%s:%u: %s", l->file.path ? l->file.path : "", line, key);
    snprintf(ret->from, sizeof(ret->from), "file %s:%u", l->file.path ? l->file.path : "", line);
    return value;
}

static int load_value_file(struct loader *l, const struct setting *row, void *field, const char *where,
                           struct span path)
{
    mem_auto char *name = mem_strndup(path.data, path.len);
    bytes_auto text = BYTES_INIT;
    struct span value;

    if (read_whole(name, VALUE_FILE_MAX, where, &text, l->flags.error))
        return -1;
    value = bytes_span(&text);
    if (value.len && value.data[value.len - 1] == '\n')
        value.len--;
    value = trim(l, row, where, value);
    if (!value.len) {
        settings_fail(l->flags.error, "%s: %s: the file is empty; it must hold the value", where, name);
        return -1;
    }
    return store(l, row, field, where, value);
}

/* 1 stored, 0 not there, -1 wrong. */
static int load_key(struct loader *l, const struct setting *row, void *field, enum origin from,
                    const char *key)
{
    struct place place, file_place;
    char file_key[80];
    struct span value, path = SPAN_NONE;
    if (!key)
        return 0;
    value = look_up(l, from, key, &place);
    snprintf(file_key, sizeof(file_key), "%s_FILE", key);
    if (row->from_file)
        path = look_up(l, from, file_key, &file_place);
    if (value.len && path.len) {
        settings_fail(l->flags.error, "%s and %s are both set: one of them must go", place.name, file_key);
        return -1;
    }
    if (path.len || value.len)
        snprintf(l->from, sizeof(l->from), "%s", path.len ? file_place.from : place.from);
    if (path.len)
        return load_value_file(l, row, field, file_place.name, path);
    value = trim(l, row, place.name, value);
    return value.len ? store(l, row, field, place.name, value) : 0;
}

static int load_origin(struct loader *l, const struct setting *row, void *field, enum origin from)
{
    int got = load_key(l, row, field, from, row->env);
    return got ? got : load_key(l, row, field, from, row->env_alt);
}

static int load_row(struct loader *l, const struct setting *row, void *field)
{
    int got;
    snprintf(l->from, sizeof(l->from), "default");
    got = load_given(l, row, field);
    if (!got)
        got = load_origin(l, row, field, ORIGIN_ENVIRONMENT);
    if (!got)
        got = load_origin(l, row, field, ORIGIN_FILE);
    if (!got && row->fallback)
        got = store(l, row, field, row->env ? row->env : row->flag, span_of(row->fallback));
    if (got < 0)
        return -1;
    struct settings_report *r = l->report;
    if (!r)
        return 0;
    bytes_auto value = BYTES_INIT;
    setting_format(row, field, &value);
    make_plain(l->from);
    r->origins = mem_realloc(r->origins, (r->origin_count + 1) * sizeof(*r->origins));
    r->origins[r->origin_count++] = (struct settings_origin){
        .from = mem_strdup(l->from), .loaded = row->secret ? NULL : mem_strdup(bytes_text(&value))};
    return 0;
}

static void *field_of(const struct setting_table *table, const struct setting *row, void *config)
{
    return (char *)config + table->base + row->offset;
}

static enum settings_outcome load_rows(struct loader *l, void *config)
{
    if (l->flags.config_path && file_read(&l->file, l->flags.config_path, l->flags.error))
        return SETTINGS_BAD;
    if (l->report)
        doubt_file(&l->file, l->report);
    for (size_t t = 0; t < l->flags.count; t++) {
        const struct setting_table *table = &l->flags.tables[t];

        for (size_t i = 0; i < table->count; i++)
            if (load_row(l, &table->rows[i], field_of(table, &table->rows[i], config)))
                return SETTINGS_BAD;
    }
    return l->flags.check ? SETTINGS_CHECK : SETTINGS_OK;
}

enum settings_outcome settings_load(const struct setting_table *tables, size_t count, int *argc, char **argv,
                                    void *config, struct settings_error *error,
                                    const char *(*getenv_fn)(const char *))
{
    return settings_load_report(tables, count, argc, argv, config, error, getenv_fn, NULL);
}

enum settings_outcome settings_load_report(const struct setting_table *tables, size_t count, int *argc,
                                           char **argv, void *config, struct settings_error *error,
                                           const char *(*getenv_fn)(const char *),
                                           struct settings_report *report)
{
    struct loader l = {.getenv_fn = getenv_fn, .report = report};
    enum settings_outcome outcome;
    flags_init(&l.flags, tables, count, *argc, error);
    outcome = flags_scan(&l.flags, *argc, argv);
    if (outcome == SETTINGS_OK)
        outcome = load_rows(&l, config);
    if (outcome == SETTINGS_OK || outcome == SETTINGS_CHECK)
        flags_reorder(&l.flags, argc, argv);
    flags_finish(&l.flags);
    bytes_finish(&l.file.text);
    return outcome;
}

void settings_finish(const struct setting_table *tables, size_t count, void *config)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            char **text = field_of(&tables[t], &tables[t].rows[i], config);

            if (tables[t].rows[i].type != SETTING_TEXT)
                continue;
            if (tables[t].rows[i].secret && *text)
                explicit_bzero(*text, strlen(*text));
            free(*text);
            *text = NULL;
        }
    }
}

void settings_report_finish(struct settings_report *report)
{
    for (size_t i = 0; i < report->origin_count; i++) {
        free(report->origins[i].from);
        free(report->origins[i].loaded);
    }
    for (size_t i = 0; i < report->warning_count; i++)
        free(report->warnings[i].text);
    free(report->origins);
    free(report->warnings);
    *report = (struct settings_report){0};
}
