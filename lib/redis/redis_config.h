/* SPDX-License-Identifier: MIT */
/* How to reach Redis: the settings, shared by all five programs. */
#ifndef REDIS_REDIS_CONFIG_H
#define REDIS_REDIS_CONFIG_H

#include "base/settings.h"
#include "redis/redis_sentinel.h"

struct redis_tls_config {
    char *ca_file;     /* REDIS_TLS_CA_FILE; empty: the system's CAs */
    char *cert_file;   /* REDIS_TLS_CERT_FILE and _KEY_FILE: both or none */
    char *key_file;    /* not encrypted */
    char *server_name; /* REDIS_TLS_SERVER_NAME; empty: the host that is connected to */
};

struct redis_config {
    char *host;      /* REDIS_HOST, or who is named by REDIS_URL or by a link in REDIS_PORT */
    char *port_text; /* REDIS_PORT: a number, or tcp://host:port */
    int64_t port;    /* from that text or the URL */
    char *username;  /* REDIS_USERNAME */
    char *password;  /* REDIS_PASSWORD, REDIS_PASSWORD_FILE; never in argv, logs or errors */
    int64_t db;      /* REDIS_DB */
    char *url; /* REDIS_URL: redis://, rediss://, unix:// ; wins over the parts it names; a secret, since it
                  may hold one */
    int64_t timeout_ms;      /* PRESENCE_REDIS_TIMEOUT: to connect, and for an answer */
    char *sentinel_list;     /* REDIS_SENTINELS */
    char *master;            /* REDIS_MASTER */
    char *sentinel_password; /* REDIS_SENTINEL_PASSWORD, also with _FILE */
    struct redis_sentinels
        sentinels;   /* from the list; then host and port are those of the master they name */
    char *unix_path; /* from the URL, in its memory; NULL: TCP */
    bool tls;        /* rediss://, or REDIS_TLS; also towards sentinels and the masters they name */
    struct redis_tls_config tls_files;
};

/* Rows for `struct redis_config`. */
#define REDIS_SETTINGS_COUNT 15
extern const struct setting redis_settings[REDIS_SETTINGS_COUNT];

/* Takes REDIS_URL and REDIS_PORT apart (percent-decoding user, password and path) and checks what is used: 0,
 * or -1 with a sentence. With TLS its files are read once, so that a start with a wrong one fails. */
int redis_config_resolve(struct redis_config *config, struct settings_error *error);
/* "localhost:6379/0", "unix:/run/redis.sock/0" or "master mymaster of 3 sentinels/0", never with credentials;
 * out has 300 bytes. */
void redis_config_describe(const struct redis_config *config, char *out);

#endif
