/* SPDX-License-Identifier: MIT */
#include "redis/redis_config.h"

#include "base/mem.h"
#include "base/printable.h"
#include "redis/redis_tls.h"
#include "redis/redis_url.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX      253 /* RFC 1035, 2.3.4 */
#define UNIX_PATH_MAX 106 /* sun_path, where hiredis terminates it too */
#define DESCRIBE_SIZE 300

#define PORT_MAX           65535
#define REDIS_PORT_DEFAULT 6379

#define FIELD(name) offsetof(struct redis_config, name)

const struct setting redis_settings[] = {
    SETTING_TEXT("redis-host", "REDIS_HOST", FIELD(host), NULL, "<host>",
                 "host of Redis (default: localhost)"),
    SETTING_TEXT("redis-port", "REDIS_PORT", FIELD(port_text), "6379", "<port>",
                 "port of Redis, 1 to 65535; tcp://host:port, which Kubernetes sets for a Service named "
                 "redis, is understood"),
    SETTING_TEXT("redis-username", "REDIS_USERNAME", FIELD(username), NULL, NULL,
                 "user of Redis's access control lists"),
    SETTING_SECRET("REDIS_PASSWORD", FIELD(password), "password of Redis, or of that user"),
    SETTING_INT("redis-db", "REDIS_DB", FIELD(db), "0", 0, INT32_MAX, "database of Redis"),
    SETTING_SECRET("REDIS_URL", FIELD(url),
                   "redis://[user:password@]host[:port][/db], rediss:// with the same for TLS, or "
                   "unix://[user:password@]/path[?db=N]; wins over host, port and what it names; not "
                   "together with REDIS_SENTINELS"),
    SETTING_DURATION("redis-timeout", "PRESENCE_REDIS_TIMEOUT", FIELD(timeout_ms), "2s", 10, 60000,
                     "time to connect to Redis, and for each of its answers"),
    SETTING_TEXT("redis-sentinels", "REDIS_SENTINELS", FIELD(sentinel_list), NULL, "<host:port>",
                 "sentinels, separated by commas, that say which Redis is the master; host and port of Redis "
                 "are not used then"),
    SETTING_TEXT("redis-master", "REDIS_MASTER", FIELD(master), "mymaster", NULL,
                 "the name that the sentinels know the master by"),
    SETTING_SECRET("REDIS_SENTINEL_PASSWORD", FIELD(sentinel_password), "password of the sentinels"),
    SETTING_BOOL("redis-tls", "REDIS_TLS", FIELD(tls), "false",
                 "TLS to Redis and to the sentinels, as rediss:// in REDIS_URL says it too"),
    SETTING_TEXT("redis-tls-ca-file", "REDIS_TLS_CA_FILE", FIELD(tls_files.ca_file), NULL, "<file>",
                 "certificates (PEM) of the authorities that Redis's certificate may be of (default: the "
                 "system's)"),
    SETTING_TEXT("redis-tls-cert-file", "REDIS_TLS_CERT_FILE", FIELD(tls_files.cert_file), NULL, "<file>",
                 "own certificate (PEM, with its chain), for a Redis that demands one; read anew for each "
                 "connection"),
    SETTING_TEXT("redis-tls-key-file", "REDIS_TLS_KEY_FILE", FIELD(tls_files.key_file), NULL, "<file>",
                 "key of that certificate (PEM, not encrypted)"),
    SETTING_TEXT("redis-tls-server-name", "REDIS_TLS_SERVER_NAME", FIELD(tls_files.server_name), NULL,
                 "<name>",
                 "the name or address that Redis's certificate, and those of the sentinels, must have "
                 "(default: the host that is connected to)"),
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

/* "tcp://10.96.0.12:6379" in REDIS_PORT, as Kubernetes and Docker write it for a service named redis. */
static bool is_service_link(const char *text)
{
    return strstr(text, "://");
}

static int refuse_port(const struct redis_config *config, struct settings_error *error)
{
    bytes_auto shown = BYTES_INIT;
    const char *must =
        is_service_link(config->port_text)
            ? "a whole number, or tcp://host:port, as Kubernetes sets it for a Service named redis"
            : "a whole number, 1 to 65535";
    printable_append(&shown, span_of(config->port_text));
    snprintf(error->text, sizeof(error->text), "REDIS_PORT=%.100s: must be %s", bytes_text(&shown), must);
    return -1;
}

static int take_service_link(struct redis_config *config, struct settings_error *error)
{
    struct span rest = span_of(config->port_text), scheme = {rest.data, strlen("tcp://")};
    struct redis_endpoint link;
    if (rest.len < scheme.len || !span_equal_nocase(scheme, SPAN("tcp://")))
        return refuse_port(config, error);
    rest = (struct span){rest.data + scheme.len, rest.len - scheme.len};
    if (redis_endpoint_parse(rest, 0, &link) < 0)
        return refuse_port(config, error);
    config->port = link.port;
    if (!is_set(config->host))
        config->host = mem_strdup(link.host);
    return 0;
}

/* What the URL did not say. A link belongs to the host it names, or to the one of REDIS_HOST, which may be
 * another name of it, but not to one that a URL names. */
static int take_host_and_port(struct redis_config *config, bool host_by_url, struct settings_error *error)
{
    uint64_t port;
    bool linked = is_set(config->port_text) && is_service_link(config->port_text);
    if (config->port == 0 && linked && host_by_url)
        config->port = REDIS_PORT_DEFAULT;
    else if (config->port == 0 && linked && take_service_link(config, error) < 0)
        return -1;
    if (!is_set(config->host))
        config->host = mem_strdup("localhost");
    if (config->port > 0)
        return 0;
    if (span_to_u64(span_of(config->port_text), PORT_MAX, &port) < 0 || port == 0)
        return refuse_port(config, error);
    config->port = (int64_t)port;
    return 0;
}

static int take_sentinels(struct redis_config *config, struct settings_error *error)
{
    if (is_set(config->sentinel_list) && redis_sentinels_parse(config->sentinel_list, &config->sentinels) < 0)
        return refuse(error,
                      "REDIS_SENTINELS: at most 16 of host:port or [address]:port, separated by commas");
    if (config->sentinels.count > 0 && is_set(config->url))
        return refuse(error,
                      "REDIS_SENTINELS and REDIS_URL are both set: one of them must go (with sentinels give "
                      "user, password and database as REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB)");
    return 0;
}

static int check(struct redis_config *config, struct settings_error *error)
{
    if (config->tls && config->unix_path)
        return refuse(error, "REDIS_TLS: there is no TLS on a unix socket (REDIS_URL=unix://)");
    if (is_set(config->tls_files.cert_file) != is_set(config->tls_files.key_file))
        return refuse(error,
                      "REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE belong together: one of them is missing");
    if (config->unix_path && strlen(config->unix_path) > UNIX_PATH_MAX)
        return refuse(error, "REDIS_URL: the path of a unix socket has at most 106 bytes");
    if (!config->unix_path && config->sentinels.count == 0 && !host_plausible(config->host))
        return refuse(error,
                      "REDIS_HOST: a host name or an address of at most 253 bytes; a unix socket is given as "
                      "REDIS_URL=unix:///run/redis.sock");
    if (config->sentinels.count > 0 && !is_set(config->master))
        return refuse(error, "REDIS_MASTER: the name that the sentinels know the master by");
    if (is_set(config->username) && !is_set(config->password))
        return refuse(error,
                      "REDIS_USERNAME: a user needs a password, in REDIS_PASSWORD, REDIS_PASSWORD_FILE or "
                      "REDIS_URL (for one without a password any text will do)");
    return 0;
}

/* Whether the URL names the host; the one of REDIS_HOST stays where it does not. */
static int apply_url(struct redis_config *config, bool *ret_host_named, struct settings_error *error)
{
    char *host = config->host;
    config->host = NULL;
    int code = redis_url_apply(config, error);
    *ret_host_named = is_set(config->host);
    if (*ret_host_named)
        free(host);
    else
        config->host = host;
    return code;
}

int redis_config_resolve(struct redis_config *config, struct settings_error *error)
{
    bool host_by_url = false;
    config->port = 0;
    if (is_set(config->url) && apply_url(config, &host_by_url, error) < 0)
        return -1;
    if (take_sentinels(config, error) < 0)
        return -1;
    bool direct = !config->unix_path && config->sentinels.count == 0;
    if (direct && take_host_and_port(config, host_by_url, error) < 0)
        return -1;
    if (check(config, error) < 0)
        return -1;
    struct redis_tls *tls =
        config->tls ? redis_tls_create(config, "localhost", error->text, sizeof(error->text)) : NULL;
    int code = config->tls && !tls ? -1 : 0;
    redis_tls_destroy(tls);
    return code;
}

void redis_config_describe(const struct redis_config *config, char *out)
{
    if (config->sentinels.count > 0)
        snprintf(out, DESCRIBE_SIZE, "master %.200s of %zu sentinel%s/%" PRId64, config->master,
                 config->sentinels.count, config->sentinels.count == 1 ? "" : "s", config->db);
    else if (config->unix_path)
        snprintf(out, DESCRIBE_SIZE, "unix:%s/%" PRId64, config->unix_path, config->db);
    else if (strchr(config->host, ':'))
        snprintf(out, DESCRIBE_SIZE, "[%s]:%" PRId64 "/%" PRId64, config->host, config->port, config->db);
    else
        snprintf(out, DESCRIBE_SIZE, "%s:%" PRId64 "/%" PRId64, config->host, config->port, config->db);
}
