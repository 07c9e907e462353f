/* SPDX-License-Identifier: MIT */
/* A program with commands, and one without. */
#ifndef TESTS_PROGRAM_SAMPLE_H
#define TESTS_PROGRAM_SAMPLE_H

#include "base/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct config {
    char *host;
    int level;
    bool json;
    int64_t timeout_ms;
    char *out;
    char *secret;
};

static const struct setting shared_rows[] = {
    SETTING_TEXT("redis-host", "SAMPLE_HOST", offsetof(struct config, host), "localhost", "<host>",
                 "where Redis is"),
    SETTING_CHOICE("log-level", "SAMPLE_LEVEL", offsetof(struct config, level), "info",
                   "error|warn|info|debug", "what to [log]: the user's choice", .letter = 'l'),
    SETTING_TEXT(NULL, "SAMPLE_SECRET", offsetof(struct config, secret), NULL, NULL, "signs tokens",
                 .secret = true),
};
static const struct setting wait_rows[] = {
    SETTING_BOOL("json", NULL, offsetof(struct config, json), NULL, "for programs", .letter = 'j'),
    SETTING_DURATION("timeout", NULL, offsetof(struct config, timeout_ms), "10s", 0, 0, "how long to wait",
                     .letter = 't'),
    SETTING_TEXT("out", NULL, offsetof(struct config, out), NULL, "<file>", "where to write"),
};
static const struct setting_table shared_table = {shared_rows, 3, 0, "Shared"};
static const struct setting_table wait_table = {wait_rows, 3, 0, "Waiting"};
static const struct command_info commands[] = {
    {"status", "USER...", "ask after users", NULL, 0},
    {"wait", "USER online|offline", "wait for a status: really", &wait_table, 1},
    {"run", "FILE", "play a scenario", NULL, 0},
};
static inline void warn_of_nowhere(const void *config, struct settings_report *report)
{
    const struct config *c = config;
    if (!strcmp(c->host, "doubtful"))
        settings_warn(report, "doubtful", "the host\nis doubtful");
}

static inline enum log_level level_of(const void *config)
{
    return (enum log_level)((const struct config *)config)->level;
}

static const struct program_info with_commands = {.name = "sample-ctl",
                                                  .summary = "Asks.",
                                                  .tables = &shared_table,
                                                  .table_count = 1,
                                                  .commands = commands,
                                                  .command_count = 3,
                                                  .warn = warn_of_nowhere};
static const struct program_info without_commands = {.name = "sample-ws",
                                                     .summary = "Serves.",
                                                     .tables = &shared_table,
                                                     .table_count = 1,
                                                     .log_level = level_of,
                                                     .warn = warn_of_nowhere};

#endif
