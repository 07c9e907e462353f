/* SPDX-License-Identifier: MIT */
#include "handoff.h"

#include "base/log.h"
#include "base/log_limit.h"
#include "base/mem.h"
#include "counters.h"
#include "relay/upstream_request.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MOST_MS 250

struct handoff {
    struct list link; /* in handoffs.asking, .waiting or .entered */
    struct wheel_timer timer;
    struct handoffs *of;
    struct upstream_call *call; /* NULL: it has no upstream, or that has answered */
    struct arrival arrival;
    struct gate_request request; /* its texts are the handoff's own */
    struct bytes early;
    char *texts[7];
};

struct handoffs {
    struct handoffs_config with;
    struct upstreams *upstreams; /* NULL: clients end here */
    struct list asking;          /* their upstreams */
    struct list waiting, entered;
    struct loop_task *task;
    struct log_limit unreachable;
};

static void handoff_free(struct handoff *a)
{
    struct handoffs *h = a->of;
    wheel_stop(h->with.wheel, &a->timer);
    list_remove(&a->link);
    admission_release(h->with.admission, &a->request.place);
    token_finish(&a->request.token);
    for (size_t i = 0; i < sizeof(a->texts) / sizeof(a->texts[0]); i++)
        free(a->texts[i]);
    bytes_finish(&a->early);
    free(a);
}

