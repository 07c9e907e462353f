#include "world/play.h"

#include "base/mem.h"
#include "store/resp.h"
#include "wire/message.h"
#include "world/cast.h"
#include "world/fault.h"
#include "world/judge.h"
#include "world/redis_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US  60000000LL
#define WARM_US    5000000
#define STEP_US    1000000
#define PROBLEM_US 10000000 /* how long to wait for a view when all stands still */

struct cast cast;

static int64_t between(int64_t least, int64_t most)
{
    return least + world_below(most - least + 1);
}

static void choose_settings(struct daemon_settings *s)
{
    static const int64_t ttls[] = {2000, 3000, 6000, 10000, 30000, 60000};
    s->ttl_ms = ttls[world_below(6)];
    int64_t bound = s->ttl_ms * 5 / 12;
    s->heartbeat_min_ms = world_chance(300) ? 0 : bound < 25000 ? bound : 25000;
    s->offline_grace_ms = world_chance(200) ? s->ttl_ms / 10 : 0;
    s->drain_grace_ms = 15000;
    s->holdback_ms = 2000;
    s->repair_interval_ms = world_chance(500) ? 30000 : 5000;
    s->log_max = world_chance(300) ? 100 : 100000;
    s->batch_window_ms = world_chance(300) ? 0 : 20;
    s->ring_bytes = world_chance(500) ? 65536 : 4 << 20;
    s->ping_interval_ms = between(5000, 45000);
    s->pong_timeout_ms = 10000;
    s->redis_timeout_ms = world_chance(500) ? 2000 : 500;
    s->sweep_interval_ms = s->ttl_ms / 10 < 100 ? s->ttl_ms / 10 : 100;
}

static bool kept(const struct play_options *o, size_t entry)
{
    return entry < PLAY_ENTRIES_MAX && !o->left_out[entry];
}

static void make_phones(const struct play_options *o, size_t *entry)
{
    static const char *const groups[] = {NULL, NULL, "red", "blue", "red,blue"};
    size_t users = (size_t)between(20, 100);
    cast.phone_count = users + users / 3;
    cast.phones = mem_array(cast.phone_count, sizeof(struct phone *));
    for (size_t i = 0; i < cast.phone_count; i++) {
        char user[32], device[32];
        snprintf(user, sizeof(user), "user%zu", i % users);
        snprintf(device, sizeof(device), "device%zu", world_chance(300) ? (size_t)0 : i / users);
        struct phone *p =
            phone_create(user, device, groups[world_below(5)], o->seed * 1000003 + i, cast.settings.ttl_ms,
                         cast.hosts[i % CLIENT_HOSTS], world_chance(500) ? ENCODING_MSGPACK : ENCODING_JSON);
        cast.phones[i] = p;
        if (kept(o, (*entry)++))
            phone_begin(p);
    }
}

static void make_viewers(const struct play_options *o, struct truth *truth, size_t *entry)
{
    static const char *const groups[] = {NULL, NULL, "red", "blue"};
    cast.viewer_count = (size_t)between(4, 12);
    for (size_t i = 0; i < cast.viewer_count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "viewer%zu", i);
        struct viewer_config config = {.name = name,
                                       .groups = groups[world_below(4)],
                                       .encoding = world_chance(500) ? ENCODING_MSGPACK : ENCODING_JSON,
                                       .batch = world_chance(300),
                                       .resumes = world_chance(500),
                                       .slow = world_chance(300),
                                       .seed = o->seed * 7368787 + i};
        cast.viewers[i] = viewer_create(&config, truth, cast.hosts[i % CLIENT_HOSTS]);
        if (kept(o, (*entry)++))
            viewer_begin_life(cast.viewers[i]);
        else
            cast.viewer_absent[i] = true;
    }
}

static void begin_cast(void)
{
    char name[24];
    redis_host_start(NULL);
    for (size_t i = 0; i < CLIENT_HOSTS; i++) {
        snprintf(name, sizeof(name), "clients%zu", i);
        cast.hosts[i] = process_start(name, between(-5000000, 5000000));
    }
    cast.server_count = (size_t)between(1, SERVERS_MAX);
    cast.expiryd_count = (size_t)between(1, EXPIRYDS_MAX);
    for (size_t i = 0; i < cast.server_count; i++)
        cast_start_server(i);
    for (size_t i = 0; i < cast.expiryd_count; i++)
        cast_start_expiryd(i);
}

static void end_cast(void)
{
    for (size_t i = 0; i < cast.phone_count; i++)
        phone_destroy(cast.phones[i]);
    for (size_t i = 0; i < cast.viewer_count; i++)
        viewer_destroy(cast.viewers[i]);
    for (size_t i = 0; i < cast.server_count; i++)
        cast_kill_server(i);
    for (size_t i = 0; i < cast.expiryd_count; i++)
        cast_kill_expiryd(i);
    redis_connections_reset(1000);
    free(cast.phones);
}

/* A set's members come and go by themselves. */
static void change_sets(void *arg)
{
    bytes_auto command = BYTES_INIT;
    char user[24];
    snprintf(user, sizeof(user), "user%d", (int)world_below(60));
    resp_command(&command, world_chance(500) ? "SADD" : "SREM", world_chance(500) ? "g.red.u" : "g.blue.u",
                 user, NULL);
    if (!cast.still && redis_host.process)
        redis_host_ask(bytes_span(&command));
    cast.sets = world_after(world_below(20000000), NULL, change_sets, NULL);
}

static bool answer_is(struct span answer, const char *text)
{
    return span_equal(answer, span_of(text));
}

