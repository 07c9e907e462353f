/* SPDX-License-Identifier: MIT */
#include "run.h"

#include "actors.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cost.h"
#include "crowd.h"
#include "fault.h"
#include "installation.h"
#include "invariants.h"
#include "looper.h"
#include "redis/resp.h"
#include "redis_host.h"
#include "router.h"
#include "stranger.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US 60000000LL
#define WARM_US   5000000
#define STEP_US   1000000
#define REST_US   15000000 /* the end of the calm: no server has a reason to load */

/* Runs without faults show what they have to show soon. */
#define SESSIONS_MINUTES 1
#define VIEWS_MINUTES    2
#define VIEW_GROUPS      256
#define VIEW_USERS       100
#define ASKS_US          200000

static int64_t between(int64_t least, int64_t most)
{
    return least + simulation_below(most - least + 1);
}

static void choose_settings(struct simulated_settings *s)
{
    static const int64_t ttls[] = {2000, 3000, 6000, 10000, 30000, 60000};
    s->ttl_ms = ttls[simulation_below(6)];
    int64_t bound = s->ttl_ms * 5 / 12;
    s->heartbeat_min_ms = simulation_chance(300) ? 0 : bound < 25000 ? bound : 25000;
    s->offline_grace_ms = simulation_chance(200) ? s->ttl_ms / 10 : 0;
    s->drain_grace_ms = 15000;
    s->holdback_ms = 2000;
    s->repair_interval_ms = simulation_chance(500) ? 30000 : 5000;
    s->log_max = simulation_chance(300) ? 100 : 100000;
    s->batch_window_ms = simulation_chance(300) ? 0 : 20;
    s->ring_bytes = simulation_chance(500) ? 65536 : 4 << 20;
    s->ping_interval_ms = between(5000, 45000);
    s->pong_timeout_ms = 10000;
    s->redis_timeout_ms = simulation_chance(500) ? 2000 : 500;
    s->sweep_interval_ms = s->ttl_ms / 10 < 100 ? s->ttl_ms / 10 : 100;
}

/* By random numbers of its own: the runs of the seeds that once failed stay as they were. */
static void choose_abort_grace(uint64_t seed, struct simulated_settings *s)
{
    struct rng rng;
    rng_init(&rng, seed * 2654435761);
    if (rng_below(&rng, 3) == 0)
        s->abort_grace_ms = 100 + (int64_t)rng_below(&rng, (uint64_t)s->ttl_ms);
}

static void settle_sessions(struct simulated_settings *s)
{
    s->ttl_ms = s->offline_grace_ms = 60000;
    s->abort_grace_ms = 0;
    s->heartbeat_min_ms = 25000;
    cost = (struct cost){.command_ns = 3000, .element_ns = 1000, .look_up_ns = 200, .judged = true};
}

/* A run's hundred users stand for a hundred thousand. */
static void settle_views(struct simulated_settings *s)
{
    s->ttl_ms = 6000;
    s->heartbeat_min_ms = 2500;
    s->offline_grace_ms = s->abort_grace_ms = 0;
    cost = (struct cost){.command_ns = 3000, .element_ns = 1000, .look_up_ns = 20000, .judged = true};
}

static void settle_kind(const struct run_options *o)
{
    memset(&cost, 0, sizeof(cost));
    if (o->kind == RUN_SESSIONS)
        settle_sessions(&installation.settings);
    else if (o->kind == RUN_VIEWS)
        settle_views(&installation.settings);
    else if (o->kind == RUN_CROWD)
        crowd_settle(&installation.settings, o->crowd);
    installation.expiryd_ttl_ms =
        o->kind == RUN_TTLS ? installation.settings.ttl_ms / 5 : installation.settings.ttl_ms;
}

static bool kept(const struct run_options *o, size_t entry)
{
    return entry < RUN_ENTRIES_MAX && !o->left_out[entry];
}

