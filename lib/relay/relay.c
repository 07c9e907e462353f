/* SPDX-License-Identifier: MIT */
#include "relay/relay.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "relay/relay_up.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX 16384
#define LEAVE_MS 2000
#define TICK_MS  100
#define PONG_PRESSED                                                                                         \
    65536 /* bytes queued at which pings are no longer answered (RFC 6455, 5.5.3 allows it) */

struct relay {
    struct list link; /* in one list of the relays */
    struct relays *of;
    void *owner;
    struct loop_watch *watch;
    int fd;
    bool ready;   /* the client takes bytes */
    bool holding; /* the client was told to wait */
    bool unread;  /* what is kept came behind the answer to the handshake, and was not read yet */
    bool leaving; /* the client is gone: what comes is thrown away */
    bool shut;    /* our half of the connection */
    struct relay_up up;
    struct relay_down down;
    struct bytes kept;   /* the beginning of a frame whose rest has not come */
    uint64_t size_up;    /* of the client's message so far */
    int64_t heard_ms;    /* something came of the upstream, or could not be read */
    int64_t pinged_ms;   /* a ping waits for its answer since; 0: none */
    int64_t leave_by_ms; /* once leaving */
};

struct relays {
    struct loop *loop;
    struct relay_limits limits;
    struct relay_hooks hooks;
    struct relay_counts counts;
    struct rng masks; /* which must not be guessable (RFC 6455, 5.3) */
    struct list quiet;
    struct list wanting; /* have something to send or to read before the loop waits again */
    struct list leaving;
    struct loop_task *task;
    struct loop_timer *timer;
    char buffer[RELAY_DOWN_HOLD + READ_MAX];
};

static void relay_free(struct relay *r)
{
    list_remove(&r->link);
    loop_watch_destroy(r->watch);
    close(r->fd);
    relay_up_finish(&r->up);
    bytes_finish(&r->kept);
    free(r);
}

static void want(struct relay *r)
{
    if (r->leaving)
        return;
    list_remove(&r->link);
    list_append(&r->of->wanting, &r->link);
    loop_task_want(r->of->task);
    loop_poll_now(r->of->loop);
}

static void watch(struct relay *r)
{
    loop_watch_want(r->watch, (r->ready || r->leaving ? LOOP_READ : 0) | (r->up.whole > 0 ? LOOP_WRITE : 0));
}

