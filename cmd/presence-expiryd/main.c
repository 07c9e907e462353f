/* SPDX-License-Identifier: MIT */
/* presence-expiryd as a process: what lib/net/daemon.h needs of it. */
#include "base/log.h"
#include "counters.h"
#include "server.h"

#include <string.h>

#define HEAD_TIMEOUT_MS 10000
#define PENDING_MAX     64

static void on_settings(const void *config, struct daemon_settings *ret)
{
    const struct expiryd_config *c = config;
    *ret = (struct daemon_settings){
        .listen = c->listen,
        .listen_name = "PRESENCE_EXPIRYD_LISTEN",
        .reuseport = c->reuseport,
        .times = {.delay_ms = c->drain_delay_ms, .drain_ms = EXPIRYD_LEAVE_MS},
        .log = &c->log,
    };
}

static int on_start(void *arg)
{
    struct expiryd *s = arg;
    struct gate_config config = {.head_timeout_ms = HEAD_TIMEOUT_MS, .pending_max = PENDING_MAX};
    static const struct gate_hooks hooks = {.serve = expiryd_health_serve};
    s->loop = s->daemon.loop;
    memcpy(s->node, s->daemon.node, sizeof(s->node));
    s->gate = gate_create(s->loop, &config, &hooks, s);
    expiryd_start(s);
    return 0;
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct expiryd *s = arg;
    gate_accept(s->gate, fd, peer);
}

static void on_drain(void *arg)
{
    struct expiryd *s = arg;
    gate_drain(s->gate);
    expiryd_leave(s);
}

static void on_hurry(void *arg)
{
    struct expiryd *s = arg;
    loop_timer_stop(s->timer); /* the loop may run on for the last answers */
    loop_stop(s->loop);
}

static void on_linger(void *arg, int64_t least_ms, int64_t most_ms)
{
    struct expiryd *s = arg;
    gate_linger(s->gate, least_ms, most_ms);
}

static void on_stop(void *arg)
{
    struct expiryd *s = arg;
    log_info("stopped");
    expiryd_stop(s);
    gate_destroy(s->gate);
}

int main(int argc, char **argv)
{
    static struct expiryd server;
    static const struct daemon_program program = {
        .info = &expiryd_program,
        .config_size = sizeof(struct expiryd_config),
        .check = expiryd_config_check,
        .settings = on_settings,
        .loop_turns = &expiryd_counters.loop_turn,
        .start = on_start,
        .accepted = on_accepted,
        .drain = on_drain,
        .hurry = on_hurry,
        .linger = on_linger,
        .stop = on_stop,
    };
    return daemon_main(&server.daemon, &program, &server.config, &server, argc, argv);
}
