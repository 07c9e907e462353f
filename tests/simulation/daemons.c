/* SPDX-License-Identifier: MIT */
#include "daemons.h"

#include "base/mem.h"
#include "base/random.h"
#include "presence-expiryd/server.h"
#include "presence-ws/server.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_EACH 256 /* as many as a token may name */

struct ws_daemon {
    struct sim_process *process;
    struct server server;
};

struct expiryd_daemon {
    struct sim_process *process;
    struct expiryd server;
};

static const char *no_environment(const char *name)
{
    return NULL;
}

/* What the daemon's settings tables say where nothing is set. */
static void load_defaults(const struct program_info *p, void *config)
{
    char name[] = "simulate", *argv[] = {name, NULL};
    int argc = 1;
    struct settings_error error;
    settings_load(p->tables, p->table_count, &argc, argv, config, &error, no_environment);
}

static void set_policy(struct policy *p, const struct simulated_settings *s)
{
    p->ttl_ms = s->ttl_ms;
    p->heartbeat_min_ms = s->heartbeat_min_ms;
    p->offline_grace_ms = s->offline_grace_ms;
    p->abort_grace_ms = s->abort_grace_ms;
    p->drain_grace_ms = s->drain_grace_ms;
    p->holdback_ms = s->holdback_ms;
    p->repair_interval_ms = s->repair_interval_ms;
    p->log_max = s->log_max;
}

static void set_redis(struct redis_config *r, const struct simulated_settings *s)
{
    r->unix_path = mem_strdup("/redis.sock");
    r->timeout_ms = s->redis_timeout_ms;
}

static void ws_configure(struct config *c, const struct simulated_settings *s)
{
    load_defaults(&program, c);
    set_policy(&c->policy, s);
    set_redis(&c->redis, s);
    c->ping_interval_ms = s->ping_interval_ms;
    c->pong_timeout_ms = s->pong_timeout_ms;
    c->batch_window_ms = s->batch_window_ms;
    c->ring_bytes = s->ring_bytes;
    if (s->router) {
        c->upstream = mem_strdup("ws://router");
        c->upstream_role_bits = 1u << ROLE_MOBILE;
    }
    c->max_connections = 1000000;
    c->max_per_user = c->max_connects_per_user =
        0; /* the limits would hide what unlimited clients bring about */
}

static size_t split(const char *list, struct span *ret)
{
    struct span rest = span_of(list);
    size_t count = 0;
    while (rest.len > 0 && count < GROUPS_EACH)
        ret[count++] = span_split(&rest, ',');
    return count;
}

static int request(void *server, int fd, const struct connect_request *k)
{
    struct server *s = server;
    struct span groups[GROUPS_EACH];
    struct gate_refusal refusal;
    static const struct gate_head head;
    struct gate_request r = {.head = &head,
                             .peer = "127.0.0.1",
                             .encoding = (enum encoding)k->encoding,
                             .speaks_v1 = k->encoding == ENCODING_JSON};
    snprintf(r.token.user, sizeof(r.token.user), "%s", k->user);
    r.token.user_len = strlen(r.token.user);
    r.token.role = k->viewer ? ROLE_DASHBOARD : ROLE_MOBILE;
    r.token.has_groups = k->groups != NULL;
    r.token.group_count = split(k->groups, groups);
    r.token.groups = mem_array(r.token.group_count + 1, sizeof(struct span));
    r.token.text = mem_strdup(k->groups ? k->groups : "");
    for (size_t i = 0; i < r.token.group_count; i++)
        r.token.groups[i] = (struct span){r.token.text + (groups[i].data - k->groups), groups[i].len};
    r.device = span_of(k->device);
    r.has_groups = k->ask_groups != NULL;
    r.groups = span_of(k->ask_groups);
    r.has_since = k->since && *k->since;
    r.since = span_of(k->since);
    int result = server_admit(s, &r, &refusal);
    if (result == 0)
        server_upgrade(s, fd, &r, SPAN("-"), "");
    token_finish(&r.token);
    return result == 0 ? 0 : refusal.status;
}

