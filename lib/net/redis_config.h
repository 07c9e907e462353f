/* How to reach Redis: the settings of contract section 5, shared by all five programs. */
#ifndef NET_REDIS_CONFIG_H
#define NET_REDIS_CONFIG_H

#include "base/settings.h"
#include "net/redis_sentinel.h"

struct redis_config {
    char *host;     /* REDIS_HOST */
    int64_t port;   /* REDIS_PORT */
    char *username; /* REDIS_USERNAME */
    char *password; /* REDIS_PASSWORD, REDIS_PASSWORD_FILE; never in argv, logs or errors */
    int64_t db;     /* REDIS_DB */
    char *url; /* REDIS_URL: redis://, rediss://, unix:// ; wins over the parts it names; a secret, since it
                  may hold one */
    int64_t timeout_ms;      /* PRESENCE_REDIS_TIMEOUT: to connect, and for an answer */
    char *sentinel_list;     /* REDIS_SENTINELS */
    char *master;            /* REDIS_MASTER */
    char *sentinel_password; /* REDIS_SENTINEL_PASSWORD, also with _FILE */
    struct redis_sentinels
        sentinels;   /* from the list; then host and port are those of the master they name */
    char *unix_path; /* from the URL, in its memory; NULL: TCP */
    bool tls;        /* rediss:// */
};

/* Rows for `struct redis_config`. */
#define REDIS_SETTINGS_COUNT 10
extern const struct setting redis_settings[REDIS_SETTINGS_COUNT];

/* Takes REDIS_URL apart (percent-decoding user, password and path) and checks the whole: 0, or -1 with a
 * sentence. rediss:// with a hiredis that lacks TLS is refused with a sentence that names the way out
 * (stunnel). */
int redis_config_resolve(struct redis_config *config, struct settings_error *error);
/* "localhost:6379/0" or "unix:/run/redis.sock/0", never with credentials; out has 300 bytes. */
void redis_config_describe(const struct redis_config *config, char *out);

#endif
