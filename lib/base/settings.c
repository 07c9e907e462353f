#include "base/mem.h"
#include "base/settings_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_FILE_MAX (64 << 10)

struct loader {
    struct settings_flags flags;
    struct settings_file file;
    const char *(*getenv_fn)(const char *);
};

static const char *getenv_plain(const char *name)
{
    return getenv(name);
}

void settings_fail(struct settings_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    for (char *c = error->text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
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
    return store(l, row, field, where, bytes_span(&joined));
}

enum origin { ORIGIN_ENVIRONMENT, ORIGIN_FILE };

#define WHERE_MAX 256

/* SPAN_NONE when it is not set or empty; `where` names it for errors. */
static struct span look_up(const struct loader *l, enum origin from, const char *key, char where[WHERE_MAX])
{
    struct span value;
    unsigned line = 0;

    if (from == ORIGIN_ENVIRONMENT) {
        snprintf(where, WHERE_MAX, "%s", key);
        return span_of(l->getenv_fn(key));
    }
    value = settings_file_find(&l->file, key, &line);
    snprintf(where, WHERE_MAX, "%s:%u: %s", l->file.path ? l->file.path : "", line, key);
    return value;
}

static int load_value_file(struct loader *l, const struct setting *row, void *field, const char *where,
                           struct span path)
{
    mem_auto char *name = mem_strndup(path.data, path.len);
    bytes_auto text = BYTES_INIT;
    struct span value;

    if (settings_read_whole(name, VALUE_FILE_MAX, where, &text, l->flags.error))
        return -1;
    value = bytes_span(&text);
    if (value.len && value.data[value.len - 1] == '\n')
        value.len--;
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
    char where[WHERE_MAX], file_where[WHERE_MAX], file_key[80];
    struct span value, path = SPAN_NONE;

    if (!key)
        return 0;
    value = look_up(l, from, key, where);
    snprintf(file_key, sizeof(file_key), "%s_FILE", key);
    if (row->from_file)
        path = look_up(l, from, file_key, file_where);
    if (value.len && path.len) {
        settings_fail(l->flags.error, "%s and %s are both set: one of them must go", where, file_key);
        return -1;
    }
    if (path.len)
        return load_value_file(l, row, field, file_where, path);
    return value.len ? store(l, row, field, where, value) : 0;
}

static int load_origin(struct loader *l, const struct setting *row, void *field, enum origin from)
{
    int got = load_key(l, row, field, from, row->env);

    return got ? got : load_key(l, row, field, from, row->env_alt);
}

static int load_row(struct loader *l, const struct setting *row, void *field)
{
    int got = load_given(l, row, field);

    if (!got)
        got = load_origin(l, row, field, ORIGIN_ENVIRONMENT);
    if (!got)
        got = load_origin(l, row, field, ORIGIN_FILE);
    if (!got && row->fallback)
        got = store(l, row, field, row->env ? row->env : row->flag, span_of(row->fallback));
    return got < 0 ? -1 : 0;
}

static void *field_of(const struct setting_table *table, const struct setting *row, void *config)
{
    return (char *)config + table->base + row->offset;
}

static enum settings_outcome load_rows(struct loader *l, void *config)
{
    if (l->flags.config_path && settings_file_read(&l->file, l->flags.config_path, l->flags.error))
        return SETTINGS_BAD;
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
    struct loader l = {.getenv_fn = getenv_fn ? getenv_fn : getenv_plain};
    enum settings_outcome outcome;

    settings_flags_init(&l.flags, tables, count, *argc, error);
    outcome = settings_flags_scan(&l.flags, *argc, argv);
    if (outcome == SETTINGS_OK)
        outcome = load_rows(&l, config);
    if (outcome == SETTINGS_OK || outcome == SETTINGS_CHECK)
        settings_flags_reorder(&l.flags, argc, argv);
    settings_flags_finish(&l.flags);
    settings_file_finish(&l.file);
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
