/* SPDX-License-Identifier: MIT */
/* The settings of presence-ws. */
#ifndef PRESENCE_WS_CONFIG_H
#define PRESENCE_WS_CONFIG_H

#include "auth/key_settings.h"
#include "base/program.h"
#include "net/daemon.h"
#include "redis/redis_config.h"
#include "store/policy_settings.h"

enum auth_mode { AUTH_JWT, AUTH_NONE };

struct config {
    char *listen; /* PRESENCE_WS_LISTEN */
    bool reuseport;
    int auth;              /* PRESENCE_AUTH: enum auth_mode */
    char *allowed_origins; /* PRESENCE_ALLOWED_ORIGINS */
    char *allowed_hosts;   /* PRESENCE_ALLOWED_HOSTS */
    char *trusted_proxies; /* PRESENCE_TRUSTED_PROXIES; NULL: none */
    bool proxy_protocol;   /* PRESENCE_PROXY_PROTOCOL */
    bool refresh_on_pong;  /* PRESENCE_REFRESH_ON_PONG */
    int64_t ping_interval_ms, pong_timeout_ms, stuck_timeout_ms, head_timeout_ms, drain_delay_ms,
        drain_timeout_ms;
    int64_t batch_window_ms;         /* PRESENCE_BATCH_WINDOW */
    int64_t batch_share_percent;     /* PRESENCE_BATCH_SHARE */
    int64_t ring_bytes;              /* PRESENCE_RING_SIZE */
    char *upstream, *upstream_roles; /* PRESENCE_UPSTREAM, PRESENCE_UPSTREAM_ROLES */
    int64_t upstream_timeout_ms, upstream_message_max;
    unsigned upstream_role_bits; /* by config_check: 1 << enum role */
    int64_t max_connections, max_per_user, max_connects_per_user, max_per_address, max_byte_rate;
    struct key_settings keys;
    struct token_warnings key_warnings; /* found by config_check */
    struct policy policy;
    struct redis_config redis;
    struct log_config log;
};

extern const struct program_info program;

/* Checks what single rows can't: 0, or -1 with *error. Resolves the Redis settings, and the roles with upstreams. */
int config_check(void *config, struct settings_error *error);
/* Whether clients of that role are passed on to an upstream. */
bool config_has_upstream(const struct config *c, enum role role);

#endif