static bool in_group(struct span user, const char *group)
{
    char key[200], set[64], quoted[64];
    bytes_auto command = BYTES_INIT;
    snprintf(key, sizeof(key), "presence:meta:%.*s", (int)user.len, user.data);
    snprintf(quoted, sizeof(quoted), "\"%s\"", group);
    resp_command(&command, "HGET", key, "groups", NULL);
    if (strstr(redis_host_ask(bytes_span(&command)).data, quoted))
        return true;
    snprintf(set, sizeof(set), "g.%s.u", group);
    bytes_reset(&command);
    resp_command(&command, "SMEMBERS", set, NULL);
    snprintf(key, sizeof(key), "\r\n%.*s\r\n", (int)user.len, user.data);
    return strstr(redis_host_ask(bytes_span(&command)).data, key) != NULL;
}

static void judge_view(const struct watching *v)
{
    const char *group = viewer_group(v);
    struct span user;
    size_t at = 0;
    if (!viewer_has_view(v)) {
        judge_fail("viewer %s has no view at the end", viewer_name(v));
        return;
    }
    while (judge_next(&at, &user))
        if ((!group || in_group(user, group)) && !viewer_shows(v, user))
            judge_fail("viewer %s misses %.*s at the end", viewer_name(v), (int)user.len, user.data);
    at = 0;
    while (viewer_next_online(v, &at, &user))
        if (!judge_stored(user) || (group && !in_group(user, group)))
            judge_fail("viewer %s shows %.*s at the end", viewer_name(v), (int)user.len, user.data);
}

static bool lives(struct span user)
{
    for (size_t i = 0; i < cast.phone_count; i++)
        if (phone_lives(cast.phones[i]) && span_equal(span_of(phone_user(cast.phones[i])), user))
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

static void judge_end_state(void)
{
    struct span user;
    size_t at = 0;
    for (size_t i = 0; i < cast.phone_count; i++)
        if (phone_lives(cast.phones[i]) && !judge_stored(span_of(phone_user(cast.phones[i]))))
            judge_fail("%s is offline in the store, and its phone lives", phone_user(cast.phones[i]));
    while (judge_next(&at, &user)) {
        if (!lives(user) && !adopted(user))
            judge_fail("%.*s is online in the store, and no phone of it lives", (int)user.len, user.data);
        judge_copies(user);
    }
    for (size_t i = 0; i < cast.viewer_count; i++)
        if (!cast.viewer_absent[i])
            judge_view(cast.viewers[i]);
    for (size_t i = 0; i < cast.server_count; i++)
        if (!cast.servers[i].ws || ws_daemon_unsettled(cast.servers[i].ws))
            judge_fail("server%zu %s at the end", i,
                       cast.servers[i].ws ? ws_daemon_unsettled(cast.servers[i].ws) : "is away");
    bytes_auto command = BYTES_INIT;
    resp_command(&command, "ZCARD", "presence:due", NULL);
    char count[32];
    snprintf(count, sizeof(count), ":%zu\r\n", judge_stored_count());
    if (!answer_is(redis_host_ask(bytes_span(&command)), count))
        judge_fail("the index does not hold who is online");
}

static void run_active(int64_t until_us)
{
    while (world.now_us < until_us && !judge.failed)
        world_run(world.now_us + STEP_US < until_us ? world.now_us + STEP_US : until_us);
}

static void stand_still(void)
{
    cast.still = true;
    faults_mend_all();
    for (size_t i = 0; i < cast.phone_count; i++)
        phone_stand_still(cast.phones[i]);
    for (size_t i = 0; i < cast.viewer_count; i++)
        viewer_stand_still(cast.viewers[i]);
    world_tell("everybody stands still");
    run_active(world.now_us + 2 * cast.settings.ttl_ms * 1000 + 2 * cast.settings.ping_interval_ms * 1000 +
               JUDGE_CALM_US);
}

void play(const struct play_options *o, struct play_result *ret)
{
    struct truth truth;
    const struct truth_rules rules = {0};
    size_t entry = 0;
    memset(ret, 0, sizeof(*ret));
    memset(&cast, 0, sizeof(cast));
    world_begin(o->seed);
    world.tracing = o->trace;
    truth_init(&truth, &rules);
    choose_settings(&cast.settings);
    redis_host_begin();
    judge_begin(cast.settings.ttl_ms, cast.settings.holdback_ms, cast.settings.redis_timeout_ms);
    begin_cast();
    ret->faults = faults_plan(o->minutes * MINUTE_US, o->left_out, &entry);
    make_phones(o, &entry);
    make_viewers(o, &truth, &entry);
    ret->entries = entry;
    cast.sets = world_after(STEP_US, NULL, change_sets, NULL);
    run_active(o->minutes * MINUTE_US + WARM_US);
    stand_still();
    if (!judge.failed)
        judge_end_state();
    ret->failed = judge.failed;
    snprintf(ret->verdict, sizeof(ret->verdict), "%s", judge.verdict);
    ret->simulated_ms = world.now_us / 1000;
    ret->events = world.events_run;
    ret->transitions = judge.transitions;
    ret->told = judge.told;
    ret->epochs = judge.epochs;
    end_cast();
    ret->story = world.trace;
    world.trace = BYTES_INIT;
    world_end();
    judge_end();
    redis_host_end();
    pipe_end();
    truth_finish(&truth);
}

void play_result_finish(struct play_result *r)
{
    bytes_finish(&r->story);
}

struct process *play_server(struct rng *rng)
{
    return cast.servers[rng_below(rng, cast.server_count)].process;
}

void play_each_believed(void (*look)(void *arg, const struct believed *b), void *arg)
{
    for (size_t i = 0; i < cast.server_count; i++)
        if (cast.servers[i].ws && world.now_us - cast.servers[i].trouble_until_us > judge.grace_us)
            ws_daemon_each(cast.servers[i].ws, look, arg);
}