static void make_phones(const struct run_options *o, size_t *entry)
{
    static const char *const groups[] = {NULL, NULL, "red", "blue", "red,blue"};
    size_t users = (size_t)between(20, 100);
    if (o->kind == RUN_VIEWS)
        users = VIEW_USERS;
    actors.phone_count = users + users / 3;
    actors.phones = mem_array(actors.phone_count, sizeof(struct sim_phone *));
    for (size_t i = 0; i < actors.phone_count; i++) {
        char user[32], device[32];
        snprintf(user, sizeof(user), "user%zu", i % users);
        snprintf(device, sizeof(device), "device%zu", simulation_chance(300) ? (size_t)0 : i / users);
        struct sim_phone *p = sim_phone_create(
            user, device, groups[simulation_below(5)], o->seed * 1000003 + i, installation.settings.ttl_ms,
            actors.hosts[i % CLIENT_HOSTS], simulation_chance(500) ? ENCODING_MSGPACK : ENCODING_JSON);
        actors.phones[i] = p;
        if (!kept(o, (*entry)++))
            continue;
        if (o->kind == RUN_VIEWS && i < users)
            sim_phone_stay(p, installation.settings.ttl_ms * 1000);
        else
            sim_phone_begin(p);
    }
}

/* Many that have no members, and two that have. */
static void write_many_groups(struct bytes *out)
{
    for (int i = 2; i < VIEW_GROUPS; i++)
        bytes_printf(out, "group%d,", i);
    bytes_append_text(out, "red,blue");
}

static void make_viewers(const struct run_options *o, struct oracle *truth, size_t *entry)
{
    static const char *const groups[] = {NULL, NULL, "red", "blue"};
    bytes_auto many = BYTES_INIT;
    write_many_groups(&many);
    actors.viewer_count = (size_t)between(4, 12);
    for (size_t i = 0; i < actors.viewer_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "viewer%zu", i);
        struct viewer_config config = {.name = name,
                                       .groups = groups[simulation_below(4)],
                                       .encoding = simulation_chance(500) ? ENCODING_MSGPACK : ENCODING_JSON,
                                       .batch = simulation_chance(300),
                                       .resumes = simulation_chance(500),
                                       .slow = simulation_chance(300),
                                       .seed = o->seed * 7368787 + i};
        if (o->kind == RUN_VIEWS && i % 2) {
            config.groups = bytes_text(&many);
            config.asks_us = ASKS_US;
        }
        actors.viewers[i] = viewer_create(&config, truth, actors.hosts[i % CLIENT_HOSTS]);
        if (kept(o, (*entry)++))
            viewer_begin_life(actors.viewers[i]);
        else
            actors.viewer_absent[i] = true;
    }
}

/* In one run of three some daemons, or all, have a Redis user without INFO. The choice has numbers of its
 * own, so that those of the run are the same with and without. */
static void choose_permissions(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed ^ 0x494e464f);
    uint64_t denied = rng_below(&rng, 3) == 0 ? 1 + rng_below(&rng, 4) : 0;
    invariants.info_denied = denied > 0;
    for (size_t i = 0; i < SERVERS_MAX; i++)
        installation.servers[i].no_info = rng_below(&rng, 4) < denied;
    for (size_t i = 0; i < EXPIRYDS_MAX; i++)
        installation.expiryds[i].no_info = rng_below(&rng, 4) < denied;
}

static void begin_actors(uint64_t seed)
{
    redis_host_start(NULL);
    choose_permissions(seed);
    actors_begin();
    installation.server_count = (size_t)between(1, SERVERS_MAX);
    installation.expiryd_count = (size_t)between(1, EXPIRYDS_MAX);
    for (size_t i = 0; i < installation.server_count; i++)
        installation_start_server(i);
    for (size_t i = 0; i < installation.expiryd_count; i++)
        installation_start_expiryd(i);
}

static void end_actors(void)
{
    loopers_end();
    actors_end();
    for (size_t i = 0; i < installation.server_count; i++)
        installation_kill_server(i);
    for (size_t i = 0; i < installation.expiryd_count; i++)
        installation_kill_expiryd(i);
    redis_connections_reset(1000);
}

/* A set's members come and go by themselves. */
static void change_sets(void *arg)
{
    bytes_auto command = BYTES_INIT;
    char user[24];
    snprintf(user, sizeof(user), "user%d", (int)simulation_below(60));
    resp_command(&command, simulation_chance(500) ? "SADD" : "SREM",
                 simulation_chance(500) ? "g.red.u" : "g.blue.u", user, NULL);
    if (!simulation.still && redis_host.process)
        redis_host_ask(bytes_span(&command));
    simulation_after(simulation_below(20000000), NULL, change_sets, NULL);
}

