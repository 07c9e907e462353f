/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "talk.h"

#include <stdio.h>

#define AT(field)  offsetof(struct options, field)
#define COUNT(row) (sizeof(row) / sizeof((row)[0]))

static const struct setting common_rows[] = {
    SETTING_TEXT("server", "PRESENCE_SIM_SERVER", AT(servers), "ws://127.0.0.1:3000", "<url>",
                 "presence-ws, ws://HOST:PORT or unix:PATH", .letter = 's', .repeat = true),
    SETTING_CHOICE("auth", "PRESENCE_AUTH", AT(auth_none), "jwt", "jwt|none",
                   "mint tokens with SECRET_KEY, or send the bare user id"),
    SETTING_SECRET("SECRET_KEY", AT(secret), "the secret the servers verify tokens with",
                   .env_alt = "JWT_SECRET"),
    SETTING_CHOICE("encoding", "PRESENCE_SIM_ENCODING", AT(encoding), "msgpack", "msgpack|json|plain",
                   "subprotocol to offer; plain: none, as old clients do"),
    SETTING_TEXT("source", "PRESENCE_SIM_SOURCE", AT(source), NULL, "<address>",
                 "local addresses to connect from, in turn: A,B,… or 127.n.0.1 for n = 1-250"),
    SETTING_INT("seed", "PRESENCE_SIM_SEED", AT(seed), "0", 0, INT64_MAX,
                "the same seed makes the same decisions; 0: a new one, which is shown"),
    SETTING_TEXT("history", "PRESENCE_SIM_HISTORY", AT(history), NULL, "<file>",
                 "write what happened, one JSON object a line"),
    SETTING_BOOL("json", "PRESENCE_SIM_JSON", AT(json), NULL, "print JSON, for programs"),
    SETTING_BOOL("quiet", "PRESENCE_SIM_QUIET", AT(quiet), NULL, "no progress line", .letter = 'q'),
    SETTING_DURATION("connect-timeout", "PRESENCE_SIM_CONNECT_TIMEOUT", AT(connect_timeout_ms), "10s", 100,
                     600000, "to connect and upgrade"),
    SETTING_INT("connect-rate", "PRESENCE_SIM_CONNECT_RATE", AT(connect_rate), "500", 1, 100000,
                "connections opened a second at the start"),
    SETTING_DURATION("ttl", "PRESENCE_TTL", AT(ttl_ms), "60s", 100, 86400000,
                     "the servers' TTL, unless they say it themselves"),
    SETTING_DURATION("late", "PRESENCE_SIM_LATE", AT(late_ms), "3s", 0, 3600000,
                     "how long after its end a user may be shown online; 0: not judged"),
    SETTING_DURATION("delivery", "PRESENCE_SIM_DELIVERY", AT(delivery_ms), "250ms", 0, 60000,
                     "how long a message may be under way"),
    SETTING_DURATION("skew", "PRESENCE_SIM_SKEW", AT(skew_ms), "50ms", 0, 60000,
                     "how far a server's reckoning of Redis's clock may be off"),
    SETTING_DURATION("drain-grace", "PRESENCE_DRAIN_GRACE", AT(drain_grace_ms), "15s", 0, 3600000,
                     "the servers' drain grace"),
};

static const struct setting stay_rows[] = {
    SETTING_DURATION("duration", "PRESENCE_SIM_DURATION", AT(duration_ms), "0", 0, 86400000 * 7ll,
                     "end by itself; 0: at SIGINT or SIGTERM (load: after 10s)", .letter = 'd'),
};

static const struct setting watch_rows[] = {
    SETTING_INT("dashboards", "PRESENCE_SIM_DASHBOARDS", AT(dashboards), "0", 0, 15000,
                "dashboards that watch (web: at least 1)"),
    SETTING_BOOL("batch", "PRESENCE_SIM_BATCH", AT(batch), NULL, "dashboards ask for batches"),
};

