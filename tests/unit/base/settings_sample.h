/* A program's settings of every type, loaded from an environment and a file of the test's own. */
#ifndef TESTS_SETTINGS_SAMPLE_H
#define TESTS_SETTINGS_SAMPLE_H

#include "base/mem.h"
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 12

struct link {
    char *host;
    int64_t port;
    char *password;
};

struct config {
    int64_t ttl_ms;
    int64_t sweep_ms;
    int64_t body;
    int64_t offset;
    int level;
    bool enabled;
    bool reuseport;
    char *groups;
    char *secret;
    int64_t pin;
    struct link link;
};

static const struct setting own_rows[] = {
    {.flag = "ttl",
     .env = "PRESENCE_TTL",
     .type = SETTING_DURATION,
     .offset = offsetof(struct config, ttl_ms),
     .fallback = "60",
     .min = 1000,
     .max = 3600000,
     .help = "how long a beat holds",
     .letter = 't'},
    {.flag = "sweep",
     .env = "SWEEP",
     .type = SETTING_DURATION,
     .offset = offsetof(struct config, sweep_ms),
     .fallback = "30s",
     .min = 1000,
     .or_zero = true,
     .help = "between two sweeps"},
    {.flag = "body",
     .env = "BODY",
     .type = SETTING_SIZE,
     .offset = offsetof(struct config, body),
     .fallback = "64k",
     .max = 1 << 20,
     .help = "most bytes of a body"},
    {.flag = "offset",
     .type = SETTING_INT,
     .offset = offsetof(struct config, offset),
     .fallback = "0",
     .min = -10,
     .max = 10,
     .help = "flag only"},
    {.flag = "log-level",
     .env = "LOG_LEVEL",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct config, level),
     .fallback = "info",
     .choices = "error|warn|info|debug",
     .help = "what to log",
     .letter = 'l'},
    {.flag = "enabled",
     .env = "PRESENCE_ENABLED",
     .type = SETTING_BOOL,
     .offset = offsetof(struct config, enabled),
     .fallback = "true",
     .help = "whether to do anything"},
    {.flag = "reuseport",
     .env = "REUSE",
     .type = SETTING_BOOL,
     .offset = offsetof(struct config, reuseport),
     .help = "share the port",
     .letter = 'r'},
    {.flag = "group",
     .env = "GROUPS",
     .type = SETTING_TEXT,
     .offset = offsetof(struct config, groups),
     .help = "whom to see",
     .letter = 'g',
     .repeat = true},
    {.env = "SECRET_KEY",
     .env_alt = "JWT_SECRET",
     .type = SETTING_TEXT,
     .offset = offsetof(struct config, secret),
     .secret = true,
     .from_file = true,
     .help = "signs tokens"},
    {.flag = "pin", /* not taken: it is a secret */
     .env = "PIN",
     .type = SETTING_INT,
     .offset = offsetof(struct config, pin),
     .min = 1000,
     .max = 9999,
     .secret = true,
     .help = "opens the door"},
};
static const struct setting link_rows[] = {
    {.flag = "redis-host",
     .env = "REDIS_HOST",
     .type = SETTING_TEXT,
     .offset = offsetof(struct link, host),
     .fallback = "localhost",
     .choices = "<host>",
     .help = "where Redis is"},
    {.flag = "redis-port",
     .env = "REDIS_PORT",
     .type = SETTING_INT,
     .offset = offsetof(struct link, port),
     .fallback = "6379",
     .min = 1,
     .max = 65535,
     .help = "its port"},
    {.env = "REDIS_PASSWORD",
     .type = SETTING_TEXT,
     .offset = offsetof(struct link, password),
     .secret = true,
     .from_file = true,
     .help = "its password"},
};
static const struct setting_table tables[] = {
    {own_rows, sizeof(own_rows) / sizeof(own_rows[0]), 0, "Presence"},
    {link_rows, sizeof(link_rows) / sizeof(link_rows[0]), offsetof(struct config, link), "Redis"},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* The environment of the test: NAME=value, ended by NULL. */
static const char *const *environment;
static char directory[] = "/tmp/settings-XXXXXX";
static char file_path[64], value_path[64];

static inline const char *getenv_of_test(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; environment && environment[i]; i++)
        if (!strncmp(environment[i], name, len) && environment[i][len] == '=')
            return environment[i] + len + 1;
    return NULL;
}

struct run {
    struct config config;
    struct settings_error error;
    enum settings_outcome outcome;
    int argc;
    char *argv[ARGS_MAX];
};

static inline void run_load(struct run *r, const char *const *args, const char *const *env)
{
    *r = (struct run){.argc = 1, .argv = {(char *)"program"}};
    for (; args && args[r->argc - 1]; r->argc++)
        r->argv[r->argc] = (char *)args[r->argc - 1];
    environment = env;
    r->outcome = settings_load(tables, TABLES, &r->argc, r->argv, &r->config, &r->error, getenv_of_test);
}

static inline void run_finish(struct run *r)
{
    settings_finish(tables, TABLES, &r->config);
}

static inline void write_file(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static inline int set_up(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(file_path, sizeof(file_path), "%s/config", directory);
    snprintf(value_path, sizeof(value_path), "%s/value", directory);
    return 0;
}

static inline int tear_down(void **state)
{
    unlink(file_path);
    unlink(value_path);
    return rmdir(directory);
}

#endif
