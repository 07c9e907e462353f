/* SPDX-License-Identifier: MIT */
#include "looper.h"

#include "base/rng.h"
#include "installation.h"
#include "pipe.h"
#include "wire/message.h"

#include <string.h>

#define LOOPERS  20
#define PAUSE_US 200000

static struct looper {
    struct pipe *pipe;
    struct event *next;
} loopers[LOOPERS];

static struct rng rng;
static struct sim_process *home;
static bool still;

static const struct connect_request request = {.user = "mallory", .device = "", .encoding = ENCODING_MSGPACK};

static void connect_now(void *arg);

static void again(struct looper *l)
{
    l->pipe = NULL;
    l->next = still ? NULL : simulation_after((int64_t)rng_below(&rng, PAUSE_US), NULL, connect_now, l);
}

static void on_opened(void *arg)
{
    struct looper *l = arg;
    pipe_leave(l->pipe, LEAVE_CLOSE);
    again(l);
}

static void on_refused(void *arg)
{
    again(arg);
}

static void on_received(void *arg, struct span frames)
{
}

static void on_closed(void *arg, unsigned code)
{
    again(arg);
}

static void connect_now(void *arg)
{
    static const struct pipe_hooks hooks = {on_opened, on_refused, on_received, on_closed};
    struct looper *l = arg;
    struct sim_process *server = installation_random_server(&rng);
    l->next = NULL;
    if (server)
        l->pipe = pipe_connect(home, server, &request, &hooks, l);
    else
        again(l);
}

void loopers_begin(uint64_t seed, struct sim_process *host)
{
    memset(loopers, 0, sizeof(loopers));
    rng_init(&rng, seed ^ 0x4c4f4f50);
    home = host;
    still = false;
    for (size_t i = 0; i < LOOPERS; i++)
        again(&loopers[i]);
}

void loopers_stand_still(void)
{
    still = true;
    for (size_t i = 0; i < LOOPERS; i++) {
        simulation_cancel(loopers[i].next);
        loopers[i].next = NULL;
    }
}

void loopers_end(void)
{
    loopers_stand_still();
    for (size_t i = 0; i < LOOPERS; i++)
        if (loopers[i].pipe)
            pipe_leave(loopers[i].pipe, LEAVE_DEAD);
    memset(loopers, 0, sizeof(loopers));
}
