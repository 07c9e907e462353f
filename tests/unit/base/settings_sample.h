/* SPDX-License-Identifier: MIT */
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
    SETTING_DURATION("ttl", "PRESENCE_TTL", offsetof(struct config, ttl_ms), "60", 1000, 3600000,
                     "how long a beat holds", .letter = 't'),
    SETTING_DURATION("sweep", "SWEEP", offsetof(struct config, sweep_ms), "30s", 1000, 0,
                     "between two sweeps", .or_zero = true),
    SETTING_SIZE("body", "BODY", offsetof(struct config, body), "64k", 0, 1 << 20, "most bytes of a body"),
    SETTING_INT("offset", NULL, offsetof(struct config, offset), "0", -10, 10, "flag only"),
    SETTING_CHOICE("log-level", "LOG_LEVEL", offsetof(struct config, level), "info", "error|warn|info|debug",
                   "what to log", .letter = 'l'),
    SETTING_BOOL("enabled", "PRESENCE_ENABLED", offsetof(struct config, enabled), "true",
                 "whether to do anything"),
    SETTING_BOOL("reuseport", "REUSE", offsetof(struct config, reuseport), NULL, "share the port",
                 .letter = 'r'),
    SETTING_TEXT("group", "GROUPS", offsetof(struct config, groups), NULL, NULL, "whom to see", .letter = 'g',
                 .repeat = true),
    SETTING_SECRET("SECRET_KEY", offsetof(struct config, secret), "signs tokens", .env_alt = "JWT_SECRET"),
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
    SETTING_TEXT("redis-host", "REDIS_HOST", offsetof(struct link, host), "localhost", "<host>",
                 "where Redis is"),
    SETTING_INT("redis-port", "REDIS_PORT", offsetof(struct link, port), "6379", 1, 65535, "its port"),
    SETTING_SECRET("REDIS_PASSWORD", offsetof(struct link, password), "its password"),
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
    struct settings_report report;
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
    r->outcome = settings_load_report(tables, TABLES, &r->argc, r->argv, &r->config, &r->error,
                                      getenv_of_test, &r->report);
}

static inline void run_finish(struct run *r)
{
    settings_report_finish(&r->report);
    settings_finish(tables, TABLES, &r->config);
}

/* The i-th warning, "" for none. */
static inline const char *run_warning(const struct run *r, size_t i)
{
    return i < r->report.warning_count ? r->report.warnings[i].text : "";
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
