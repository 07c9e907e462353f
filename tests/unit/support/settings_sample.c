/* SPDX-License-Identifier: MIT */
#include "settings_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
const struct setting_table settings_sample_tables[SETTINGS_SAMPLE_TABLES] = {
    {own_rows, sizeof(own_rows) / sizeof(own_rows[0]), 0, "Presence"},
    {link_rows, sizeof(link_rows) / sizeof(link_rows[0]), offsetof(struct config, link), "Redis"},
};

const char *const *settings_sample_environment;
char settings_sample_file[64], settings_sample_value[64];
static char directory[] = "/tmp/settings-XXXXXX";

const char *settings_sample_getenv(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; settings_sample_environment && settings_sample_environment[i]; i++)
        if (!strncmp(settings_sample_environment[i], name, len) && settings_sample_environment[i][len] == '=')
            return settings_sample_environment[i] + len + 1;
    return NULL;
}

void settings_sample_load(struct run *r, const char *const *args, const char *const *env)
{
    *r = (struct run){.argc = 1, .argv = {(char *)"program"}};
    for (; args && args[r->argc - 1]; r->argc++)
        r->argv[r->argc] = (char *)args[r->argc - 1];
    settings_sample_environment = env;
    r->outcome = settings_load_report(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r->argc, r->argv,
                                      &r->config, &r->error, settings_sample_getenv, &r->report);
}

void settings_sample_finish(struct run *r)
{
    settings_report_finish(&r->report);
    settings_finish(settings_sample_tables, SETTINGS_SAMPLE_TABLES, &r->config);
}

const char *settings_sample_warning(const struct run *r, size_t i)
{
    return i < r->report.warning_count ? r->report.warnings[i].text : "";
}

void settings_sample_write(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

void settings_sample_write_text(const char *path, const char *text)
{
    settings_sample_write(path, text, strlen(text));
}

int settings_sample_set_up(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(settings_sample_file, sizeof(settings_sample_file), "%s/config", directory);
    snprintf(settings_sample_value, sizeof(settings_sample_value), "%s/value", directory);
    return 0;
}

int settings_sample_tear_down(void **state)
{
    unlink(settings_sample_file);
    unlink(settings_sample_value);
    return rmdir(directory);
}
