/* SPDX-License-Identifier: MIT */
/* A program's settings of every type, loaded from an environment and a file of the test's own. */
#ifndef TEST_SUPPORT_SETTINGS_SAMPLE_H
#define TEST_SUPPORT_SETTINGS_SAMPLE_H

#include "base/settings.h"

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

#define SETTINGS_SAMPLE_TABLES 2
extern const struct setting_table settings_sample_tables[SETTINGS_SAMPLE_TABLES];

/* The environment of the test: NAME=value, ended by NULL. */
extern const char *const *settings_sample_environment;
/* Of the test's directory, which stands from set_up to tear_down. */
extern char settings_sample_file[64], settings_sample_value[64];

/* Reads the environment of the test. */
const char *settings_sample_getenv(const char *name);

struct run {
    struct config config;
    struct settings_error error;
    struct settings_report report;
    enum settings_outcome outcome;
    int argc;
    char *argv[ARGS_MAX];
};

/* `args` and `env` end with NULL, and may be NULL. settings_sample_finish frees what was loaded. */
void settings_sample_load(struct run *r, const char *const *args, const char *const *env);
void settings_sample_finish(struct run *r);

/* The i-th warning, "" for none. */
const char *settings_sample_warning(const struct run *r, size_t i);
void settings_sample_write(const char *path, const char *text, size_t len);
void settings_sample_write_text(const char *path, const char *text);
int settings_sample_set_up(void **state);
int settings_sample_tear_down(void **state);

#endif
