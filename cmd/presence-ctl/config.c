#include "config.h"

#define AT(field)   offsetof(struct config, field)
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DAY_MS      86400000

static const struct setting output_rows[] = {
    {.flag = "json",
     .env = "PRESENCE_CTL_JSON",
     .type = SETTING_BOOL,
     .offset = AT(json),
     .fallback = "false",
     .letter = 'j',
     .help = "print one JSON object a line, for programs"},
};

static const struct setting limit_rows[] = {
    {.flag = "limit",
     .env = "PRESENCE_CTL_LIMIT",
     .type = SETTING_INT,
     .offset = AT(limit),
     .fallback = "0",
     .max = 100000000,
     .letter = 'l',
     .help = "at most so many; 0: all (why: the last 10)"},
};

static const struct setting timeout_rows[] = {
    {.flag = "timeout",
     .env = "PRESENCE_CTL_TIMEOUT",
     .type = SETTING_DURATION,
     .offset = AT(timeout_ms),
     .fallback = "0",
     .max = 7 * DAY_MS,
     .letter = 't',
     .help = "end after so long, with exit 5 when what was waited for has not come; 0: never"},
};

static const struct setting watch_rows[] = {
    {.flag = "since",
     .env = "PRESENCE_CTL_SINCE",
     .type = SETTING_TEXT,
     .offset = AT(since),
     .choices = "<epoch:rev>",
     .help = "begin behind this revision, out of presence:log, instead of now"},
    {.flag = "users",
     .env = "PRESENCE_CTL_USERS",
     .type = SETTING_TEXT,
     .offset = AT(users),
     .choices = "<user,user>",
     .repeat = true,
     .help = "changes of these users only"},
    {.flag = "groups",
     .env = "PRESENCE_CTL_GROUPS",
     .type = SETTING_TEXT,
     .offset = AT(groups),
     .choices = "<group,group>",
     .repeat = true,
     .help = "changes of these groups' members only"},
    {.flag = "count",
     .env = "PRESENCE_CTL_COUNT",
     .type = SETTING_INT,
     .offset = AT(count),
     .fallback = "0",
     .max = 1000000000,
     .letter = 'n',
     .help = "end after so many changes; 0: never"},
};

static const struct setting device_rows[] = {
    {.flag = "device",
     .env = "PRESENCE_CTL_DEVICE",
     .type = SETTING_TEXT,
     .offset = AT(device),
     .choices = "<device>",
     .letter = 'd',
     .help = "the device (default: presence-ctl; kick: all of the user's)"},
};

/* An own --ttl: how long a token is good for has nothing to do with PRESENCE_TTL. */
static const struct setting token_rows[] = {
    {.env = "SECRET_KEY",
     .env_alt = "JWT_SECRET",
     .type = SETTING_TEXT,
     .offset = AT(secret),
     .secret = true,
     .from_file = true,
     .help = "the secret the servers verify tokens with"},
    {.flag = "role",
     .env = "PRESENCE_CTL_ROLE",
     .type = SETTING_TEXT,
     .offset = AT(role),
     .fallback = "mobile",
     .choices = "mobile|web|dashboard",
     .letter = 'r',
     .help = "the role claim; others are taken too, to see them refused"},
    {.flag = "groups",
     .env = "PRESENCE_CTL_GROUPS",
     .type = SETTING_TEXT,
     .offset = AT(groups),
     .choices = "<group,group>",
     .repeat = true,
     .help = "the groups claim; without it a dashboard sees everyone"},
    {.flag = "ttl",
     .env = "PRESENCE_CTL_TOKEN_TTL",
     .type = SETTING_DURATION,
     .offset = AT(valid_ms),
     .fallback = "1h",
     .max = 3650LL * DAY_MS,
     .help = "good for so long; 0: for ever (no exp)"},
    {.flag = "id",
     .env = "PRESENCE_CTL_TOKEN_ID",
     .type = SETTING_TEXT,
     .offset = AT(token_id),
     .choices = "<id>",
     .help = "the jti claim"},
};

static const struct setting kick_rows[] = {
    {.flag = "revoke",
     .env = "PRESENCE_CTL_REVOKE",
     .type = SETTING_BOOL,
     .offset = AT(revoke),
     .fallback = "false",
     .help = "refuse the tokens issued until now, too, on every server"},
    {.flag = "token-id",
     .env = "PRESENCE_CTL_REVOKE_ID",
     .type = SETTING_TEXT,
     .offset = AT(revoke_id),
     .choices = "<id>",
     .help = "with --revoke: the token with this jti, whosever it is"},
    {.flag = "revoke-for",
     .env = "PRESENCE_REVOKE_FOR",
     .type = SETTING_DURATION,
     .offset = AT(revoke_ms),
     .fallback = "720h",
     .min = 1000,
     .max = 3650LL * DAY_MS,
     .help = "with --revoke: for so long; longer than any token is good for"},
};

static const struct setting daemon_rows[] = {
    {.flag = "address",
     .env = "PRESENCE_CTL_ADDRESS",
     .type = SETTING_TEXT,
     .offset = AT(addresses),
     .choices = "<address>",
     .repeat = true,
     .letter = 'a',
     .help = "ask the daemons at these addresses, instead of those in presence:nodes"},
};

