/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include "auth/token.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MESSAGE_MAX     (256u << 20) /* a snapshot of a million users */
#define TOKEN_LIFE_S    86400
#define CLOCK_AGREES_MS 20  /* one machine, as far as a HELLO can tell */
#define SPREAD          250 /* addresses of 127.n.0.1 */

static struct span person_key(const void *object)
{
    return span_of(((const struct person *)object)->id);
}

int64_t sim_now(const struct sim *sim)
{
    return clock_mono_ms();
}

int64_t sim_wall(void)
{
    return clock_wall_ms();
}

int64_t sim_server_time(const struct sim *sim)
{
    return clock_wall_ms() + sim->clock_offset_ms;
}

static void arm(struct sim *sim)
{
    int64_t next = wheel_next_ms(&sim->wheel);
    if (next == sim->tick_at_ms)
        return;
    sim->tick_at_ms = next;
    if (next == INT64_MAX)
        loop_timer_stop(sim->tick);
    else
        loop_timer_start(sim->tick, next - clock_mono_ms(), 0);
}

static void on_tick(void *arg)
{
    struct sim *sim = arg;
    sim->tick_at_ms = INT64_MAX;
    wheel_advance(&sim->wheel, clock_mono_ms());
    arm(sim);
}

void sim_start(struct sim *sim, struct wheel_timer *timer, int64_t delay_ms)
{
    int64_t due = clock_mono_ms() + (delay_ms > 0 ? delay_ms : 0);
    wheel_start(&sim->wheel, timer, due);
    if (due < sim->tick_at_ms)
        arm(sim);
}

void sim_stop(struct sim *sim, struct wheel_timer *timer)
{
    wheel_stop(&sim->wheel, timer);
}

void sim_hello(struct sim *sim, const struct client_message *hello)
{
    int64_t offset = hello->timestamp_ms - clock_wall_ms();
    sim->counters.store_losses += span_equal(hello->store, SPAN("lost"));
    if (hello->ttl_ms > 0 && hello->ttl_ms != sim->truth.rules.ttl_ms) {
        sim->truth.rules.ttl_ms = hello->ttl_ms;
        sim->truth.rules.beat_min_ms = oracle_beat_min_ms(hello->ttl_ms);
    }
    if (sim->clock_known || !hello->timestamp_ms)
        return;
    sim->clock_known = true;
    sim->clock_offset_ms = llabs(offset) <= CLOCK_AGREES_MS ? 0 : offset;
}

int sim_add_server(struct sim *sim, const char *name, const char *url, char *error, size_t size)
{
    struct ws_target target;
    if (ws_target_parse(url, &target, error, size))
        return -1;
    struct server *server = sim_server(sim, name);
    if (!server) {
        server = mem_zalloc(sizeof(*server));
        server->name = mem_strdup(name);
        sim->servers = mem_realloc(sim->servers, (sim->server_count + 1) * sizeof(struct server *));
        sim->servers[sim->server_count++] = server;
    }
    server->target = target;
    return 0;
}

struct server *sim_server(const struct sim *sim, const char *name)
{
    for (size_t i = 0; i < sim->server_count; i++)
        if (!strcmp(sim->servers[i]->name, name))
            return sim->servers[i];
    return NULL;
}

const struct sockaddr_storage *sim_source(struct sim *sim)
{
    return sim->source_count ? &sim->sources[sim->next_source++ % sim->source_count] : NULL;
}

static void add_groups(struct person *p, struct span list)
{
    while (list.len) {
        struct span group = span_split(&list, ',');
        p->groups = mem_realloc(p->groups, (p->group_count + 1) * sizeof(char *));
        p->groups[p->group_count++] = mem_strndup(group.data, group.len);
    }
}

struct person *sim_person(struct sim *sim, const char *id, const char *groups)
{
    struct person *p = map_get(&sim->people, span_of(id));
    if (!p) {
        p = mem_zalloc(sizeof(*p));
        p->id = mem_strdup(id);
        map_put(&sim->people, p);
    }
    if (!p->group_count)
        add_groups(p, span_of(groups));
    return p;
}