static bool answer_is(struct span answer, const char *text)
{
    return span_equal(answer, span_of(text));
}

static bool in_group(struct span user, struct span group)
{
    char key[200], set[64], quoted[64];
    bytes_auto command = BYTES_INIT;
    snprintf(key, sizeof(key), "presence:meta:%.*s", (int)user.len, user.data);
    snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)group.len, group.data);
    resp_command(&command, "HGET", key, "groups", NULL);
    if (strstr(redis_host_ask(bytes_span(&command)).data, quoted))
        return true;
    snprintf(set, sizeof(set), "g.%.*s.u", (int)group.len, group.data);
    bytes_reset(&command);
    resp_command(&command, "SMEMBERS", set, NULL);
    snprintf(key, sizeof(key), "\r\n%.*s\r\n", (int)user.len, user.data);
    return strstr(redis_host_ask(bytes_span(&command)).data, key) != NULL;
}

/* Of everyone's, without groups. */
static bool in_any(struct span user, const char *groups)
{
    struct span rest = span_of(groups);
    bool in = !groups;
    while (!in && rest.len > 0)
        in = in_group(user, span_split(&rest, ','));
    return in;
}

static void invariants_view(const struct viewer *v)
{
    const char *groups = viewer_groups(v);
    struct span user;
    size_t at = 0;
    if (!viewer_has_view(v)) {
        simulation_fail("viewer %s has no view at the end", viewer_name(v));
        return;
    }
    while (invariants_next(&at, &user))
        if (in_any(user, groups) && !viewer_shows(v, user))
            simulation_fail("viewer %s misses %.*s at the end", viewer_name(v), (int)user.len, user.data);
    at = 0;
    while (viewer_next_online(v, &at, &user))
        if (!invariants_stored(user) || !in_any(user, groups))
            simulation_fail("viewer %s shows %.*s at the end", viewer_name(v), (int)user.len, user.data);
}

static bool lives(struct span user)
{
    for (size_t i = 0; i < actors.phone_count; i++)
        if (sim_phone_lives(actors.phones[i]) && span_equal(span_of(sim_phone_user(actors.phones[i])), user))
            return true;
    return false;
}

/* By a key that no session explains: adopted until its TTL, which a clock that was set back may have put far
 * ahead. */
static bool adopted(struct span user)
{
    char key[200];
    bytes_auto command = BYTES_INIT;
    snprintf(key, sizeof(key), "presence:sessions:%.*s", (int)user.len, user.data);
    resp_command(&command, "HEXISTS", key, "external/0", NULL);
    return answer_is(redis_host_ask(bytes_span(&command)), ":1\r\n");
}

/* All phones of a crowd live, and are too many to look for each one among them. */
static bool is_crowd_whole(void)
{
    return invariants.nobody_leaves && invariants_stored_count() == actors.phone_count;
}

static void invariants_end_state(void)
{
    struct span user;
    size_t at = 0;
    bool whole = is_crowd_whole();
    for (size_t i = 0; i < actors.phone_count; i++)
        if (sim_phone_lives(actors.phones[i]) &&
            !invariants_stored(span_of(sim_phone_user(actors.phones[i]))) &&
            !stranger_bars(span_of(sim_phone_user(actors.phones[i]))))
            simulation_fail("%s is offline in the store, and its phone lives",
                            sim_phone_user(actors.phones[i]));
    while (invariants_next(&at, &user)) {
        if (!whole && !lives(user) && !adopted(user) && !stranger_made_up(user))
            simulation_fail("%.*s is online in the store, and no phone of it lives", (int)user.len,
                            user.data);
        if (!stranger_bars(user))
            invariants_copies(user);
    }
    for (size_t i = 0; i < actors.viewer_count; i++)
        if (!actors.viewer_absent[i])
            invariants_view(actors.viewers[i]);
    for (size_t i = 0; i < installation.server_count; i++)
        if (!installation.servers[i].ws || ws_daemon_unsettled(installation.servers[i].ws))
            simulation_fail("server%zu %s at the end", i,
                            installation.servers[i].ws ? ws_daemon_unsettled(installation.servers[i].ws)
                                                       : "is away");
    bytes_auto command = BYTES_INIT;
    resp_command(&command, "ZCARD", "presence:due", NULL);
    char count[32];
    snprintf(count, sizeof(count), ":%zu\r\n", invariants_stored_count());
    if (!answer_is(redis_host_ask(bytes_span(&command)), count))
        simulation_fail("the index does not hold who is online");
}

