/* A phone between the gate and its WebSocket: it is let in when its session stands in the store, so that
 * whoever has seen it open finds it online, and an old connection that dies in that very moment is not its
 * user's last one.
 *
 * Without Redis, or when the answer takes long, it is let in all the same and asserted later. */
#include "base/mem.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MOST_MS 250

struct arrival {
    struct list link; /* in server.arrivals, or server.arrived */
    struct wheel_timer timer;
    struct server *server;
    struct session *session;
    int fd;
    struct gate_request request; /* its texts are the arrival's own */
    struct span synthetic_request;
    char *texts[4];
};

static struct span own(char **ret, struct span text)
{
    *ret = mem_strndup(text.len > 0 ? text.data : "", text.len);
    return (struct span){*ret, text.len};
}

static void arrival_destroy(struct arrival *a)
{
    wheel_stop(&a->server->wheel, &a->timer);
    list_remove(&a->link);
    a->server->arrival_count--;
    token_finish(&a->request.token);
    for (size_t i = 0; i < sizeof(a->texts) / sizeof(a->texts[0]); i++)
        free(a->texts[i]);
    free(a);
}

/* The connection takes the session over; where it can't be made, the phone has gone. */
static void let_in(struct arrival *a)
{
    struct server *s = a->server;
    a->session->arriving = false;
    s->entering = a->session;
    websocket_adopt(s->endpoint, a->fd, &a->request, a->synthetic_request, a->texts[3]);
    if (s->entering) {
        session_end(&s->ledger, s->entering, "disconnected", false, loop_now_ms(s->loop));
        s->entering = NULL;
        store_dirty(s);
    }
    arrival_destroy(a);
}

static void on_wait_over(struct wheel_timer *timer, int64_t now_ms)
{
    let_in(list_entry(timer, struct arrival, timer));
}

static void on_entered(void *arg, struct session *session)
{
    struct server *s = arg;
    struct arrival *a = session->owner;
    list_remove(&a->link);
    list_append(&s->arrived, &a->link);
    loop_task_want(s->arrival_task);
}

static void let_all_in(struct list *arrivals)
{
    while (!list_empty(arrivals))
        let_in(list_entry(arrivals->next, struct arrival, link));
}

static void on_arrived(void *arg)
{
    struct server *s = arg;
    let_all_in(&s->arrived);
}

void arrivals_start(struct server *s)
{
    list_init(&s->arrivals);
    list_init(&s->arrived);
    s->arrival_task = loop_task_create(s->loop, on_arrived, s);
    s->ledger.entered = on_entered;
    s->ledger.arg = s;
}

void arrivals_let_in(struct server *s)
{
    let_all_in(&s->arrived);
    let_all_in(&s->arrivals);
}

void arrivals_stop(struct server *s)
{
    loop_task_destroy(s->arrival_task);
}

bool arrival_awaits(const struct server *s, const struct gate_request *request)
{
    return request->token.role == ROLE_MOBILE && s->config.policy.enabled && s->ledger.connected &&
           !s->draining;
}

void arrival_begin(struct server *s, int fd, struct gate_request *request, struct span synthetic_request,
                   const char *protocol)
{
    struct arrival *a = mem_zalloc(sizeof(*a));
    a->server = s;
    a->fd = fd;
    a->request = *request;
    memset(&request->token, 0, sizeof(request->token));
    a->request.device = own(&a->texts[0], request->device);
    a->request.peer = own(&a->texts[1], span_of(request->peer)).data;
    a->request.groups = a->request.users = a->request.since = SPAN_NONE;
    a->synthetic_request = own(&a->texts[2], synthetic_request);
    own(&a->texts[3], span_of(protocol));
    list_append(&s->arrivals, &a->link);
    s->arrival_count++;
    wheel_timer_init(&a->timer, on_wait_over);
    wheel_start(&s->wheel, &a->timer, loop_now_ms(s->loop) + WAIT_MOST_MS);
    a->session = client_open_session(s, &a->request, a);
    a->session->arriving = true;
}