/* The connection takes the session over. */
static void admit(struct handoff *a)
{
    if (a->arrival.session)
        a->arrival.session->arriving = false;
    connections_adopt(a->of->with.connections, &a->arrival);
    handoff_free(a);
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

static void refuse(struct handoff *a, const struct gate_refusal *refusal)
{
    a->of->with.hooks->refuse(a->of->with.arg, a->arrival.fd, a->request.peer, refusal);
    handoff_free(a);
}

void handoffs_end(struct handoffs *h)
{
    static const struct gate_refusal draining = {503, "draining", GATE_REASON_UNAVAILABLE, 1};
    while (!list_empty(&h->asking)) {
        struct handoff *a = list_entry(h->asking.next, struct handoff, link);
        upstream_cancel(a->call);
        refuse(a, &draining);
    }
    admit_entered(h);
    while (!list_empty(&h->waiting))
        admit(list_entry(h->waiting.next, struct handoff, link));
}

void handoffs_kick(struct handoffs *h, struct span user, struct span device)
{
    for (struct session *at = sessions_user(&h->with.redis->sessions, user); at; at = at->next) {
        struct handoff *a = at->owner;
        if (a && at->arriving && (device.len == 0 || span_equal(device, session_device(at))))
            a->arrival.kicked = true;
    }
}

static struct span own(char **ret, struct span text)
{
    if (text.len == 0)
        return SPAN("");
    *ret = mem_strndup(text.data, text.len);
    return (struct span){*ret, text.len};
}

static void own_protocol(struct handoff *a, struct span protocol)
{
    free(a->texts[3]);
    a->texts[3] = NULL;
    a->arrival.protocol = own(&a->texts[3], protocol).data;
}

/* Takes over the token and the place. */
static struct handoff *handoff_create(struct handoffs *h, const struct arrival *arrival)
{
    struct handoff *a = mem_zalloc(sizeof(*a));
    struct gate_request *request = arrival->request;
    a->of = h;
    a->arrival = *arrival;
    a->request = *request;
    memset(&request->token, 0, sizeof(request->token));
    memset(&request->place, 0, sizeof(request->place));
    a->arrival.request = &a->request;
    a->request.head = NULL;
    a->request.via = NULL;
    a->request.device = own(&a->texts[0], request->device);
    a->request.peer = own(&a->texts[1], span_of(request->peer)).data;
    a->arrival.synthetic_request = own(&a->texts[2], arrival->synthetic_request);
    own_protocol(a, span_of(arrival->protocol));
    a->request.groups = own(&a->texts[4], request->groups);
    a->request.users = own(&a->texts[5], request->users);
    a->request.since = own(&a->texts[6], request->since);
    list_init(&a->link);
    wheel_timer_init(&a->timer, on_wait_over);
    return a;
}

static bool waits_for_session(const struct handoffs *h, const struct gate_request *request)
{
    return request->token.role == ROLE_MOBILE && h->with.config->policy.enabled &&
           h->with.redis->sessions.connected;
}

static void wait_for_session(struct handoff *a)
{
    struct handoffs *h = a->of;
    list_append(&h->waiting, &a->link);
    wheel_start(h->with.wheel, &a->timer, loop_now_ms(h->with.loop) + WAIT_MOST_MS);
    a->arrival.session = connections_open_session(h->with.connections, &a->request, a);
    a->arrival.session->arriving = true;
}

static void count_outcome(enum upstream_outcome outcome)
{
    struct metric *const counted[] = {[UPSTREAM_ACCEPTED] = &counters.upstream_accepted,
                                      [UPSTREAM_REFUSED] = &counters.upstream_refused,
                                      [UPSTREAM_UNREACHABLE] = &counters.upstream_unreachable,
                                      [UPSTREAM_LATE] = &counters.upstream_late,
                                      [UPSTREAM_INVALID] = &counters.upstream_invalid};
    metric_add(counted[outcome], 1);
}

static void refuse_for_upstream(struct handoff *a, const struct upstream_answer *answer)
{
    static const struct gate_refusal refusal = {502, "The push-to-talk server can't be reached",
                                                GATE_REASON_UPSTREAM, 1};
    struct handoffs *h = a->of;
    int64_t left_out;
    if (log_limit_pass(&h->unreachable, loop_now_ms(h->with.loop), &left_out))
        log_warn("upstream_unreachable", LOG_T("upstream", answer->address), LOG_T("why", answer->why),
                 LOG_N("left_out", left_out), LOG_T("hint", "clients get 502 (PRESENCE_UPSTREAM)"));
    refuse(a, &refusal);
}

static void pass_refusal(struct handoff *a, const struct upstream_answer *answer)
{
    log_debug("upstream_refused", LOG_T("upstream", answer->address), LOG_N("status", answer->status),
              LOG_T("peer", a->request.peer));
    a->of->with.hooks->pass_refusal(a->of->with.arg, a->arrival.fd, a->request.peer, answer->status,
                                    answer->refusal);
    handoff_free(a);
}

static void upstream_accepted(struct handoff *a, const struct upstream_answer *answer)
{
    list_remove(&a->link);
    a->arrival.upstream = answer->fd;
    bytes_append_span(&a->early, answer->early);
    a->arrival.early = bytes_span(&a->early);
    own_protocol(a, answer->protocol);
    if (waits_for_session(a->of, &a->request))
        wait_for_session(a);
    else
        admit(a);
}

static void on_answered(void *arg, const struct upstream_answer *answer)
{
    struct handoff *a = arg;
    a->call = NULL;
    count_outcome(answer->outcome);
    if (answer->outcome == UPSTREAM_ACCEPTED)
        upstream_accepted(a, answer);
    else if (answer->outcome == UPSTREAM_REFUSED)
        pass_refusal(a, answer);
    else
        refuse_for_upstream(a, answer);
}

static void ask_upstream(struct handoffs *h, const struct arrival *arrival)
{
    bytes_auto request = BYTES_INIT;
    struct span key = gate_head_get(arrival->request->head, "sec-websocket-key");
    upstream_request_write(arrival->request->head, arrival->request->via, &request);
    struct handoff *a = handoff_create(h, arrival);
    list_append(&h->asking, &a->link);
    a->call = upstream_ask(h->upstreams, (struct span){a->request.token.user, a->request.token.user_len},
                           bytes_span(&request), key, on_answered, a);
}

void handoffs_begin(struct handoffs *h, const struct arrival *arrival)
{
    struct arrival at_once = *arrival;
    if (h->upstreams && config_has_upstream(h->with.config, arrival->request->token.role))
        ask_upstream(h, arrival);
    else if (waits_for_session(h, arrival->request))
        wait_for_session(handoff_create(h, arrival));
    else
        connections_adopt(h->with.connections, &at_once);
    admission_release(h->with.admission, &arrival->request->place); /* where nobody has taken it over */
}

struct handoffs *handoffs_create(const struct handoffs_config *config)
{
    struct handoffs *h = mem_zalloc(sizeof(*h));
    h->with = *config;
    if (config->config->upstream)
        h->upstreams =
            upstreams_create(config->loop, config->config->upstream, config->config->upstream_timeout_ms);
    list_init(&h->asking);
    list_init(&h->waiting);
    list_init(&h->entered);
    h->task = loop_task_create(config->loop, admit_entered, h);
    return h;
}

void handoffs_destroy(struct handoffs *h)
{
    upstreams_destroy(h->upstreams);
    loop_task_destroy(h->task);
    free(h);
}
