/* SPDX-License-Identifier: MIT */
#include "redis/redis_fault.h"

#include <stdio.h>
#include <string.h>

const char *redis_fault_mend(enum redis_fault fault)
{
    switch (fault) {
    case REDIS_FAULT_NONE: return NULL;
    case REDIS_FAULT_AWAY:
        return "start Redis, or set REDIS_HOST and REDIS_PORT (or REDIS_URL) to where it is, and REDIS_TLS "
               "(or rediss://) if it speaks TLS there, and only then; redis-cli PING with the same must "
               "answer PONG";
    case REDIS_FAULT_REFUSED:
        return "set REDIS_PASSWORD or REDIS_PASSWORD_FILE (and REDIS_USERNAME, REDIS_DB) to what Redis's "
               "requirepass, ACL or databases say";
    case REDIS_FAULT_SENTINELS:
        return "start the sentinels, or set REDIS_SENTINELS, REDIS_MASTER, REDIS_SENTINEL_PASSWORD and "
               "REDIS_TLS to what they are; redis-cli -p 26379 SENTINEL get-master-addr-by-name with that "
               "name must answer with an address";
    case REDIS_FAULT_MASTER:
        return "look at the Redis that the sentinels name: it must run as a master, and its address must be "
               "one that can be reached from here (sentinel announce-ip, replica-announce-ip); with "
               "REDIS_TLS it must speak TLS as they do";
    case REDIS_FAULT_CLUSTER:
        return "use a single Redis, or one master with replicas (with REDIS_SENTINELS if you like)";
    case REDIS_FAULT_REPLICA: return "point REDIS_HOST at the master, or give REDIS_SENTINELS";
    case REDIS_FAULT_NO_SCRIPTS:
        return "use Redis 7.0 or newer, or Valkey, and connect to it directly or through a proxy that "
               "passes EVAL on";
    case REDIS_FAULT_IS_SENTINEL:
        return "give the sentinels as REDIS_SENTINELS=host:port,… and the master's name as REDIS_MASTER, in "
               "place of REDIS_HOST or REDIS_URL";
    case REDIS_FAULT_FOREIGN:
        return "find the program that writes that key; rename or delete the key, or set PRESENCE_PREFIX";
    case REDIS_FAULT_LACKS:
        return "use Redis 7.0 or newer, or Valkey, and let this user run what examples/redis.conf lists (ACL "
               "SETUSER)";
    case REDIS_FAULT_REFUSES: return "look at Redis's log and INFO";
    }
    return NULL;
}

bool redis_fault_is_news(struct redis_fault_memory *m, const char *why, int64_t now_ms)
{
    bool same = strncmp(m->why, why, sizeof(m->why) - 1) == 0;
    if (same && now_ms - m->told_ms < REDIS_FAULT_REPEAT_MS)
        return false;
    snprintf(m->why, sizeof(m->why), "%s", why);
    m->told_ms = now_ms;
    return true;
}

void redis_fault_forget(struct redis_fault_memory *m)
{
    m->why[0] = '\0';
}