/* Sends what the socket takes. -1: the upstream is gone. */
static int flush(struct relay *r)
{
    while (r->up.whole > 0) {
        ssize_t n = send(r->fd, r->up.out.data, r->up.whole, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (n <= 0)
            break;
        r->of->counts.bytes_up += (uint64_t)n;
        relay_up_sent(&r->up, (size_t)n);
    }
    bool full = r->up.whole > 0;
    if (r->leaving && !full && !r->shut)
        r->shut = shutdown(r->fd, SHUT_WR) == 0;
    if (!r->leaving && r->holding != full) {
        r->holding = full;
        r->of->hooks.hold(r->owner, full);
    }
    watch(r);
    return 0;
}

/* From here on it is nobody's, and is freed by itself. */
static void leave(struct relay *r, int64_t most_ms)
{
    struct relays *rs = r->of;
    if (!r->leaving)
        rs->counts.open--;
    r->leaving = true;
    r->owner = NULL;
    r->leave_by_ms = loop_now_ms(rs->loop) + most_ms;
    list_remove(&r->link);
    list_append(&rs->leaving, &r->link);
    if (!loop_timer_active(rs->timer))
        loop_timer_start(rs->timer, TICK_MS, TICK_MS);
}

static void lose(struct relay *r, const char *why)
{
    void *owner = r->owner;
    leave(r, 0);
    relay_up_cut(&r->up);
    relay_up_sent(&r->up, r->up.whole);
    watch(r);
    if (owner)
        r->of->hooks.lost(owner, why);
}

static void flush_or_lose(struct relay *r)
{
    if (flush(r) < 0)
        lose(r, "it has ended the connection");
}

void relay_close(struct relay *r, struct span payload)
{
    relay_up_cut(&r->up);
    relay_up_control(&r->up, FRAME_CLOSE, payload, &r->of->masks);
    relay_end(r);
}

void relay_end(struct relay *r)
{
    relay_up_cut(&r->up);
    leave(r, LEAVE_MS);
    flush_or_lose(r);
}

static void take_control(struct relay *r, const struct relay_piece *piece)
{
    struct relays *rs = r->of;
    uint8_t opcode = piece->first & 0x0f;
    if (opcode == FRAME_PING && r->up.out.len < PONG_PRESSED) {
        relay_up_control(&r->up, FRAME_PONG, piece->bytes, &rs->masks);
        want(r);
    }
    if (opcode != FRAME_CLOSE)
        return;
    if (frame_close_fault(piece->bytes)) {
        lose(r, "its close frame is wrong");
        return;
    }
    void *owner = r->owner;
    relay_close(r, piece->bytes);
    rs->hooks.closed(owner, piece->bytes);
}

static void take_fragment(struct relay *r, const struct relay_piece *piece)
{
    r->ready = r->of->hooks.deliver_fragment(r->owner, piece->first, piece->bytes);
    if (!r->leaving && !relay_in_message(r))
        r->of->hooks.message_over(r->owner);
}

static void take(struct relay *r, struct span data)
{
    struct relays *rs = r->of;
    struct relay_piece piece;
    enum relay_down_result result = RELAY_DOWN_FRAMES;
    while (!r->leaving && result != RELAY_DOWN_MORE) {
        result = relay_down_next(&r->down, &data, &piece);
        if (result == RELAY_DOWN_FRAMES || result == RELAY_DOWN_FRAGMENT)
            rs->counts.bytes_down += piece.bytes.len;
        switch (result) {
        case RELAY_DOWN_MORE: bytes_append_span(&r->kept, data); break;
        case RELAY_DOWN_FRAMES: r->ready = rs->hooks.deliver(r->owner, piece.bytes); break;
        case RELAY_DOWN_FRAGMENT: take_fragment(r, &piece); break;
        case RELAY_DOWN_CONTROL: take_control(r, &piece); break;
        case RELAY_DOWN_DROPPED: rs->counts.messages_down_dropped++; break;
        case RELAY_DOWN_BROKEN: lose(r, "it breaks RFC 6455"); break;
        case RELAY_DOWN_TOO_BIG: lose(r, "its message is over PRESENCE_UPSTREAM_MESSAGE_MAX"); break;
        }
    }
}

/* From the socket, or what came behind the answer to the handshake. */
static void read_on(struct relay *r)
{
    struct relays *rs = r->of;
    size_t kept = r->kept.len;
    ssize_t n = 0;
    r->ready = rs->hooks.ready(r->owner);
    if (!r->ready)
        return;
    if (kept > 0)
        memcpy(rs->buffer, r->kept.data, kept);
    if (!r->unread)
        n = recv(r->fd, rs->buffer + kept, READ_MAX, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 || (n == 0 && !r->unread)) {
        lose(r, n < 0 ? strerror(errno) : "it has ended the connection");
        return;
    }
    bytes_finish(&r->kept);
    r->unread = false;
    r->heard_ms = loop_now_ms(rs->loop);
    r->pinged_ms = 0;
    loop_poll_now(rs->loop);
    take(r, (struct span){rs->buffer, kept + (size_t)n});
}

/* Until the upstream has ended the connection, too. */
static void throw_away(struct relay *r)
{
    ssize_t n = recv(r->fd, r->of->buffer, READ_MAX, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        r->leave_by_ms = loop_now_ms(r->of->loop);
}

static void on_events(void *arg, int events)
{
    struct relay *r = arg;
    if (events & LOOP_READ && r->leaving)
        throw_away(r);
    else if (events & LOOP_READ)
        read_on(r);
    if (events & LOOP_WRITE)
        flush_or_lose(r);
    if (r->leaving && r->leave_by_ms <= loop_now_ms(r->of->loop))
        relay_free(r);
    else
        watch(r);
}

/* What a turn has gathered goes out in one write. */
static void on_task(void *arg)
{
    struct relays *rs = arg;
    struct list batch;
    list_init(&batch);
    list_take(&batch, &rs->wanting);
    while (!list_empty(&batch)) {
        struct relay *r = list_entry(batch.next, struct relay, link);
        list_remove(&r->link);
        list_append(&rs->quiet, &r->link);
        if (r->unread)
            read_on(r);
        if (!r->leaving)
            flush_or_lose(r);
    }
}

static void on_tick(void *arg)
{
    struct relays *rs = arg;
    int64_t now_ms = loop_now_ms(rs->loop);
    for (struct list *at = rs->leaving.next, *next; at != &rs->leaving; at = next) {
        struct relay *r = list_entry(at, struct relay, link);
        next = at->next;
        if (r->leave_by_ms <= now_ms)
            relay_free(r);
    }
    if (list_empty(&rs->leaving))
        loop_timer_stop(rs->timer);
}

struct relay *relay_create(struct relays *rs, int fd, struct span early, void *owner)
{
    struct relay *r = mem_zalloc(sizeof(*r));
    list_init(&r->link);
    r->of = rs;
    r->owner = owner;
    r->fd = fd;
    r->ready = true;
    r->down = (struct relay_down){.message_max = rs->limits.message_max, .filters = rs->limits.filters};
    r->heard_ms = loop_now_ms(rs->loop);
    r->watch = loop_watch_create(rs->loop, fd, on_events, r);
    if (!r->watch) {
        relay_free(r);
        return NULL;
    }
    rs->counts.open++;
    list_append(&rs->quiet, &r->link);
    if (early.len > 0) {
        bytes_append_span(&r->kept, early);
        r->unread = true;
        want(r);
    }
    return r;
}

bool relay_send(struct relay *r, bool binary, struct span piece, uint64_t remaining, bool final)
{
    uint64_t max = r->of->limits.message_max;
    if (piece.len + remaining > max || r->size_up > max - piece.len - remaining)
        return false;
    r->size_up = final ? 0 : r->size_up + piece.len;
    relay_up_put(&r->up, binary, piece, remaining, final, &r->of->masks);
    if (r->up.whole > 0)
        want(r);
    return true;
}

void relay_resume(struct relay *r)
{
    if (r->ready)
        return;
    r->ready = true;
    if (r->unread)
        want(r);
    watch(r);
}

bool relay_in_message(const struct relay *r)
{
    return relay_down_in_message(&r->down);
}

int64_t relay_check_due(const struct relay *r)
{
    const struct relay_limits *limits = &r->of->limits;
    if (limits->ping_interval_ms == 0)
        return INT64_MAX;
    return r->pinged_ms ? r->pinged_ms + limits->pong_timeout_ms : r->heard_ms + limits->ping_interval_ms;
}

void relay_check(struct relay *r, int64_t now_ms)
{
    if (now_ms < relay_check_due(r))
        return;
    if (!r->ready) {
        r->heard_ms = now_ms; /* its answer could not be read */
        r->pinged_ms = 0;
    } else if (r->pinged_ms) {
        lose(r, "it answers no ping");
    } else {
        r->pinged_ms = now_ms;
        relay_up_control(&r->up, FRAME_PING, SPAN("p"), &r->of->masks);
        want(r);
    }
}

const struct relay_counts *relays_counts(const struct relays *rs)
{
    return &rs->counts;
}

struct relays *relays_create(struct loop *loop, const struct relay_limits *limits,
                             const struct relay_hooks *hooks)
{
    struct relays *rs = mem_zalloc(sizeof(*rs));
    rs->loop = loop;
    rs->limits = *limits;
    rs->hooks = *hooks;
    rng_init(&rs->masks, random_u64());
    list_init(&rs->quiet);
    list_init(&rs->wanting);
    list_init(&rs->leaving);
    rs->task = loop_task_create(loop, on_task, rs);
    rs->timer = loop_timer_create(loop, on_tick, rs);
    return rs;
}

void relays_destroy(struct relays *rs)
{
    if (!rs)
        return;
    struct list *lists[] = {&rs->quiet, &rs->wanting, &rs->leaving};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        while (!list_empty(lists[i]))
            relay_free(list_entry(lists[i]->next, struct relay, link));
    loop_task_destroy(rs->task);
    loop_timer_destroy(rs->timer);
    free(rs);
}