static const struct setting mobile_rows[] = {
    SETTING_INT("users", "PRESENCE_SIM_USERS", AT(users), "1", 1, 15000,
                "phones, one a user: PREFIX1, PREFIX2 …", .letter = 'n'),
    SETTING_TEXT("prefix", "PRESENCE_SIM_PREFIX", AT(prefix), "user", NULL, "of user ids"),
    SETTING_TEXT("groups", "PRESENCE_SIM_GROUPS", AT(groups), NULL, NULL, "groups in the phones' tokens",
                 .repeat = true),
    SETTING_DURATION("beat", "PRESENCE_SIM_BEAT", AT(beat_ms), "0", 0, 86400000,
                     "between heartbeats; 0: what the server says, else 30s"),
    SETTING_DURATION("churn", "PRESENCE_SIM_CHURN", AT(churn_ms), "0", 0, 86400000,
                     "mean time a phone stays before it goes; 0: it stays"),
    SETTING_DURATION("away", "PRESENCE_SIM_AWAY", AT(away_ms), "0", 0, 86400000,
                     "mean time until it returns; 0: half of churn"),
    SETTING_INT("silent", "PRESENCE_SIM_SILENT", AT(silent_percent), "20", 0, 100,
                "percent of goings without a word: a dead network"),
    SETTING_INT("roam", "PRESENCE_SIM_ROAM", AT(roam_percent), "20", 0, 100,
                "percent that only change the network, and the server"),
    SETTING_DURATION("settle", "PRESENCE_SIM_SETTLE", AT(settle_ms), "10s", 0, 3600000,
                     "granted at the end, beyond TTL, for views and phones to agree"),
};

static const struct setting web_rows[] = {
    SETTING_TEXT("viewer", "PRESENCE_SIM_VIEWER", AT(viewer), "dashboard", NULL,
                 "user id of the dashboards: VIEWER1, VIEWER2 …"),
    SETTING_TEXT("groups", "PRESENCE_SIM_GROUPS", AT(groups), NULL, NULL,
                 "groups in the token; without, everyone may be seen", .repeat = true),
    SETTING_TEXT("watch-groups", "PRESENCE_SIM_WATCH_GROUPS", AT(watch_groups), NULL, NULL,
                 "ask for these groups only", .repeat = true),
    SETTING_TEXT("watch-users", "PRESENCE_SIM_WATCH_USERS", AT(watch_users), NULL, NULL,
                 "ask for these users only", .repeat = true),
};

static const struct setting load_rows[] = {
    SETTING_INT("phones", "PRESENCE_SIM_PHONES", AT(phones), "1000", 0, 60000, "phones that stay and beat",
                .letter = 'n'),
    SETTING_INT("rate", "PRESENCE_SIM_RATE", AT(rate), "100", 0, 1000000,
                "heartbeats a second, of all phones together"),
    SETTING_INT("changes", "PRESENCE_SIM_CHANGES", AT(changes), "10", 0, 100000,
                "comings and goings a second, of further phones"),
    SETTING_INT("changers", "PRESENCE_SIM_CHANGERS", AT(changers), "0", 0, 15000,
                "how many those are; 0: changes times two"),
    SETTING_DURATION("warmup", "PRESENCE_SIM_WARMUP", AT(warmup_ms), "1s", 0, 600000,
                     "between the last connect and the first measurement"),
    SETTING_INT("repeat", "PRESENCE_SIM_REPEAT", AT(repeat), "1", 1, 1000,
                "measure so many times, each with its report"),
    SETTING_TEXT("account", "PRESENCE_SIM_ACCOUNT", AT(account), NULL, "<pid>",
                 "report the CPU and the memory of these processes too", .repeat = true),
    SETTING_TEXT("prefix", "PRESENCE_SIM_PREFIX", AT(prefix), "load", NULL, "of user ids"),
};

