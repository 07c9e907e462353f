/* SPDX-License-Identifier: MIT */
/* Settings: one table drives parsing, --help, --check-config and the completions (the manual pages and
 * presence-ctl(1)).
 *
 * A setting comes from its flag, else its environment variable, else the file named by --config, else its
 * default. The file has lines `KEY=value` with the same KEY as the environment variable; `#` at the front
 * makes a comment, quotes around the value are taken off, keys of other programs are passed over, the last of
 * two equal keys counts. An empty value, in the environment as in the file, is none.
 *
 * A secret has no flag. For a setting with `from_file`, KEY_FILE names a file that holds the value (one
 * trailing newline is taken off), in the environment and in the file alike; both KEY and KEY_FILE in one
 * place are wrong. Editors and tools leave more around a secret than people see: blanks, line ends and a byte
 * order mark are taken off both its ends, with a warning.
 *
 * Durations: `60` (seconds), `60s`, `250ms`, `5m`, `1h`; stored in milliseconds, at most 10^15.
 * Sizes: `4096`, `64k`, `4m`, `1g` (of 1024); stored in bytes, at most 2^53.
 * Booleans: true/false/1/0/yes/no/on/off; a boolean's flag may stand alone (`--reuseport`) or as `--x=false`.
 * Flags are long (`--redis-host VALUE` or `--redis-host=VALUE`), some have a letter (`-n VALUE`, `-nVALUE`;
 * letters of booleans may stand together). */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/bytes.h"

enum setting_type {
    SETTING_BOOL,     /* bool */
    SETTING_INT,      /* int64_t */
    SETTING_DURATION, /* int64_t, milliseconds */
    SETTING_SIZE,     /* int64_t, bytes */
    SETTING_TEXT,     /* char *, owned by the settings; NULL when unset and without default */
    SETTING_CHOICE,   /* int: the index in `choices` */
};

struct setting {
    const char *flag;    /* without the dashes; NULL: none */
    const char *env;     /* the variable, and the key in the file; NULL: flag only */
    const char *env_alt; /* a second name, weaker than the first; NULL: none */
    enum setting_type type;
    size_t offset;        /* of the field in the program's struct */
    const char *fallback; /* the default, as text; NULL: none */
    int64_t min, max;     /* for INT, DURATION (ms), SIZE; max 0: no upper bound */
    bool or_zero;         /* 0 is taken also below min: the rule is switched off */
    const char *choices;  /* "a|b|c" for CHOICE; on TEXT what it names ("<file>", "<host>") */
    const char *help;     /* one line */
    char letter;          /* short flag, 0: none */
    bool secret;          /* never shown, never taken from argv */
    bool from_file;       /* KEY_FILE is understood */
    bool repeat;          /* TEXT: values of repeated flags are joined with ',' */
};

/* One row each; what is left out is 0 or NULL. `hint` and `choices` are the field `choices`. Further fields follow by
 * their names: SETTING_INT("limit", "PRESENCE_CTL_LIMIT", AT(limit), "0", 0, 1000, "at most so many", .letter = 'l'). */
#define SETTING_ROW(type_, flag_, env_, offset_, fallback_, help_, ...)                                      \
    {                                                                                                        \
        .flag = flag_, .env = env_, .type = type_, .offset = offset_, .fallback = fallback_, .help = help_,  \
        __VA_ARGS__                                                                                          \
    }
#define SETTING_BOOL(flag, env, offset, fallback, help, ...)                                                 \
    SETTING_ROW(SETTING_BOOL, flag, env, offset, fallback, help, __VA_ARGS__)
#define SETTING_INT(flag, env, offset, fallback, min_, max_, help, ...)                                      \
    SETTING_ROW(SETTING_INT, flag, env, offset, fallback, help, .min = min_, .max = max_, __VA_ARGS__)
#define SETTING_DURATION(flag, env, offset, fallback, min_, max_, help, ...)                                 \
    SETTING_ROW(SETTING_DURATION, flag, env, offset, fallback, help, .min = min_, .max = max_, __VA_ARGS__)
#define SETTING_SIZE(flag, env, offset, fallback, min_, max_, help, ...)                                     \
    SETTING_ROW(SETTING_SIZE, flag, env, offset, fallback, help, .min = min_, .max = max_, __VA_ARGS__)
#define SETTING_TEXT(flag, env, offset, fallback, hint, help, ...)                                           \
    SETTING_ROW(SETTING_TEXT, flag, env, offset, fallback, help, .choices = hint, __VA_ARGS__)
#define SETTING_CHOICE(flag, env, offset, fallback, choices_, help, ...)                                     \
    SETTING_ROW(SETTING_CHOICE, flag, env, offset, fallback, help, .choices = choices_, __VA_ARGS__)
