/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "actors.h"
#include "base/mem.h"
#include "cost.h"
#include "installation.h"
#include "invariants.h"
#include "redis/resp.h"
#include "redis_host.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP_US     100000
#define RAMP_US     40000000
#define COME_MAX_US 90000000
#define AWAY_US     1000000
#define LEARN_US    15000000 /* asserting takes at least so long, else the run tries nothing */
#define BACK_MAX_US 120000000
#define REST_US     10000000
#define COMMAND_NS  6000
#define ELEMENT_NS  1000

void crowd_settle(struct simulated_settings *s, size_t phones)
{
    *s = (struct simulated_settings){.ttl_ms = 60000,
                                     .heartbeat_min_ms = 25000,
                                     .drain_grace_ms = 15000,
                                     .holdback_ms = 2000,
                                     .log_max = 100000,
                                     .batch_window_ms = 20,
                                     .ring_bytes = 64 << 20,
                                     .ping_interval_ms = 45000,
                                     .pong_timeout_ms = 10000,
                                     .redis_timeout_ms = 2000,
                                     .sweep_interval_ms = 50};
    int64_t scale = phones < CROWD_STANDS_FOR ? (int64_t)(CROWD_STANDS_FOR / phones) : 1;
    cost = (struct cost){.command_ns = COMMAND_NS * scale, .element_ns = ELEMENT_NS * scale};
    redis_host.keeps_images = redis_host.active_expiry = false;
}

static void make_phones(uint64_t seed, size_t count)
{
    actors.phones = mem_array(count, sizeof(struct sim_phone *));
    actors.phone_count = count;
    for (size_t i = 0; i < count; i++) {
        char user[32];
        snprintf(user, sizeof(user), "user%zu", i);
        actors.phones[i] =
            sim_phone_create(user, "device", NULL, seed * 1000003 + i, installation.settings.ttl_ms,
                             actors.hosts[i % CLIENT_HOSTS], ENCODING_MSGPACK);
        sim_phone_stay(actors.phones[i], RAMP_US);
    }
}

static void make_viewers(uint64_t seed, struct oracle *truth)
{
    actors.viewer_count = 3;
    for (size_t i = 0; i < actors.viewer_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "viewer%zu", i);
        struct viewer_config config = {.name = name,
                                       .encoding = i % 2 ? ENCODING_JSON : ENCODING_MSGPACK,
                                       .batch = i == 0,
                                       .seed = seed * 7368787 + i};
        actors.viewers[i] = viewer_create(&config, truth, actors.hosts[i]);
        viewer_begin_life(actors.viewers[i]);
        viewer_stand_still(actors.viewers[i]);
    }
}

static size_t listed(void)
{
    bytes_auto command = BYTES_INIT;
    resp_command(&command, "ZCARD", "presence:due", NULL);
    return (size_t)strtoull(redis_host_ask(bytes_span(&command)).data + 1, NULL, 10);
}

static bool all_listed(void)
{
    return redis_host.process && listed() == actors.phone_count;
}

static bool all_settled(void)
{
    for (size_t i = 0; i < installation.server_count; i++)
        if (ws_daemon_unsettled(installation.servers[i].ws))
            return false;
    return true;
}

/* Runs until it is so; the time that took. */
static int64_t run_until(bool (*so)(void), int64_t most_us, const char *what)
{
    int64_t begun_us = simulation.now_us;
    while (!simulation.failed && !so()) {
        simulation_run(simulation.now_us + STEP_US);
        if (simulation.now_us - begun_us > most_us)
            simulation_fail("%s: not so after %lld s", what, (long long)(most_us / 1000000));
    }
    return simulation.now_us - begun_us;
}

static void on_back(void *arg)
{
    redis_host_start(NULL);
    invariants_data_changed();
}

/* FLUSHALL, or a process that comes back with nothing. */
static void lose_data(uint64_t seed)
{
    invariants.nobody_leaves = true;
    if (seed % 2) {
        redis_model_load(redis_host.model, NULL, NULL);
        invariants_data_changed();
    } else {
        redis_host_kill();
        simulation_after(AWAY_US, NULL, on_back, NULL);
        simulation_run(simulation.now_us + AWAY_US);
    }
}

void crowd_play(uint64_t seed, size_t phones, struct oracle *truth)
{
    make_phones(seed, phones);
    make_viewers(seed, truth);
    run_until(all_listed, COME_MAX_US, "all phones stand in the store");
    simulation_run(simulation.now_us + REST_US);
    lose_data(seed);
    int64_t us = run_until(all_listed, BACK_MAX_US, "all phones stand in the store again");
    simulation_trace("all stand in the store again after %.1f s", (double)us / 1e6);
    if (us < LEARN_US)
        simulation_fail("the servers assert for %.1f s only", (double)us / 1e6);
    run_until(all_settled, BACK_MAX_US, "all servers are settled");
    simulation_run(simulation.now_us + REST_US);
}
