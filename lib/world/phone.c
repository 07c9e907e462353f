#include "world/phone.h"

#include "base/mem.h"
#include "wire/client.h"

#include <stdlib.h>

#define RETRY_US     1500000
#define PER_MILLE(r) ((int)rng_below((r), 1000))

struct phone {
    char *user, *device, *groups;
    struct rng rng;
    struct process *host;
    int encoding;
    int64_t ttl_us;
    struct pipe *pipe; /* NULL: none */
    struct knock knock;
    bool open, silent, still, wanted;
    struct event *beat, *next;
};

static void connect_now(struct phone *p);
static void plan_next(struct phone *p);

static int64_t some(struct phone *p, int64_t most_us)
{
    return (int64_t)rng_below(&p->rng, (uint64_t)most_us);
}

static void send_beat(struct phone *p)
{
    bytes_auto message = BYTES_INIT;
    struct span metadata = PER_MILLE(&p->rng) < 100 ? SPAN("{\"battery\":50}") : SPAN_NONE;
    client_write_heartbeat((enum encoding)p->encoding, span_of(p->user), world_wall_ms(p->host), metadata,
                           &message);
    pipe_send(p->pipe, p->encoding == ENCODING_MSGPACK, bytes_span(&message));
}

static void on_beat(void *arg)
{
    struct phone *p = arg;
    int64_t pause_us = PER_MILLE(&p->rng) < 50 ? some(p, p->ttl_us / 2) : p->ttl_us / 2;
    if (p->open && !p->silent)
        send_beat(p);
    p->beat = world_after(pause_us, NULL, on_beat, p);
}

static void lost(struct phone *p)
{
    p->pipe = NULL;
    p->open = false;
}

static void on_retry(void *arg)
{
    struct phone *p = arg;
    p->next = NULL;
    if (p->wanted && !p->pipe)
        connect_now(p);
    plan_next(p);
}

static void retry(struct phone *p)
{
    if (!p->wanted)
        return;
    world_cancel(p->next);
    p->next = world_after(50000 + some(p, RETRY_US), NULL, on_retry, p);
}

static void on_opened(void *arg)
{
    struct phone *p = arg;
    p->open = true;
    p->silent = false;
}

static void on_refused(void *arg)
{
    struct phone *p = arg;
    lost(p);
    retry(p);
}

static void on_received(void *arg, struct span frames)
{
}

static void on_closed(void *arg, unsigned code)
{
    struct phone *p = arg;
    world_tell("phone %s/%s is closed with %u", p->user, p->device, code);
    lost(p);
    retry(p);
}

static void connect_now(struct phone *p)
{
    static const struct pipe_hooks hooks = {on_opened, on_refused, on_received, on_closed};
    struct process *server = play_server(&p->rng);
    if (!server) {
        retry(p);
        return;
    }
    p->knock =
        (struct knock){.user = p->user, .device = p->device, .encoding = p->encoding, .groups = p->groups};
    world_tell("phone %s/%s connects to %s", p->user, p->device, server->name);
    p->pipe = pipe_connect(p->host, server, &p->knock, &hooks, p);
}

static void leave(struct phone *p, enum leaving how)
{
    static const char *const words[] = {"closes", "is killed", "vanishes"};
    if (!p->pipe)
        return;
    world_tell("phone %s/%s %s", p->user, p->device, words[how]);
    pipe_leave(p->pipe, how);
    lost(p);
}

static void come(struct phone *p)
{
    p->wanted = true;
    connect_now(p);
}

static void roam(struct phone *p)
{
    world_tell("phone %s/%s roams", p->user, p->device);
    leave(p, PER_MILLE(&p->rng) < 700 ? LEAVE_DEAD : LEAVE_DROP);
    connect_now(p);
}

static void decide(struct phone *p)
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
    struct phone *p = arg;
    p->next = NULL;
    if (p->still)
        return;
    decide(p);
    plan_next(p);
}

/* Often about the time of its deadline. */
static void plan_next(struct phone *p)
{
    int64_t pause_us =
        PER_MILLE(&p->rng) < 200 ? p->ttl_us - 200000 + some(p, 400000) : some(p, 4 * p->ttl_us);
    if (!p->still && !p->next)
        p->next = world_after(pause_us, NULL, on_next, p);
}

struct phone *phone_create(const char *user, const char *device, const char *groups, uint64_t seed,
                           int64_t ttl_ms, struct process *host, int encoding)
{
    struct phone *p = mem_zalloc(sizeof(*p));
    p->user = mem_strdup(user);
    p->device = mem_strdup(device);
    p->groups = groups ? mem_strdup(groups) : NULL;
    p->ttl_us = ttl_ms * 1000;
    p->host = host;
    p->encoding = encoding;
    rng_init(&p->rng, seed);
    return p;
}

void phone_begin(struct phone *p)
{
    p->beat = world_after(some(p, p->ttl_us / 2), NULL, on_beat, p);
    p->next = world_after(some(p, 2 * p->ttl_us), NULL, on_next, p);
}

void phone_stand_still(struct phone *p)
{
    p->still = true;
    if (p->silent) { /* it ends so, and is gone when all is judged */
        p->wanted = false;
        leave(p, LEAVE_DEAD);
    }
}

void phone_destroy(struct phone *p)
{
    world_cancel(p->beat);
    world_cancel(p->next);
    if (p->pipe)
        pipe_leave(p->pipe, LEAVE_DEAD);
    free(p->user);
    free(p->device);
    free(p->groups);
    free(p);
}

const char *phone_user(const struct phone *p)
{
    return p->user;
}

bool phone_lives(const struct phone *p)
{
    return p->open && !p->silent;
}
