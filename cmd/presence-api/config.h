/* SPDX-License-Identifier: MIT */
/* The settings of presence-api. */
#ifndef PRESENCE_API_CONFIG_H
#define PRESENCE_API_CONFIG_H

#include "auth/key_settings.h"
#include "base/program.h"
#include "net/daemon.h"
#include "redis/redis_config.h"
#include "store/policy_settings.h"

enum auth_mode { AUTH_AUTO, AUTH_JWT, AUTH_NONE };

struct config {
    char *listen; /* PRESENCE_API_LISTEN */
    bool reuseport;
    int auth; /* PRESENCE_API_AUTH: enum auth_mode; AUTH_AUTO on loopback and unix sockets only */
    char *allowed_origins;      /* PRESENCE_ALLOWED_ORIGINS */
    char *allowed_hosts;        /* PRESENCE_ALLOWED_HOSTS */
    char *trusted_proxies;      /* PRESENCE_TRUSTED_PROXIES; NULL: none */
    bool proxy_protocol;        /* PRESENCE_PROXY_PROTOCOL */
    int64_t threads;            /* PRESENCE_API_THREADS: of former versions */
    int64_t answer_timeout_ms;  /* PRESENCE_API_REDIS_TIMEOUT: for Redis to answer one request */
    int64_t request_timeout_ms; /* PRESENCE_API_REQUEST_TIMEOUT: head, then body, then taking the answer */
    int64_t idle_timeout_ms;    /* PRESENCE_API_IDLE_TIMEOUT: between requests of one connection */
    int64_t drain_delay_ms;     /* PRESENCE_DRAIN_DELAY */
    int64_t drain_timeout_ms;   /* PRESENCE_DRAIN_TIMEOUT */
    int64_t max_connections;    /* PRESENCE_API_MAX_CONNECTIONS */
    struct key_settings keys;
    struct token_warnings key_warnings; /* found by config_check */
    struct policy policy;
    struct redis_config redis;
    struct log_config log;
};

extern const struct program_info program;

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings. */
int config_check(void *config, struct settings_error *error);
/* Whether tokens are checked: they are wanted, or can be checked since keys are configured. */
bool config_wants_keys(const struct config *c);

#endif
