#include "base/mem.h"
#include "base/settings_inner.h"

#include <stdlib.h>
#include <string.h>

enum everywhere { EVERYWHERE_CONFIG, EVERYWHERE_CHECK, EVERYWHERE_HELP, EVERYWHERE_VERSION };

static const struct setting everywhere_rows[] = {
    [EVERYWHERE_CONFIG] = {.flag = "config",
                           .type = SETTING_TEXT,
                           .choices = "<file>",
                           .help = "read settings from a file of KEY=value lines"},
    [EVERYWHERE_CHECK] = {.flag = "check-config",
                          .type = SETTING_BOOL,
                          .help = "check the settings, show them and end"},
    [EVERYWHERE_HELP] = {.flag = "help", .type = SETTING_BOOL, .help = "show this help", .letter = 'h'},
    [EVERYWHERE_VERSION] = {.flag = "version",
                            .type = SETTING_BOOL,
                            .help = "show the version",
                            .letter = 'V'},
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

static const struct setting *find_flag(const struct settings_flags *f, struct span flag, char letter)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct setting *row = row_by_flag(&f->tables[i], flag, letter);

        if (row)
            return row;
    }
    return row_by_flag(&settings_everywhere, flag, letter);
}

static enum settings_outcome take_flag(struct settings_flags *f, const struct setting *row, const char *value)
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
static enum settings_outcome take_next(struct settings_flags *f, const struct setting *row, int argc,
                                       char **argv, int *at)
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

static const struct setting *find_secret(const struct settings_flags *f, struct span flag)
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
static enum settings_outcome unknown_flag(struct settings_flags *f, struct span flag)
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

static enum settings_outcome scan_long(struct settings_flags *f, int argc, char **argv, int *at)
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

static enum settings_outcome scan_letters(struct settings_flags *f, int argc, char **argv, int *at)
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

void settings_flags_init(struct settings_flags *f, const struct setting_table *tables, size_t count, int argc,
                         struct settings_error *error)
{
    size_t room = argc > 0 ? (size_t)argc : 1;

    *f = (struct settings_flags){.tables = tables, .count = count, .error = error};
    f->plain = mem_array(room, sizeof(*f->plain));
    f->others = mem_array(room, sizeof(*f->others));
}

void settings_flags_finish(struct settings_flags *f)
{
    free(f->given);
    free(f->plain);
    free(f->others);
}

enum settings_outcome settings_flags_scan(struct settings_flags *f, int argc, char **argv)
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

void settings_flags_reorder(const struct settings_flags *f, int *argc, char **argv)
{
    memcpy(argv + 1, f->plain, (size_t)f->plain_count * sizeof(*argv));
    memcpy(argv + 1 + f->plain_count, f->others, (size_t)f->other_count * sizeof(*argv));
    *argc = f->plain_count + 1;
}

const char *settings_first_plain(const struct setting_table *tables, size_t count, int argc, char **argv)
{
    struct settings_error ignored;
    struct settings_flags f;
    const char *first;

    settings_flags_init(&f, tables, count, argc, &ignored);
    settings_flags_scan(&f, argc, argv);
    first = f.plain_count ? f.plain[0] : NULL;
    settings_flags_finish(&f);
    return first;
}