static const struct setting talk_rows[] = {
    SETTING_TEXT("upstream", "PRESENCE_SIM_UPSTREAM", AT(upstream), NULL, "<address>",
                 "be the router behind the servers, too: listen there (their PRESENCE_UPSTREAM)"),
    SETTING_INT("talk-rate", "PRESENCE_SIM_TALK_RATE", AT(talk_rate), "0", 0, 10000,
                "frames of audio a second that one phone of each group sends; 0: nobody talks"),
    SETTING_INT("talk-size", "PRESENCE_SIM_TALK_SIZE", AT(talk_size), "200", TALK_SIZE_MIN, TALK_SIZE_MAX,
                "bytes of audio a frame"),
    SETTING_INT("talk-group", "PRESENCE_SIM_TALK_GROUP", AT(talk_group), "50", 2, 60000, "phones of a group"),
};

static const struct setting router_rows[] = {
    SETTING_TEXT("listen", "PRESENCE_SIM_LISTEN", AT(listen), "127.0.0.1:9000", "<address>",
                 "addresses, unix:/path; separated by commas"),
};

static const struct setting run_rows[] = {
    SETTING_TEXT("set", NULL, AT(variables), NULL, "<name=value>",
                 "a variable of the scenario, before its first line", .repeat = true),
    SETTING_DURATION("timeout", "PRESENCE_SIM_TIMEOUT", AT(time_limit_ms), "2m", 100, 86400000,
                     "for the whole scenario; then it ends with 5", .letter = 't'),
    SETTING_INT("patience", "PRESENCE_PATIENCE", AT(patience), "1", 1, 100,
                "upper bounds times this, for slow machines and sanitizers"),
    SETTING_BOOL("keep", "PRESENCE_SIM_KEEP", AT(keep), NULL,
                 "keep the scratch directory, with the logs of the processes, also on success"),
    SETTING_BOOL("verbose", "PRESENCE_SIM_VERBOSE", AT(verbose), NULL, "show each line as it is played",
                 .letter = 'v'),
};

static const struct setting_table common_tables[] = {
    {common_rows, COUNT(common_rows), 0, "Common to all commands"}};
static const struct setting_table mobile_tables[] = {
    {mobile_rows, COUNT(mobile_rows), 0, "Phones"},
    {watch_rows, COUNT(watch_rows), 0, "Watching"},
    {stay_rows, COUNT(stay_rows), 0, "Length"},
};
static const struct setting_table web_tables[] = {
    {web_rows, COUNT(web_rows), 0, "Dashboards"},
    {watch_rows, COUNT(watch_rows), 0, "Watching"},
    {stay_rows, COUNT(stay_rows), 0, "Length"},
};
static const struct setting_table load_tables[] = {
    {load_rows, COUNT(load_rows), 0, "Load"},
    {talk_rows, COUNT(talk_rows), 0, "Push-to-talk"},
    {watch_rows, COUNT(watch_rows), 0, "Watching"},
    {stay_rows, COUNT(stay_rows), 0, "Length"},
};
static const struct setting_table run_tables[] = {{run_rows, COUNT(run_rows), 0, "Scenario"}};

static const struct setting_table router_tables[] = {{router_rows, COUNT(router_rows), 0, "Router"}};

static const struct command_info commands[] = {
    {"mobile", "", "phones that connect, beat, fall silent, drop and return", mobile_tables,
     COUNT(mobile_tables)},
    {"web", "", "dashboards that print what they are told", web_tables, COUNT(web_tables)},
    {"run", "FILE", "play a scenario and check its expectations", run_tables, COUNT(run_tables)},
    {"load", "", "open-loop load, and how long updates took", load_tables, COUNT(load_tables)},
    {"router", "", "a stand-in for the push-to-talk router behind presence-ws", router_tables,
     COUNT(router_tables)},
};

const struct program_info sim_program = {
    .name = "presence-sim",
    .summary = "Simulated phones and dashboards on real sockets: to try, to test and to load presence-ws.",
    .tables = common_tables,
    .table_count = COUNT(common_tables),
    .commands = commands,
    .command_count = COUNT(commands),
};

int options_check(void *config, struct settings_error *error)
{
    const struct options *o = config;
    if (o->silent_percent + o->roam_percent <= 100)
        return 0;
    snprintf(error->text, sizeof(error->text), "--silent %lld and --roam %lld: together at most 100",
             (long long)o->silent_percent, (long long)o->roam_percent);
    return -1;
}