int sim_token(const struct sim *sim, const char *user, const char *role, const char *groups,
              struct bytes *out)
{
    if (sim->options->auth_none) {
        bytes_append_text(out, user);
        return 0;
    }
    const char *items[GROUPS_MAX];
    size_t count = 0;
    mem_auto char *copy = groups ? mem_strdup(groups) : NULL;
    char *save = NULL;
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && count < GROUPS_MAX;
         item = strtok_r(NULL, ",", &save))
        items[count++] = item;
    const struct token_claims claims = {.user = user,
                                        .role = role,
                                        .groups = items,
                                        .group_count = count,
                                        .has_groups = groups,
                                        .issued_s = clock_wall_ms() / 1000,
                                        .expires_s = clock_wall_ms() / 1000 + TOKEN_LIFE_S};
    return token_mint(sim->options->secret, &claims, out);
}

void sim_fault(struct sim *sim, const char *dashboard, enum fault fault, struct span user, uint64_t rev,
               int64_t at_ms)
{
    bool tolerated = sim->tolerated[fault];
    recorder_begin(&sim->recorder, "dashboard", dashboard, tolerated ? "tolerated" : "fault");
    recorder_text(&sim->recorder, "kind", span_of(view_checker_fault_name(fault)));
    recorder_text(&sim->recorder, "user", user);
    recorder_number(&sim->recorder, "rev", (int64_t)rev);
    recorder_number(&sim->recorder, "timestamp", at_ms);
    recorder_end(&sim->recorder);
    if (tolerated) {
        sim->counters.tolerated++;
        return;
    }
    if (sim->counters.faults[fault]++ < 20)
        fprintf(stderr, "%sfault %s: %s, %.*s at %lld, rev %llu\n", isatty(STDERR_FILENO) ? "\r\033[K" : "",
                view_checker_fault_name(fault), dashboard, (int)user.len, user.data, (long long)at_ms,
                (unsigned long long)rev);
    sim_news(sim);
}

uint64_t sim_fault_count(const struct sim *sim)
{
    uint64_t sum = 0;
    for (int i = 0; i < FAULTS; i++)
        sum += sim->counters.faults[i];
    return sum;
}

void sim_news(struct sim *sim)
{
    if (sim->hooks.news)
        sim->hooks.news(sim->hooks.arg);
}

static void on_signal(void *arg, int signum)
{
    struct sim *sim = arg;
    if (++sim->signals > 1 || !sim->hooks.interrupted)
        sim_end(sim, EXIT_NO);
    else
        sim->hooks.interrupted(sim->hooks.arg);
}

/* Thousands of connections want more descriptors than the soft limit usually grants. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int add_servers(struct sim *sim, const char *list, char *error, size_t size)
{
    struct span rest = span_of(list);
    while (rest.len) {
        struct span one = span_trim(span_split(&rest, ','));
        mem_auto char *url = mem_strndup(one.data, one.len);
        if (sim_add_server(sim, url, url, error, size))
            return -1;
    }
    return 0;
}

static int add_source(struct span text, struct sockaddr_storage **list, size_t *count)
{
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr;
    char name[INET6_ADDRSTRLEN];
    if (span_copy(text, name, sizeof(name)))
        return -1;
    if (inet_pton(AF_INET, name, &v4->sin_addr) == 1)
        addr.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, name, &v6->sin6_addr) == 1)
        addr.ss_family = AF_INET6;
    else
        return -1;
    *list = mem_realloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = addr;
    return 0;
}

/* "127.n.0.1" stands for 127.1.0.1, 127.2.0.1 …: nginx's ip_hash looks at the first three numbers. */
static int add_spread(struct span text, const char *n, struct sockaddr_storage **list, size_t *count)
{
    size_t before = (size_t)(n - text.data);
    for (int i = 1; i <= SPREAD; i++) {
        char name[INET6_ADDRSTRLEN];
        int len = snprintf(name, sizeof(name), "%.*s%d%.*s", (int)before, text.data, i,
                           (int)(text.len - before - 1), n + 1);
        if (len < 0 || (size_t)len >= sizeof(name) || add_source(span_of(name), list, count))
            return -1;
    }
    return 0;
}

/* "127.0.0.2,127.0.0.3" or "127.n.0.1": 0, or -1 for no address. NULL text: none. */
static int sources_parse(const char *text, struct sockaddr_storage **ret, size_t *ret_count)
{
    struct sockaddr_storage *list = NULL;
    struct span rest = span_of(text);
    size_t count = 0;
    while (rest.len) {
        struct span one = span_trim(span_split(&rest, ','));
        const char *n = memchr(one.data, 'n', one.len);
        if (n ? add_spread(one, n, &list, &count) : add_source(one, &list, &count)) {
            free(list);
            return -1;
        }
    }
    *ret = list;
    *ret_count = count;
    return 0;
}

