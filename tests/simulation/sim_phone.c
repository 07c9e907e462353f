/* SPDX-License-Identifier: MIT */
#include "sim_phone.h"

#include "base/mem.h"
#include "base/rng.h"
#include "cost.h"
#include "installation.h"
#include "presence-sim/client.h"

#include <stdlib.h>

#define RETRY_US     1500000
#define PER_MILLE(r) ((int)rng_below((r), 1000))

struct sim_phone {
    char *user, *device, *groups;
    struct rng rng;
    struct sim_process *host;
    int encoding;
    int64_t ttl_us;
    unsigned greetings;
    struct pipe *pipe; /* NULL: none */
    struct connect_request request;
    bool open, silent, still, wanted;
    int64_t requested_us;
    struct event *beat, *next;
};

static void connect_now(struct sim_phone *p);
static void plan_next(struct sim_phone *p);

static int64_t some(struct sim_phone *p, int64_t most_us)
{
    return (int64_t)rng_below(&p->rng, (uint64_t)most_us);
}

static void send_beat(struct sim_phone *p)
{
    bytes_auto message = BYTES_INIT;
    struct span metadata = PER_MILLE(&p->rng) < 100 ? SPAN("{\"battery\":50}") : SPAN_NONE;
    client_write_heartbeat((enum encoding)p->encoding, span_of(p->user), simulation_wall_ms(p->host),
                           metadata, &message);
    pipe_send(p->pipe, p->encoding == ENCODING_MSGPACK, bytes_span(&message));
}

static void on_beat(void *arg)
{
    struct sim_phone *p = arg;
    int64_t pause_us = PER_MILLE(&p->rng) < 50 ? some(p, p->ttl_us / 2) : p->ttl_us / 2;
    if (p->open && !p->silent)
        send_beat(p);
    p->beat = simulation_after(pause_us, NULL, on_beat, p);
}

static void lost(struct sim_phone *p)
{
    p->pipe = NULL;
    p->open = false;
}

static void on_retry(void *arg)
{
    struct sim_phone *p = arg;
    p->next = NULL;
    if (p->wanted && !p->pipe)
        connect_now(p);
    plan_next(p);
}

static void retry(struct sim_phone *p)
{
    if (!p->wanted)
        return;
    simulation_cancel(p->next);
    p->next = simulation_after(50000 + some(p, RETRY_US), NULL, on_retry, p);
}

/* As the phone SDK greets when its socket opens, and ends a talk: none of presence's. */
static void greet(struct sim_phone *p)
{
    static const struct span greetings[][2] = {
        {SPAN("\x93\x00\x04\xa1u"), SPAN("[0,4,\"u\"]")},
        {SPAN("\x94\x01\x02\xa1u\xa1\x30"), SPAN("\xef\xbb\xbf[1,2,\"u\",\"0\"]")},
    };
    bool binary = p->encoding == ENCODING_MSGPACK;
    pipe_send(p->pipe, binary, greetings[p->greetings++ % 2][binary ? 0 : 1]);
}

static void on_opened(void *arg)
{
    struct sim_phone *p = arg;
    p->open = true;
    p->silent = false;
    cost_check_wait(p->user, simulation.now_us - p->requested_us);
    greet(p);
}

static void on_refused(void *arg)
{
    struct sim_phone *p = arg;
    lost(p);
    retry(p);
}

static void on_received(void *arg, struct span frames)
{
}

static void on_closed(void *arg, unsigned code)
{
    struct sim_phone *p = arg;
    simulation_trace("phone %s/%s is closed with %u", p->user, p->device, code);
    if (code == 1003 || code == 1007 || code == 1008 || code == 1009)
        simulation_fail("phone %s/%s keeps the rules, and is closed with %u", p->user, p->device, code);
    lost(p);
    retry(p);
}

