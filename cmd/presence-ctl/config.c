/* SPDX-License-Identifier: MIT */
#include "config.h"

#define AT(field) offsetof(struct config, field)

static const struct setting output_rows[] = {
    SETTING_BOOL("json", "PRESENCE_CTL_JSON", AT(json), "false", "print one JSON object a line, for programs",
                 .letter = 'j'),
};

const struct setting_table config_tables[CONFIG_TABLES] = {
    {output_rows, 1, 0, "Output"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
};

const struct setting_table config_plain[1] = {CONFIG_PRESENCE};

const struct setting config_limit[1] = {
    SETTING_INT("limit", "PRESENCE_CTL_LIMIT", AT(limit), "0", 0, 100000000,
                "at most so many; 0: all (why: the last 10)", .letter = 'l'),
};

const struct setting config_timeout[1] = {
    SETTING_DURATION("timeout", "PRESENCE_CTL_TIMEOUT", AT(timeout_ms), "0", 0, 7 * CONFIG_DAY_MS,
                     "end after so long, with exit 5 when what was waited for has not come; 0: never",
                     .letter = 't'),
};

const struct setting config_device[1] = {
    SETTING_TEXT("device", "PRESENCE_CTL_DEVICE", AT(device), NULL, "<device>",
                 "the device (default: presence-ctl; kick: all of the user's)", .letter = 'd'),
};

const struct setting config_daemons[1] = {
    SETTING_TEXT("address", "PRESENCE_CTL_ADDRESS", AT(addresses), NULL, "<address>",
                 "ask the daemons at these addresses, instead of those in presence:nodes", .letter = 'a',
                 .repeat = true),
};

int config_check(void *config, struct settings_error *error)
{
    struct config *c = config;
    /* `token` has no use for the table, and so no values for it. */
    if (c->policy.prefix && policy_settings_check(&c->policy, error) < 0)
        return -1;
    return redis_config_resolve(&c->redis, error);
}
