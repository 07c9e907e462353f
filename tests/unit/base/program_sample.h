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
    {.flag = "redis-host",
     .env = "SAMPLE_HOST",
     .type = SETTING_TEXT,
     .offset = offsetof(struct config, host),
     .fallback = "localhost",
     .choices = "<host>",
     .help = "where Redis is"},
    {.flag = "log-level",
     .env = "SAMPLE_LEVEL",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct config, level),
     .fallback = "info",
     .choices = "error|warn|info|debug",
     .help = "what to [log]: the user's choice",
     .letter = 'l'},
    {.env = "SAMPLE_SECRET",
     .type = SETTING_TEXT,
     .offset = offsetof(struct config, secret),
     .secret = true,
     .help = "signs tokens"},
};
static const struct setting wait_rows[] = {
    {.flag = "json",
     .type = SETTING_BOOL,
     .offset = offsetof(struct config, json),
     .help = "for programs",
     .letter = 'j'},
    {.flag = "timeout",
     .type = SETTING_DURATION,
     .offset = offsetof(struct config, timeout_ms),
     .fallback = "10s",
     .help = "how long to wait",
     .letter = 't'},
    {.flag = "out",
     .type = SETTING_TEXT,
     .offset = offsetof(struct config, out),
     .choices = "<file>",
     .help = "where to write"},
};
static const struct setting_table shared_table = {shared_rows, 3, 0, "Shared"};
static const struct setting_table wait_table = {wait_rows, 3, 0, "Waiting"};
static const struct command_info commands[] = {
    {"status", "USER...", "ask after users", NULL, 0},
    {"wait", "USER online|offline", "wait for a status: really", &wait_table, 1},
    {"run", "FILE", "play a scenario", NULL, 0},
};
static const struct program_info with_commands = {"sample-ctl", "Asks.", &shared_table, 1, commands, 3};
static const struct program_info without_commands = {"sample-ws", "Serves.", &shared_table, 1, NULL, 0};

#endif
