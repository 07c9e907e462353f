/* SPDX-License-Identifier: MIT */
#include "handoff.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MOST_MS 250

struct handoff {
    struct list link; /* in handoffs.waiting or handoffs.entered */
    struct wheel_timer timer;
    struct handoffs *of;
    struct session *session;
    int fd;
    bool kicked;                 /* meanwhile: closed once it is admitted */
    struct gate_request request; /* its texts are the handoff's own */
    struct span synthetic_request;
    char *texts[4];
};

struct handoffs {
    struct loop *loop;
    struct wheel *wheel;
    struct redis_glue *redis;
    struct connections *connections;
    struct admission *admission;
    struct list waiting, entered;
    struct loop_task *task;
};

/* The connection takes the session over. */
static void admit(struct handoff *a)
{
    struct handoffs *h = a->of;
    a->session->arriving = false;
    connections_adopt(h->connections, a->fd, &a->request, a->synthetic_request, a->texts[3], a->session,
                      a->kicked);
    wheel_stop(h->wheel, &a->timer);
    list_remove(&a->link);
    admission_release(h->admission, &a->request.place);
    token_finish(&a->request.token);
    for (size_t i = 0; i < sizeof(a->texts) / sizeof(a->texts[0]); i++)
        free(a->texts[i]);
    free(a);
}

static void on_wait_over(struct wheel_timer *timer, int64_t now_ms)
{
    admit(list_entry(timer, struct handoff, timer));
}

void handoffs_entered(void *arg, struct session *session)
{
    struct handoffs *h = arg;
    struct handoff *a = session->owner;
    list_remove(&a->link);
    list_append(&h->entered, &a->link);
    loop_task_want(h->task);
}

static void admit_entered(void *arg)
{
    struct handoffs *h = arg;
    while (!list_empty(&h->entered))
        admit(list_entry(h->entered.next, struct handoff, link));
}

void handoffs_admit_all(struct handoffs *h)
{
    admit_entered(h);
    while (!list_empty(&h->waiting))
        admit(list_entry(h->waiting.next, struct handoff, link));
}

void handoffs_kick(struct handoffs *h, struct span user, struct span device)
{
    for (struct session *at = sessions_user(&h->redis->sessions, user); at; at = at->next) {
        struct handoff *a = at->owner;
        if (a && at->arriving && (device.len == 0 || span_equal(device, session_device(at))))
            a->kicked = true;
    }
}

struct handoffs *handoffs_create(struct loop *loop, struct wheel *wheel, struct redis_glue *redis,
                                 struct connections *connections, struct admission *admission)
{
    struct handoffs *h = mem_zalloc(sizeof(*h));
    *h = (struct handoffs){
        .loop = loop, .wheel = wheel, .redis = redis, .connections = connections, .admission = admission};
    list_init(&h->waiting);
    list_init(&h->entered);
    h->task = loop_task_create(loop, admit_entered, h);
    return h;
}

void handoffs_destroy(struct handoffs *h)
{
    loop_task_destroy(h->task);
    free(h);
}

static struct span own(char **ret, struct span text)
{
    *ret = mem_strndup(text.len > 0 ? text.data : "", text.len);
    return (struct span){*ret, text.len};
}

static void wait_for_session(struct handoffs *h, int fd, struct gate_request *request,
                             struct span synthetic_request, const char *protocol)
{
    struct handoff *a = mem_zalloc(sizeof(*a));
    a->of = h;
    a->fd = fd;
    a->request = *request;
    memset(&request->token, 0, sizeof(request->token));
    memset(&request->place, 0, sizeof(request->place));
    a->request.device = own(&a->texts[0], request->device);
    a->request.peer = own(&a->texts[1], span_of(request->peer)).data;
    a->request.groups = a->request.users = a->request.since = SPAN_NONE;
    a->synthetic_request = own(&a->texts[2], synthetic_request);
    own(&a->texts[3], span_of(protocol));
    list_append(&h->waiting, &a->link);
    wheel_timer_init(&a->timer, on_wait_over);
    wheel_start(h->wheel, &a->timer, loop_now_ms(h->loop) + WAIT_MOST_MS);
    a->session = connections_open_session(h->connections, &a->request, a);
    a->session->arriving = true;
}

void handoffs_begin(struct handoffs *h, int fd, struct gate_request *request, struct span synthetic_request,
                    const char *protocol)
{
    if (request->token.role == ROLE_MOBILE && h->redis->config->policy.enabled &&
        h->redis->sessions.connected)
        wait_for_session(h, fd, request, synthetic_request, protocol);
    else
        connections_adopt(h->connections, fd, request, synthetic_request, protocol, NULL, false);
    admission_release(h->admission, &request->place); /* where nobody has taken it over */
}
