/* The settings of presence-api. */
#ifndef PRESENCE_API_CONFIG_H
#define PRESENCE_API_CONFIG_H

#include "auth/key_settings.h"
#include "base/program.h"
#include "net/daemon.h"
#include "net/redis_config.h"
#include "presence/policy.h"

enum auth_mode { AUTH_AUTO, AUTH_JWT, AUTH_NONE };

#define THREADS_MAX 64

struct config {
    char *listen; /* PRESENCE_API_LISTEN */
    bool reuseport;
    int auth;                   /* PRESENCE_API_AUTH: enum auth_mode; never AUTH_AUTO after config_check */
    char *allowed_origins;      /* PRESENCE_ALLOWED_ORIGINS */
    int64_t threads;            /* PRESENCE_API_THREADS */
    int64_t answer_timeout_ms;  /* PRESENCE_API_REDIS_TIMEOUT: for Redis to answer one request */
    int64_t request_timeout_ms; /* PRESENCE_API_REQUEST_TIMEOUT: head, then body, then taking the answer */
    int64_t idle_timeout_ms;    /* PRESENCE_API_IDLE_TIMEOUT: between requests of one connection */
    int64_t drain_timeout_ms;   /* PRESENCE_DRAIN_TIMEOUT */
    int64_t max_connections;    /* PRESENCE_API_MAX_CONNECTIONS */
    struct key_settings keys;
    struct policy policy;
    struct redis_config redis;
    struct log_config log;
};

extern const struct program_info program;

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings and PRESENCE_API_AUTH. */
int config_check(void *config, struct settings_error *error);

#endif
