/* SPDX-License-Identifier: MIT */
#include "redis/redis_url.h"

#include "base/mem.h"
#include "net/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX 4096
#define DB_MAX  INT32_MAX

#define HINT "; in user and password write @ / : # ? % as %40 %2F %3A %23 %3F %25"

/* Still percent-encoded; SPAN_NONE where the URL doesn't name it. */
struct url_parts {
    struct span user, password, host, port, db, path;
    bool tls;
};

static int refuse(struct settings_error *error, const char *what)
{
    snprintf(error->text, sizeof(error->text), "REDIS_URL: %s", what);
    return -1;
}

/* Takes `prefix` off the front, whatever its case. */
static bool take_prefix(struct span *rest, struct span prefix)
{
    if (rest->len < prefix.len || !span_equal_nocase((struct span){rest->data, prefix.len}, prefix))
        return false;
    *rest = (struct span){rest->data + prefix.len, rest->len - prefix.len};
    return true;
}

/* Takes what stands before the last '@' off the front. */
static void cut_credentials(struct span *authority, struct url_parts *parts)
{
    const char *at = authority->len ? memrchr(authority->data, '@', authority->len) : NULL;
    if (!at)
        return;
    struct span rest = {authority->data, (size_t)(at - authority->data)};
    bool has_password = memchr(rest.data, ':', rest.len);
    *authority = (struct span){at + 1, authority->len - rest.len - 1};
    parts->user = span_split(&rest, ':');
    if (has_password)
        parts->password = rest;
}

static int cut_host(struct span authority, struct url_parts *parts, struct settings_error *error)
{
    if (authority_parse(authority, &parts->host, &parts->port) < 0)
        return refuse(error, "an IPv6 address stands in brackets, as in redis://[::1]:6379");
    return 0;
}

static int cut_query(struct span query, struct url_parts *parts, struct settings_error *error)
{
    while (query.len) {
        struct span value = span_split(&query, '&');
        if (!span_equal(span_split(&value, '='), SPAN("db")))
            return refuse(error, "the only parameter behind ? is db" HINT);
        parts->db = value;
    }
    return 0;
}

static int cut_tcp(struct span rest, struct url_parts *parts, struct settings_error *error)
{
    struct span authority = span_split(&rest, '/');
    cut_credentials(&authority, parts);
    if (rest.len)
        parts->db = rest;
    return cut_host(authority, parts, error);
}

static int cut_unix(struct span rest, struct url_parts *parts, struct settings_error *error)
{
    const char *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
    struct span before = {rest.data, slash ? (size_t)(slash - rest.data) : 0};
    cut_credentials(&before, parts);
    if (!slash || before.len)
        return refuse(error, "the path of a unix socket is absolute, as in unix:///run/redis.sock" HINT);
    parts->path = (struct span){slash, (size_t)(rest.data + rest.len - slash)};
    return 0;
}

static int cut(struct span url, struct url_parts *parts, struct settings_error *error)
{
    if (url.len > URL_MAX)
        return refuse(error, "at most 4096 bytes");
    if (memchr(url.data, '#', url.len))
        return refuse(error, "a # can't stand in it" HINT);
    struct span query = url;
    struct span rest = span_split(&query, '?');
    if (cut_query(query, parts, error) < 0)
        return -1;
    if (take_prefix(&rest, SPAN("unix://")))
        return cut_unix(rest, parts, error);
    parts->tls = take_prefix(&rest, SPAN("rediss://"));
    if (parts->tls || take_prefix(&rest, SPAN("redis://")))
        return cut_tcp(rest, parts, error);
    return refuse(error, "it begins with redis://, rediss:// or unix://");
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of a "%41" at `text`; -1 when it is none, and for NUL, which would cut what it stands in. */
static int escaped_byte(struct span text)
{
    int high = text.len >= 3 ? hex_value(text.data[1]) : -1;
    int low = text.len >= 3 ? hex_value(text.data[2]) : -1;
    return high < 0 || low < 0 || high + low == 0 ? -1 : high << 4 | low;
}

/* Percent-decoded (RFC 3986, 2.1) and terminated; NULL when it is malformed. The caller frees it. */
static char *decoded(struct span text)
{
    char *out = mem_alloc(text.len + 1), *end = out;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.data[i];
        if (c == '%') {
            c = escaped_byte((struct span){text.data + i, text.len - i});
            if (c < 0) {
                free(out);
                return NULL;
            }
            i += 2;
        }
        *end++ = (char)c;
    }
    *end = '\0';
    return out;
}

/* An empty part names nothing. */
static int take_text(struct span part, char **field, struct settings_error *error)
{
    if (!part.len)
        return 0;
    char *text = decoded(part);
    if (!text)
        return refuse(error, "a % is followed by two hex digits, not both 0" HINT);
    free(*field);
    *field = text;
    return 0;
}

static int take_number(struct span part, uint64_t min, uint64_t max, const char *what, int64_t *field,
                       struct settings_error *error)
{
    uint64_t number;
    if (!part.len)
        return 0;
    if (span_to_u64(part, max, &number) < 0 || number < min)
        return refuse(error, what);
    *field = (int64_t)number;
    return 0;
}

/* Who frees the settings frees the url, and with it the path. */
static int take_path(struct span part, struct redis_config *config, struct settings_error *error)
{
    mem_auto char *path = NULL;
    if (take_text(part, &path, error) < 0)
        return -1;
    config->unix_path = NULL;
    if (!path)
        return 0;
    size_t url_size = strlen(config->url) + 1, path_size = strlen(path) + 1;
    config->url = mem_realloc(config->url, url_size + path_size);
    config->unix_path = memcpy(config->url + url_size, path, path_size);
    return 0;
}

int redis_url_apply(struct redis_config *config, struct settings_error *error)
{
    struct url_parts parts = {0};
    if (cut(span_of(config->url), &parts, error) < 0 || take_text(parts.user, &config->username, error) < 0 ||
        take_text(parts.password, &config->password, error) < 0 ||
        take_text(parts.host, &config->host, error) < 0 ||
        take_number(parts.port, 1, 65535, "a port is a number from 1 to 65535" HINT, &config->port, error) <
            0 ||
        take_number(parts.db, 0, DB_MAX, "the database is a number" HINT, &config->db, error) < 0)
        return -1;
    config->tls |= parts.tls;
    return take_path(parts.path, config, error); /* moves the url, so it comes last */
}
