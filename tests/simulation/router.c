/* SPDX-License-Identifier: MIT */
#include "router.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/rng.h"
#include "daemons.h"
#include "invariants.h"
#include "relay/relay.h"
#include "relay/upstream.h"
#include "relay/upstream_request.h"

#include <stdlib.h>

#define PAUSE_US  15000000
#define ANSWER_US 5000
#define LASTS_US  10000000
#define SOCKET    (1 << 20) /* none of the kernel's: closing it does nothing */
#define KEEPS_US  2000

static struct {
    struct rng rng;
    bool dead, refuses, slow, still;
    struct list relays; /* of all servers */
} router;

struct upstreams {
    struct sim_process *process;
    int64_t timeout_ms;
};

struct upstream_call {
    struct upstreams *of;
    struct event *event;
    void (*answered)(void *arg, const struct upstream_answer *answer);
    void *arg;
    bool late;
};

struct relays {
    struct sim_process *process;
    struct relay_hooks hooks;
    struct relay_counts counts;
};

struct relay {
    struct list link;
    struct relays *of;
    void *owner;
    struct event *event; /* its end */
    unsigned code;       /* of the router's close frame; 0: without one */
};

static int64_t below(int64_t bound)
{
    return (int64_t)rng_below(&router.rng, (uint64_t)bound);
}

struct upstreams *upstreams_create(struct loop *loop, const char *list, int64_t timeout_ms)
{
    struct upstreams *us = mem_zalloc(sizeof(*us));
    us->process = loop_process(loop);
    us->timeout_ms = timeout_ms;
    return us;
}

void upstreams_destroy(struct upstreams *us)
{
    free(us);
}

void upstream_cancel(struct upstream_call *call)
{
    simulation_cancel(call->event);
    free(call);
}

static void on_answer(void *arg)
{
    struct upstream_call *call = arg;
    struct upstream_answer answer = {.outcome = UPSTREAM_ACCEPTED,
                                     .address = "ws://router",
                                     .fd = SOCKET,
                                     .protocol = SPAN_NONE,
                                     .early = SPAN_NONE,
                                     .why = "it is away"};
    if (router.dead || call->late) {
        answer.outcome = router.dead ? UPSTREAM_UNREACHABLE : UPSTREAM_LATE;
        answer.fd = -1;
    } else if (router.refuses) {
        answer.outcome = UPSTREAM_REFUSED;
        answer.fd = -1;
        answer.status = 503;
    }
    call->event = NULL;
    call->answered(call->arg, &answer);
    free(call);
}

struct upstream_call *upstream_ask(struct upstreams *us, struct span user, struct span request,
                                   struct span key,
                                   void (*answered)(void *arg, const struct upstream_answer *answer),
                                   void *arg)
{
    struct upstream_call *call = mem_zalloc(sizeof(*call));
    int64_t takes_us = below(router.slow ? 2 * us->timeout_ms * 1000 : ANSWER_US);
    call->of = us;
    call->answered = answered;
    call->arg = arg;
    call->late = takes_us > us->timeout_ms * 1000;
    call->event =
        simulation_after(call->late ? us->timeout_ms * 1000 : takes_us, us->process, on_answer, call);
    return call;
}

/* There is no request that it could be made of. */
void upstream_request_write(const struct gate_head *head, const char *via, struct bytes *out)
{
}

struct relays *relays_create(struct loop *loop, const struct relay_limits *limits,
                             const struct relay_hooks *hooks)
{
    struct relays *rs = mem_zalloc(sizeof(*rs));
    rs->process = loop_process(loop);
    rs->hooks = *hooks;
    return rs;
}

static void relay_free(struct relay *r)
{
    list_remove(&r->link);
    simulation_cancel(r->event);
    r->of->counts.open--;
    free(r);
}

void relays_destroy(struct relays *rs)
{
    struct list *next;
    if (!rs)
        return;
    for (struct list *at = router.relays.next; at != &router.relays; at = next) {
        struct relay *r = list_entry(at, struct relay, link);
        next = at->next;
        if (r->of == rs)
            relay_free(r);
    }
    free(rs);
}

const struct relay_counts *relays_counts(const struct relays *rs)
{
    return &rs->counts;
}

static void on_over(void *arg)
{
    struct relay *r = arg;
    struct relay_hooks hooks = r->of->hooks;
    void *owner = r->owner;
    const char payload[] = {(char)(r->code >> 8), (char)r->code};
    unsigned code = r->code;
    char session[64];
    r->event = NULL;
    relay_free(r);
    if (code < 4000 && code != 1000 && ws_daemon_session(owner, session))
        invariants_kept(session);
    if (code)
        hooks.closed(owner, (struct span){payload, sizeof(payload)});
    else
        hooks.lost(owner, "the router is away");
}

static void end_relay(struct relay *r, unsigned code)
{
    if (r->event)
        return;
    r->code = code;
    r->event = simulation_after(below(KEEPS_US), r->of->process, on_over, r);
}

struct relay *relay_create(struct relays *rs, int fd, struct span early, void *owner)
{
    struct relay *r = mem_zalloc(sizeof(*r));
    r->of = rs;
    r->owner = owner;
    list_append(&router.relays, &r->link);
    rs->counts.open++;
    if (router.dead)
        end_relay(r, 0);
    return r;
}

bool relay_send(struct relay *r, bool binary, struct span piece, uint64_t remaining, bool final)
{
    return true;
}

void relay_resume(struct relay *r)
{
}

bool relay_in_message(const struct relay *r)
{
    return false;
}

int64_t relay_check_due(const struct relay *r)
{
    return INT64_MAX;
}

void relay_check(struct relay *r, int64_t now_ms)
{
}

void relay_close(struct relay *r, struct span payload)
{
    relay_free(r);
}

void relay_end(struct relay *r)
{
    relay_free(r);
}

static void on_back(void *arg)
{
    router.dead = router.refuses = router.slow = false;
}

static void end_each(unsigned code, int per_mille)
{
    for (struct list *at = router.relays.next; at != &router.relays; at = at->next)
        if (below(1000) < per_mille)
            end_relay(list_entry(at, struct relay, link), code);
}

static void on_fault(void *arg)
{
    static const unsigned codes[] = {1000, 1001, 1012, 4000, 4409};
    int64_t dice = below(4);
    if (router.still)
        return;
    if (dice == 0) {
        simulation_trace("FAULT: the router dies");
        router.dead = true;
        end_each(0, 1000);
    } else if (dice == 1) {
        router.refuses = true;
    } else if (dice == 2) {
        router.slow = true;
    } else {
        end_each(codes[below(sizeof(codes) / sizeof(codes[0]))], 200);
    }
    simulation_after(below(LASTS_US), NULL, on_back, NULL);
    simulation_after(below(2 * PAUSE_US), NULL, on_fault, NULL);
}

void router_begin(uint64_t seed)
{
    router.dead = router.refuses = router.slow = router.still = false;
    rng_init(&router.rng, seed ^ 0x524f55544552);
    list_init(&router.relays);
    simulation_after(PAUSE_US, NULL, on_fault, NULL);
}

void router_stand_still(void)
{
    router.still = true;
    on_back(NULL);
}