static void connect_now(struct sim_phone *p)
{
    static const struct pipe_hooks hooks = {on_opened, on_refused, on_received, on_closed};
    struct sim_process *server = installation_random_server(&p->rng);
    if (!server) {
        retry(p);
        return;
    }
    p->request = (struct connect_request){
        .user = p->user, .device = p->device, .encoding = p->encoding, .groups = p->groups};
    simulation_trace("phone %s/%s connects to %s", p->user, p->device, server->name);
    p->requested_us = simulation.now_us;
    p->pipe = pipe_connect(p->host, server, &p->request, &hooks, p);
}

static void leave(struct sim_phone *p, enum leaving how)
{
    static const char *const words[] = {"closes", "is killed", "vanishes"};
    if (!p->pipe)
        return;
    simulation_trace("phone %s/%s %s", p->user, p->device, words[how]);
    pipe_leave(p->pipe, how);
    lost(p);
}

static void come(struct sim_phone *p)
{
    p->wanted = true;
    connect_now(p);
}

static void roam(struct sim_phone *p)
{
    simulation_trace("phone %s/%s roams", p->user, p->device);
    leave(p, PER_MILLE(&p->rng) < 700 ? LEAVE_DEAD : LEAVE_DROP);
    connect_now(p);
}

static void decide(struct sim_phone *p)
{
    int dice = PER_MILLE(&p->rng);
    if (!p->wanted)
        come(p);
    else if (!p->open || dice < 350)
        ; /* goes on */
    else if (dice < 500)
        roam(p);
    else if (dice < 650)
        p->silent = !p->silent;
    else {
        p->wanted = false;
        leave(p, dice < 780 ? LEAVE_CLOSE : dice < 900 ? LEAVE_DROP : LEAVE_DEAD);
    }
}

static void on_next(void *arg)
{
    struct sim_phone *p = arg;
    p->next = NULL;
    if (p->still)
        return;
    decide(p);
    plan_next(p);
}

/* Often about the time of its deadline. */
static void plan_next(struct sim_phone *p)
{
    int64_t pause_us =
        PER_MILLE(&p->rng) < 200 ? p->ttl_us - 200000 + some(p, 400000) : some(p, 4 * p->ttl_us);
    if (!p->still && !p->next)
        p->next = simulation_after(pause_us, NULL, on_next, p);
}

struct sim_phone *sim_phone_create(const char *user, const char *device, const char *groups, uint64_t seed,
                                   int64_t ttl_ms, struct sim_process *host, int encoding)
{
    struct sim_phone *p = mem_zalloc(sizeof(*p));
    p->user = mem_strdup(user);
    p->device = mem_strdup(device);
    p->groups = groups ? mem_strdup(groups) : NULL;
    p->ttl_us = ttl_ms * 1000;
    p->host = host;
    p->encoding = encoding;
    rng_init(&p->rng, seed);
    return p;
}

void sim_phone_begin(struct sim_phone *p)
{
    p->beat = simulation_after(some(p, p->ttl_us / 2), NULL, on_beat, p);
    p->next = simulation_after(some(p, 2 * p->ttl_us), NULL, on_next, p);
}

void sim_phone_stay(struct sim_phone *p, int64_t within_us)
{
    p->still = p->wanted = true;
    p->beat = simulation_after(some(p, p->ttl_us / 2), NULL, on_beat, p);
    p->next = simulation_after(some(p, within_us), NULL, on_retry, p);
}

void sim_phone_stand_still(struct sim_phone *p)
{
    p->still = true;
    if (p->silent) { /* it ends so, and is gone when all is judged */
        p->wanted = false;
        leave(p, LEAVE_DEAD);
    }
}

void sim_phone_destroy(struct sim_phone *p)
{
    simulation_cancel(p->beat);
    simulation_cancel(p->next);
    if (p->pipe)
        pipe_leave(p->pipe, LEAVE_DEAD);
    free(p->user);
    free(p->device);
    free(p->groups);
    free(p);
}

const char *sim_phone_user(const struct sim_phone *p)
{
    return p->user;
}

bool sim_phone_lives(const struct sim_phone *p)
{
    return p->open && !p->silent;
}
