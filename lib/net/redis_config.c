#include "net/redis_config.h"

#include "net/redis_url.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define HOST_MAX      253 /* RFC 1035, 2.3.4 */
#define UNIX_PATH_MAX 106 /* sun_path, where hiredis terminates it too */
#define DESCRIBE_SIZE 300

#define FIELD(name) .offset = offsetof(struct redis_config, name)

const struct setting redis_settings[] = {
    {.flag = "redis-host",
     .env = "REDIS_HOST",
     .type = SETTING_TEXT,
     FIELD(host),
     .fallback = "localhost",
     .choices = "<host>",
     .help = "host of Redis"},
    {.flag = "redis-port",
     .env = "REDIS_PORT",
     .type = SETTING_INT,
     FIELD(port),
     .fallback = "6379",
     .min = 1,
     .max = 65535,
     .help = "port of Redis"},
    {.flag = "redis-username",
     .env = "REDIS_USERNAME",
     .type = SETTING_TEXT,
     FIELD(username),
     .help = "user of Redis's access control lists"},
    {.env = "REDIS_PASSWORD",
     .type = SETTING_TEXT,
     FIELD(password),
     .help = "password of Redis, or of that user",
     .secret = true,
     .from_file = true},
    {.flag = "redis-db",
     .env = "REDIS_DB",
     .type = SETTING_INT,
     FIELD(db),
     .fallback = "0",
     .max = INT32_MAX,
     .help = "database of Redis"},
    {.env = "REDIS_URL",
     .type = SETTING_TEXT,
     FIELD(url),
     .help = "redis://[user:password@]host[:port][/db] or unix://[user:password@]/path[?db=N]; wins over the "
             "others",
     .secret = true,
     .from_file = true},
    {.flag = "redis-timeout",
     .env = "PRESENCE_REDIS_TIMEOUT",
     .type = SETTING_DURATION,
     FIELD(timeout_ms),
     .fallback = "2s",
     .min = 10,
     .max = 60000,
     .help = "time to connect to Redis, and for each of its answers"},
    {.flag = "redis-sentinels",
     .env = "REDIS_SENTINELS",
     .type = SETTING_TEXT,
     FIELD(sentinel_list),
     .choices = "<host:port>",
     .help = "sentinels, separated by commas, that say which Redis is the master; host and port of Redis are "
             "not used then"},
    {.flag = "redis-master",
     .env = "REDIS_MASTER",
     .type = SETTING_TEXT,
     FIELD(master),
     .fallback = "mymaster",
     .help = "the name that the sentinels know the master by"},
    {.env = "REDIS_SENTINEL_PASSWORD",
     .type = SETTING_TEXT,
     FIELD(sentinel_password),
     .help = "password of the sentinels",
     .secret = true,
     .from_file = true},
};

static int refuse(struct settings_error *error, const char *what)
{
    snprintf(error->text, sizeof(error->text), "%s", what);
    return -1;
}

static bool is_set(const char *text)
{
    return text && *text;
}

static bool host_plausible(const char *host)
{
    size_t len = host ? strlen(host) : 0;
    if (len == 0 || len > HOST_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)host[i] <= ' ' || strchr("/@\x7f", host[i]))
            return false;
    return strncmp(host, "unix:", 5) != 0;
}

static int check(struct redis_config *config, struct settings_error *error)
{
    if (config->tls)
        return refuse(
            error, "REDIS_URL: rediss:// needs a hiredis with TLS, which this build lacks; run stunnel in "
                   "front of Redis and give its local end: redis://localhost:6380 or unix:///run/redis.sock");
    if (config->unix_path && strlen(config->unix_path) > UNIX_PATH_MAX)
        return refuse(error, "REDIS_URL: the path of a unix socket has at most 106 bytes");
    if (!config->unix_path && !host_plausible(config->host))
        return refuse(error,
                      "REDIS_HOST: a host name or an address of at most 253 bytes; a unix socket is given as "
                      "REDIS_URL=unix:///run/redis.sock");
    if (is_set(config->sentinel_list) && redis_sentinels_parse(config->sentinel_list, &config->sentinels) < 0)
        return refuse(error,
                      "REDIS_SENTINELS: at most 16 of host:port or [address]:port, separated by commas");
    if (config->sentinels.count > 0 && config->unix_path)
        return refuse(
            error, "REDIS_SENTINELS: sentinels name an address, REDIS_URL a unix socket; give one of them");
    if (config->sentinels.count > 0 && !is_set(config->master))
        return refuse(error, "REDIS_MASTER: the name that the sentinels know the master by");
    if (is_set(config->username) && !is_set(config->password))
        return refuse(error,
                      "REDIS_USERNAME: a user needs a password, in REDIS_PASSWORD, REDIS_PASSWORD_FILE or "
                      "REDIS_URL (for one without a password any text will do)");
    return 0;
}

int redis_config_resolve(struct redis_config *config, struct settings_error *error)
{
    if (is_set(config->url) && redis_url_apply(config, error) < 0)
        return -1;
    return check(config, error);
}

void redis_config_describe(const struct redis_config *config, char *out)
{
    if (config->sentinels.count > 0)
        snprintf(out, DESCRIBE_SIZE, "master %.200s by %zu sentinels/%" PRId64, config->master,
                 config->sentinels.count, config->db);
    else if (config->unix_path)
        snprintf(out, DESCRIBE_SIZE, "unix:%s/%" PRId64, config->unix_path, config->db);
    else if (strchr(config->host, ':'))
        snprintf(out, DESCRIBE_SIZE, "[%s]:%" PRId64 "/%" PRId64, config->host, config->port, config->db);
    else
        snprintf(out, DESCRIBE_SIZE, "%s:%" PRId64 "/%" PRId64, config->host, config->port, config->db);
}