struct ws_daemon *ws_daemon_start(struct sim_process *p, const struct simulated_settings *settings)
{
    static const struct pipe_listener_hooks hooks = {request};
    struct ws_daemon *d = mem_zalloc(sizeof(*d));
    struct sim_process *before = simulation.current;
    simulation.current = p;
    d->process = p;
    ws_configure(&d->server.config, settings);
    random_hex(d->server.node, DAEMON_NODE_ID_SIZE - 1);
    snprintf(d->server.address, sizeof(d->server.address), "%s", p->name);
    d->server.loop = loop_create();
    server_start(&d->server);
    pipe_listen(p, &hooks, &d->server);
    simulation.current = before;
    return d;
}

void ws_daemon_drain(struct ws_daemon *d)
{
    struct sim_process *before = simulation.current;
    simulation.current = d->process;
    pipe_unlisten(d->process);
    server_drain(&d->server);
    loop_run_tasks(d->server.loop);
    simulation.current = before;
}

void ws_daemon_finish(struct ws_daemon *d)
{
    struct sim_process *before = simulation.current;
    simulation.current = d->process;
    pipe_unlisten(d->process);
    handoffs_end(d->server.handoffs);
    server_stop(&d->server);
    pipe_abandon(d->process);
    loop_destroy(d->server.loop);
    d->process->loop = NULL;
    settings_finish(program.tables, program.table_count, &d->server.config);
    free(d);
    simulation.current = before;
}

const char *ws_daemon_node(const struct ws_daemon *d)
{
    return d->server.node;
}

const char *ws_daemon_unsettled(const struct ws_daemon *d)
{
    const struct redis_glue *g = &d->server.redis;
    if (!redis_glue_up(g))
        return "has no connection to Redis";
    if (!redis_subscriber_ready(g->subscriber))
        return "hears no messages";
    if (g->session_sync.audit_state != AUDIT_NONE)
        return "still looks for its sessions in the store";
    if (roster_sync_recovering(&g->roster_sync))
        return "still waits for others";
    return sessions_urgent(&g->sessions) ? "has more to say than beats" : NULL;
}

uint64_t ws_daemon_loads(const struct ws_daemon *d)
{
    return d->server.redis.roster_sync.loads;
}

bool ws_daemon_session(const void *owner, char ret_name[64])
{
    const char *node;
    const struct session *session = connection_session(owner, &node);
    if (!session)
        return false;
    snprintf(ret_name, 64, "%s/%llu", node, (unsigned long long)session->number);
    return true;
}

void ws_daemon_each(const struct ws_daemon *d, void (*look)(void *arg, const struct believed *b), void *arg)
{
    const struct session *s;
    for (size_t at = 0; (s = map_next(&d->server.redis.sessions.by_user, &at));) {
        for (; s; s = s->next) {
            struct believed b = {.user = session_user(s),
                                 .device = session_device(s),
                                 .heard_us = s->heard_ms * 1000 - 1000000};
            snprintf(b.name, sizeof(b.name), "%s/%llu", d->server.node, (unsigned long long)s->number);
            if (!s->ended)
                look(arg, &b);
        }
    }
}

struct expiryd_daemon *expiryd_daemon_start(struct sim_process *p, const struct simulated_settings *s)
{
    struct expiryd_daemon *d = mem_zalloc(sizeof(*d));
    struct sim_process *before = simulation.current;
    simulation.current = p;
    d->process = p;
    load_defaults(&expiryd_program, &d->server.config);
    set_policy(&d->server.config.policy, s);
    set_redis(&d->server.config.redis, s);
    d->server.config.sweep_interval_ms = s->sweep_interval_ms;
    random_hex(d->server.node, DAEMON_NODE_ID_SIZE - 1);
    d->server.loop = loop_create();
    expiryd_start(&d->server);
    simulation.current = before;
    return d;
}

void expiryd_daemon_leave(struct expiryd_daemon *d)
{
    struct sim_process *before = simulation.current;
    simulation.current = d->process;
    expiryd_leave(&d->server);
    simulation.current = before;
}

void expiryd_daemon_finish(struct expiryd_daemon *d)
{
    struct sim_process *before = simulation.current;
    simulation.current = d->process;
    expiryd_stop(&d->server);
    loop_destroy(d->server.loop);
    d->process->loop = NULL;
    settings_finish(expiryd_program.tables, expiryd_program.table_count, &d->server.config);
    free(d);
    simulation.current = before;
}