/* A text that has no flag, and may come from a file. */
#define SETTING_SECRET(env, offset, help, ...)                                                               \
    SETTING_ROW(SETTING_TEXT, NULL, env, offset, NULL, help, .secret = true, .from_file = true, __VA_ARGS__)

/* A program's settings are several tables one after the other (its own, the Redis link's, the log's …), all
 * writing into one struct. */
struct setting_table {
    const struct setting *rows;
    size_t count;
    size_t base;       /* added to each row's offset: where the table's struct stands in the program's */
    const char *title; /* heading in --help */
};

struct settings_error {
    char text[512]; /* names the setting, the value and what is allowed; never a secret's value */
};

/* What a start says besides, one line each: it goes on. */
struct settings_warning {
    const char *event; /* "unknown_setting": as the log names it */
    char *text;        /* a sentence, or part of one; one line */
};

/* Where the values came from, and what is doubtful about them. */
struct settings_report {
    struct settings_origin {
        char *from;   /* "default", "environment PRESENCE_TTL", "file /etc/presence.conf:3", "flag --ttl" */
        char *loaded; /* the value as text; NULL: a secret's */
    } * origins;      /* of each row, the tables one after the other */
    size_t origin_count;
    struct settings_warning *warnings;
    size_t warning_count;
};

/* --config, --check-config, --help, --version, in this order; nothing is stored through it. */
extern const struct setting_table settings_everywhere;

enum settings_outcome {
    SETTINGS_OK,
    SETTINGS_HELP,
    SETTINGS_VERSION,
    SETTINGS_CHECK,
    SETTINGS_USAGE,
    SETTINGS_BAD
};

/* Reads all into *config (zeroed by the caller, and settings_finish'ed by it whatever the outcome). --help,
 * --version, --check-config and --config FILE are understood everywhere.
 *
 * Arguments that are no flags are left in argv[1..*argc-1] in order, for commands; `--` ends the flags. The
 * strings of argv are never changed; its pointers only when there are such arguments: these move to the
 * front, and the flags stand behind them. So a program without commands reads its settings once more (SIGHUP)
 * by loading into a fresh struct with the argc it was started with; others keep a copy of argv.
 *
 * SETTINGS_USAGE: an unknown flag or a missing value (exit 2); SETTINGS_BAD: a wrong value (exit 3); both
 * fill *error. `getenv_fn` is for tests; NULL means getenv(3). */
enum settings_outcome settings_load(const struct setting_table *tables, size_t count, int *argc, char **argv,
                                    void *config, struct settings_error *error,
                                    const char *(*getenv_fn)(const char *));
/* The same, and the report: the origin of each value, and a warning for each key of the file that no program
 * knows. The caller finishes the report whatever the outcome. */
enum settings_outcome settings_load_report(const struct setting_table *tables, size_t count, int *argc,
                                           char **argv, void *config, struct settings_error *error,
                                           const char *(*getenv_fn)(const char *),
                                           struct settings_report *report);
/* The first argument that is no flag, as far as these tables tell; NULL: none. */
const char *settings_first_plain(const struct setting_table *tables, size_t count, int argc, char **argv);
/* A warning for each name in the environment (NAME=value, ended by NULL) that begins as ours do (PRESENCE_,
 * REDIS_, JWT_), but that none of the five programs knows, with the nearest one that is known. Those with an
 * empty value and those that Kubernetes makes of the names of services are passed over. */
void settings_doubt_environment(const char *const *environment, struct settings_report *report);
/* Fills *error: control characters become '?', and what does not fit is cut. */
void settings_fail(struct settings_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Another warning; control characters become '?'. */
void settings_warn(struct settings_report *report, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void settings_report_finish(struct settings_report *report);
/* Frees the texts. */
void settings_finish(const struct setting_table *tables, size_t count, void *config);
/* The options part of --help, aligned, with environment names, defaults and bounds. */
void settings_help(const struct setting_table *tables, size_t count, struct bytes *out);
/* `KEY=value` of each setting as it stands, secrets as a comment `# KEY=***`; for --check-config. But for the
 * secrets it can be read back as a file. Settings that have a flag only are left out. With a report (or NULL)
 * of the same tables a comment before each says where it came from, and what was said there when something
 * else is in force. */
void settings_show(const struct setting_table *tables, size_t count, const void *config,
                   const struct settings_report *report, struct bytes *out);
/* "60", "250ms" …: 0, or -1. Shared with scenario files and commands. */
int settings_duration_parse(struct span text, int64_t *ret_ms);
int settings_size_parse(struct span text, int64_t *ret_bytes);
/* 90000 -> "90s", 250 -> "250ms", 300000 -> "5m"; out has 32 bytes. */
void settings_duration_format(int64_t ms, char *out);

#endif