static void run_active(int64_t until_us)
{
    while (simulation.now_us < until_us && !simulation.failed)
        simulation_run(simulation.now_us + STEP_US < until_us ? simulation.now_us + STEP_US : until_us);
}

static uint64_t loads(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < installation.server_count; i++)
        count += installation.servers[i].ws ? ws_daemon_loads(installation.servers[i].ws) : 0;
    return count;
}

static void rest(void)
{
    uint64_t before = loads();
    run_active(simulation.now_us + REST_US);
    if (loads() != before)
        simulation_fail("servers load the roster %llu times while all stands still",
                        (unsigned long long)(loads() - before));
}

static void stand_still(void)
{
    simulation.still = true;
    faults_mend_all();
    loopers_stand_still();
    router_stand_still();
    actors_stand_still();
    simulation_trace("everybody stands still");
    run_active(simulation.now_us + 2 * installation.settings.ttl_ms * 1000 +
               2 * installation.settings.ping_interval_ms * 1000 + INVARIANTS_CALM_US - REST_US);
    rest();
}

static int64_t minutes_of(const struct run_options *o)
{
    int64_t most = o->kind == RUN_SESSIONS ? SESSIONS_MINUTES
                   : o->kind == RUN_VIEWS  ? VIEWS_MINUTES
                                           : INT64_MAX;
    return o->minutes < most ? o->minutes : most;
}

static void run_with_faults(const struct run_options *o, struct oracle *truth, struct run_result *ret)
{
    int64_t active_us = minutes_of(o) * MINUTE_US;
    size_t entry = 0;
    ret->faults = faults_plan(kind_has_faults(o->kind) ? active_us : 0, o->left_out, &entry);
    make_phones(o, &entry);
    make_viewers(o, truth, &entry);
    ret->entries = entry;
    simulation_after(STEP_US, NULL, change_sets, NULL);
    if (o->kind == RUN_STRANGER)
        stranger_begin(o->seed);
    if (o->kind == RUN_SESSIONS)
        loopers_begin(o->seed, actors.hosts[0]);
    run_active(active_us + WARM_US);
    stand_still();
    stranger_check();
}

void run_seed(const struct run_options *o, struct run_result *ret)
{
    struct oracle truth;
    const struct oracle_rules rules = {0};
    memset(ret, 0, sizeof(*ret));
    memset(&installation, 0, sizeof(installation));
    memset(&actors, 0, sizeof(actors));
    simulation_begin(o->seed);
    simulation.tracing = o->trace;
    oracle_init(&truth, &rules);
    choose_settings(&installation.settings);
    choose_abort_grace(o->seed, &installation.settings);
    redis_host_begin();
    settle_kind(o);
    installation.settings.router = o->kind == RUN_ROUTER;
    if (installation.settings.router)
        router_begin(o->seed);
    invariants_begin(&installation.settings);
    begin_actors(o->seed);
    if (o->kind == RUN_CROWD)
        crowd_play(o->seed, o->crowd, &truth);
    else
        run_with_faults(o, &truth, ret);
    if (!simulation.failed)
        invariants_end_state();
    ret->failed = simulation.failed;
    snprintf(ret->verdict, sizeof(ret->verdict), "%s", simulation.verdict);
    ret->simulated_ms = simulation.now_us / 1000;
    ret->events = simulation.events_run;
    ret->transitions = invariants.transitions;
    ret->told = invariants.told;
    ret->epochs = invariants.epochs;
    end_actors();
    stranger_end();
    ret->trace = simulation.trace;
    simulation.trace = BYTES_INIT;
    simulation_end();
    invariants_end();
    redis_host_end();
    pipe_end();
    oracle_finish(&truth);
}

void run_result_finish(struct run_result *r)
{
    bytes_finish(&r->trace);
}
