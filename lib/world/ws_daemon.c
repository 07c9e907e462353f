/* presence-ws in this world: linked with the program's own objects, of which only this file is seen outside.
 */
#include "world/daemons.h"

#include "base/mem.h"
#include "presence-ws/server.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_EACH 8

struct ws_daemon {
    struct process *process;
    struct server server;
};

static void fill_config(struct config *c, const struct daemon_settings *s)
{
    *c = (struct config){
        .ping_interval_ms = s->ping_interval_ms,
        .pong_timeout_ms = s->pong_timeout_ms,
        .stuck_timeout_ms = 30000,
        .drain_timeout_ms = 10000,
        .batch_window_ms = s->batch_window_ms,
        .ring_bytes = s->ring_bytes,
        .max_connections = 100000,
        .max_byte_rate = 1 << 20,
        .policy = {.enabled = true,
                   .ttl_ms = s->ttl_ms,
                   .heartbeat_min_ms = s->heartbeat_min_ms,
                   .offline_grace_ms = s->offline_grace_ms,
                   .drain_grace_ms = s->drain_grace_ms,
                   .holdback_ms = s->holdback_ms,
                   .repair_interval_ms = s->repair_interval_ms,
                   .log_max = s->log_max,
                   .prefix = "presence:",
                   .group_key = "g.{group}.u"},
        .redis = {.unix_path = "/redis.sock", .timeout_ms = s->redis_timeout_ms},
    };
}

static size_t split(const char *list, struct span *ret)
{
    struct span rest = span_of(list);
    size_t count = 0;
    while (rest.len > 0 && count < GROUPS_EACH)
        ret[count++] = span_split(&rest, ',');
    return count;
}

static int knock(void *server, int fd, const struct knock *k)
{
    struct server *s = server;
    struct span groups[GROUPS_EACH];
    struct gate_refusal refusal;
    struct gate_request r = {.peer = "127.0.0.1",
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
    int result = client_admit(s, &r, &refusal);
    if (result == 0)
        serving_upgrade(s, fd, &r, SPAN("-"), "");
    token_finish(&r.token);
    return result == 0 ? 0 : refusal.status;
}

struct ws_daemon *ws_daemon_start(struct process *p, const struct daemon_settings *settings)
{
    static const struct server_face face = {knock};
    struct ws_daemon *d = mem_zalloc(sizeof(*d));
    struct process *before = world.current;
    world.current = p;
    d->process = p;
    fill_config(&d->server.config, settings);
    random_hex(d->server.node, DAEMON_NODE_ID_SIZE - 1);
    snprintf(d->server.address, sizeof(d->server.address), "%s", p->name);
    d->server.loop = loop_create();
    serving_start(&d->server);
    pipe_listen(p, &face, &d->server);
    world.current = before;
    return d;
}

void ws_daemon_drain(struct ws_daemon *d)
{
    struct process *before = world.current;
    world.current = d->process;
    pipe_unlisten(d->process);
    serving_drain(&d->server);
    loop_run_tasks(d->server.loop);
    world.current = before;
}

void ws_daemon_finish(struct ws_daemon *d)
{
    struct process *before = world.current;
    world.current = d->process;
    pipe_unlisten(d->process);
    arrivals_let_in(&d->server);
    serving_stop(&d->server);
    pipe_abandon(d->process);
    loop_destroy(d->server.loop);
    d->process->loop = NULL;
    free(d);
    world.current = before;
}

const char *ws_daemon_node(const struct ws_daemon *d)
{
    return d->server.node;
}

const char *ws_daemon_unsettled(const struct ws_daemon *d)
{
    const struct server *s = &d->server;
    if (!store_up(s))
        return "has no connection to Redis";
    if (!redis_subscriber_ready(s->subscriber))
        return "hears no messages";
    if (s->asserter.audit != AUDIT_NONE)
        return "still looks for its sessions in the store";
    if (follower_recovering(&s->follower))
        return "still waits for others";
    return ledger_urgent(&s->ledger) ? "has more to say than beats" : NULL;
}

void ws_daemon_each(const struct ws_daemon *d, void (*look)(void *arg, const struct believed *b), void *arg)
{
    for (struct list *at = d->server.ledger.all.next; at != &d->server.ledger.all; at = at->next) {
        const struct session *s = list_entry(at, struct session, all);
        struct believed b = {
            .user = session_user(s), .device = session_device(s), .heard_us = s->heard_ms * 1000 - 1000000};
        snprintf(b.name, sizeof(b.name), "%s/%llu", d->server.node, (unsigned long long)s->number);
        if (!s->ended)
            look(arg, &b);
    }
}
