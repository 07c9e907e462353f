/* Settings: one table drives parsing, --help, --check-config and the completions (contract sections 1 and 8).
 *
 * A setting comes from its flag, else its environment variable, else the file named by --config, else its
 * default. The file has lines `KEY=value` with the same KEY as the environment variable; `#` at the front
 * makes a comment, quotes around the value are taken off, keys of other programs are passed over, the last of
 * two equal keys counts. An empty value, in the environment as in the file, is none.
 *
 * A secret has no flag. For a setting with `from_file`, KEY_FILE names a file that holds the value (one
 * trailing newline is taken off), in the environment and in the file alike; both KEY and KEY_FILE in one
 * place are wrong.
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
    const char *choices;  /* "a|b|c" for CHOICE; also a hint for completions on TEXT ("<file>", "<host>") */
    const char *help;     /* one line */
    char letter;          /* short flag, 0: none */
    bool secret;          /* never shown, never taken from argv */
    bool from_file;       /* KEY_FILE is understood */
    bool repeat;          /* TEXT: values of repeated flags are joined with ',' */
};

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
/* Frees the texts. */
void settings_finish(const struct setting_table *tables, size_t count, void *config);
/* The options part of --help, aligned, with environment names, defaults and bounds. */
void settings_help(const struct setting_table *tables, size_t count, struct bytes *out);
/* `KEY=value` of each setting as it stands, secrets as a comment `# KEY=***`; for --check-config. But for the
 * secrets it can be read back as a file. Settings that have a flag only are left out. */
void settings_show(const struct setting_table *tables, size_t count, const void *config, struct bytes *out);
/* "60", "250ms" …: 0, or -1. Shared with scenario files and commands. */
int duration_parse(struct span text, int64_t *ret_ms);
int size_parse(struct span text, int64_t *ret_bytes);
/* 90000 -> "90s", 250 -> "250ms", 300000 -> "5m"; out has 32 bytes. */
void duration_format(int64_t ms, char *out);

#endif