static const struct setting metrics_rows[] = {
    {.flag = "interval",
     .env = "PRESENCE_CTL_INTERVAL",
     .type = SETTING_DURATION,
     .offset = AT(interval_ms),
     .fallback = "1s",
     .min = 50,
     .max = 3600000,
     .letter = 'i',
     .help = "count over so long, for what is told per second"},
};

#define PRESENCE_TABLE                                                                                       \
    {                                                                                                        \
        policy_settings, POLICY_SETTINGS_COUNT, AT(policy), "Presence"                                       \
    }

static const struct setting_table shared_tables[] = {
    {output_rows, COUNT(output_rows), 0, "Output"},
    {redis_settings, REDIS_SETTINGS_COUNT, AT(redis), "Redis"},
};
static const struct setting_table plain_tables[] = {PRESENCE_TABLE};
static const struct setting_table limit_tables[] = {
    {limit_rows, COUNT(limit_rows), 0, "Amount"},
    PRESENCE_TABLE,
};
static const struct setting_table watch_tables[] = {
    {watch_rows, COUNT(watch_rows), 0, "Which changes"},
    {timeout_rows, COUNT(timeout_rows), 0, "How long"},
    PRESENCE_TABLE,
};
static const struct setting_table wait_tables[] = {
    {timeout_rows, COUNT(timeout_rows), 0, "How long"},
    PRESENCE_TABLE,
};
static const struct setting_table device_tables[] = {
    {device_rows, COUNT(device_rows), 0, "Device"},
    PRESENCE_TABLE,
};
static const struct setting_table kick_tables[] = {
    {device_rows, COUNT(device_rows), 0, "Device"},
    {kick_rows, COUNT(kick_rows), 0, "Revocation"},
    PRESENCE_TABLE,
};
static const struct setting_table token_tables[] = {{token_rows, COUNT(token_rows), 0, "Token"}};
static const struct setting_table metrics_tables[] = {
    {metrics_rows, COUNT(metrics_rows), 0, "Rate"},
    {daemon_rows, COUNT(daemon_rows), 0, "Daemons"},
    PRESENCE_TABLE,
};
static const struct setting_table doctor_tables[] = {
    {daemon_rows, COUNT(daemon_rows), 0, "Daemons"},
    PRESENCE_TABLE,
};

#define INFO(name, arguments, help, tables)                                                                  \
    {                                                                                                        \
        name, arguments, help, tables, COUNT(tables)                                                         \
    }

static const struct command_info commands[COMMANDS] = {
    [COMMAND_STATUS] =
        INFO("status", "USER...", "whether users are online; exit 1 if one is not", plain_tables),
    [COMMAND_LIST] = INFO("list", "", "everyone who is online", limit_tables),
    [COMMAND_COUNT] = INFO("count", "", "how many users are online", plain_tables),
    [COMMAND_WATCH] = INFO("watch", "", "print changes as they happen, each once and in order", watch_tables),
    [COMMAND_WAIT] = INFO("wait", "USER online|offline",
                          "wait until a user is online or offline; for scripts and CI", wait_tables),
    [COMMAND_ONLINE] = INFO("online", "USER", "put a user online for one TTL, by force", device_tables),
    [COMMAND_OFFLINE] = INFO("offline", "USER", "end all sessions of a user, by force", plain_tables),
    [COMMAND_HEARTBEAT] = INFO("heartbeat", "USER", "beat once for a user, as a phone would", device_tables),
    [COMMAND_PUBLISH] = INFO("publish", "USER online|offline",
                             "tell dashboards what need not be so, to test the way to them", plain_tables),
    [COMMAND_SESSIONS] = INFO("sessions", "USER", "the sessions behind a user's state", plain_tables),
    [COMMAND_WHY] = INFO("why", "USER", "the story of a user's last transitions", limit_tables),
    [COMMAND_TOKEN] = INFO("token", "USER", "mint a token for tests, signed with SECRET_KEY", token_tables),
    [COMMAND_METRICS] = INFO("metrics", "", "the guide's metrics, over all daemons", metrics_tables),
    [COMMAND_DOCTOR] = INFO("doctor", "", "find out what is wrong, and how to mend it", doctor_tables),
    [COMMAND_KICK] =
        INFO("kick", "[USER]", "close a user's connections, and with --revoke keep them out", kick_tables),
    [COMMAND_REPAIR] = INFO("repair", "", "put right at once what other writers left", plain_tables),
};

const struct program_info program = {
    .name = "presence-ctl",
    .summary =
        "Asks, watches, waits, injects and explains who is online, for shells and CI.\n"
        "Exit codes: 0 yes or done, 1 no (offline, also one of several; a fault found), 2 wrong usage,\n"
        "3 bad configuration, 4 Redis or a daemon can't be reached, 5 timed out, 70 internal error.",
    .tables = shared_tables,
    .table_count = COUNT(shared_tables),
    .commands = commands,
    .command_count = COMMANDS,
};

int config_check(void *config, struct settings_error *error)
{
    struct config *c = config;

    /* `token` has no use for the table, and so no values for it. */
    if (c->policy.prefix && policy_check(&c->policy, error) < 0)
        return -1;
    return redis_config_resolve(&c->redis, error);
}