static int configure(struct sim *sim, bool scenario, char *error, size_t size)
{
    const struct options *o = sim->options;
    if (!o->auth_none && !o->secret && !scenario) {
        snprintf(error, size, "SECRET_KEY is not set: tokens can't be minted (or --auth none)");
        return -1;
    }
    if (sources_parse(o->source, &sim->sources, &sim->source_count)) {
        snprintf(error, size, "--source %s: no list of addresses, and no 127.n.0.1", o->source);
        return -1;
    }
    if (!scenario && add_servers(sim, o->servers, error, size))
        return -1;
    return recorder_open(&sim->recorder, o->history, error, size);
}

static void record_begin(struct sim *sim, const char *command)
{
    recorder_begin(&sim->recorder, NULL, NULL, "begin");
    recorder_text(&sim->recorder, "program", SPAN("presence-sim"));
    recorder_text(&sim->recorder, "command", span_of(command));
    recorder_text(&sim->recorder, "version", SPAN(PRESENCE_VERSION));
    recorder_number(&sim->recorder, "seed", (int64_t)sim->seed);
    recorder_end(&sim->recorder);
}

int sim_init(struct sim *sim, const struct options *options, const char *command)
{
    const struct oracle_rules rules = {.ttl_ms = options->ttl_ms,
                                       .beat_min_ms = oracle_beat_min_ms(options->ttl_ms),
                                       .drain_grace_ms = options->drain_grace_ms,
                                       .delivery_ms = options->delivery_ms,
                                       .skew_ms = options->skew_ms};
    char error[600];
    *sim = (struct sim){.options = options, .tick_at_ms = INT64_MAX};
    sim->seed = options->seed ? (uint64_t)options->seed : random_u64() % 1000000000 + 1;
    map_init(&sim->people, person_key);
    oracle_init(&sim->truth, &rules);
    if (configure(sim, !strcmp(command, "run"), error, sizeof(error))) {
        fprintf(stderr, "presence-sim: %s\n", error);
        return EXIT_CONFIG;
    }
    raise_descriptors();
    sim->loop = loop_create();
    if (!sim->loop)
        return EXIT_INTERNAL;
    sim->pool = ws_pool_create(sim->loop, MESSAGE_MAX);
    wheel_init(&sim->wheel, clock_mono_ms());
    sim->tick = loop_timer_create(sim->loop, on_tick, sim);
    loop_on_signal(sim->loop, SIGINT, on_signal, sim);
    loop_on_signal(sim->loop, SIGTERM, on_signal, sim);
    record_begin(sim, command);
    return 0;
}

void sim_end(struct sim *sim, int exit_code)
{
    if (sim->ended)
        return;
    sim->ended = true;
    sim->exit_code = exit_code;
    loop_stop(sim->loop);
}

int sim_run(struct sim *sim)
{
    if (!sim->ended)
        loop_run(sim->loop);
    return sim->exit_code;
}

static void free_people(struct sim *sim)
{
    struct person *p;
    size_t at = 0;
    while ((p = map_next(&sim->people, &at))) {
        for (size_t i = 0; i < p->group_count; i++)
            free(p->groups[i]);
        free(p->groups);
        free(p->id);
        free(p);
    }
    map_finish(&sim->people);
}

int sim_finish(struct sim *sim)
{
    recorder_begin(&sim->recorder, NULL, NULL, "end");
    recorder_number(&sim->recorder, "exit", sim->exit_code);
    recorder_end(&sim->recorder);
    int code = recorder_close(&sim->recorder) ? EXIT_INTERNAL : sim->exit_code;
    loop_timer_destroy(sim->tick);
    loop_destroy(sim->loop);
    ws_pool_destroy(sim->pool);
    oracle_finish(&sim->truth);
    free_people(sim);
    for (size_t i = 0; i < sim->server_count; i++) {
        free(sim->servers[i]->name);
        free(sim->servers[i]);
    }
    free(sim->servers);
    free(sim->sources);
    return code;
}
