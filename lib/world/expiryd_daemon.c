/* presence-expiryd in this world: linked with the program's own objects, of which only this file is seen
 * outside. */
#include "world/daemons.h"

#include "base/mem.h"
#include "presence-expiryd/server.h"

#include <stdlib.h>

struct expiryd_daemon {
    struct process *process;
    struct server server;
};

int64_t config_sweep_interval(const struct config *config)
{
    return config->sweep_interval_ms;
}

struct expiryd_daemon *expiryd_daemon_start(struct process *p, const struct daemon_settings *s)
{
    struct expiryd_daemon *d = mem_zalloc(sizeof(*d));
    struct process *before = world.current;
    world.current = p;
    d->process = p;
    d->server.config = (struct config){
        .sweep_interval_ms = s->sweep_interval_ms,
        .keyspace_events = true,
        .policy = {.enabled = true,
                   .ttl_ms = s->ttl_ms,
                   .drain_grace_ms = s->drain_grace_ms,
                   .holdback_ms = s->holdback_ms,
                   .repair_interval_ms = s->repair_interval_ms,
                   .log_max = s->log_max,
                   .prefix = "presence:",
                   .group_key = "g.{group}.u"},
        .redis = {.unix_path = "/redis.sock", .timeout_ms = s->redis_timeout_ms},
    };
    random_hex(d->server.node, DAEMON_NODE_ID_SIZE - 1);
    d->server.loop = loop_create();
    serving_start(&d->server);
    world.current = before;
    return d;
}

void expiryd_daemon_leave(struct expiryd_daemon *d)
{
    struct process *before = world.current;
    world.current = d->process;
    serving_leave(&d->server);
    world.current = before;
}

void expiryd_daemon_finish(struct expiryd_daemon *d)
{
    struct process *before = world.current;
    world.current = d->process;
    serving_stop(&d->server);
    loop_destroy(d->server.loop);
    d->process->loop = NULL;
    free(d);
    world.current = before;
}
