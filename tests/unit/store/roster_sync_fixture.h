/* SPDX-License-Identifier: MIT */
/* A roster sync that is told stories, and what it says to them. */
#ifndef TEST_STORE_ROSTER_SYNC_FIXTURE_H
#define TEST_STORE_ROSTER_SYNC_FIXTURE_H

#include "answers.h"

#include "base/map.h"
#include "base/mem.h"
#include "store/node_registry.h"
#include "store/roster_sync.h"

/* A roster sync, and all it says: commands (load:0, load:5, log:8, set:x), and to its
 * owner (+a7 -a7 a change, with claims +a7(x,), r7 restarted, ! ready, ~a(x>y) and ~x:a regrouped, ctl). */
struct fixture {
    struct roster_sync roster_sync;
    struct recovery recovery;
    struct store store;
    struct redis_time time;
    struct bytes said;
    int64_t now_ms;
    bool refuses; /* the link takes nothing */
};

static inline void say(struct fixture *x, const char *format, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    bytes_append_text(&x->said, text);
}

static inline void write_claims(struct bytes *out, struct span claims)
{
    while (claims.len) {
        bytes_append_span(out, span_split(&claims, '\n'));
        bytes_append_char(out, ',');
    }
}

static inline int on_send(void *arg, struct store_request *request, struct span command)
{
    struct fixture *x = arg;
    struct redisReply *argv;
    if (x->refuses)
        return -1;
    argv = command_read(command);
    if (request == &x->roster_sync.load) {
        assert_true(command_is_script(argv, SCRIPT_LOAD));
        say(x, "load:%s ", command_arg(argv, SCRIPT_ARGS).data);
    } else if (request == &x->roster_sync.log) {
        assert_true(span_equal(command_arg(argv, 0), SPAN("XRANGE")));
        say(x, "log:%s ", command_arg(argv, 2).data);
    } else {
        assert_true(span_equal(command_arg(argv, 0), SPAN("SMEMBERS")));
        say(x, "set:%s ", command_arg(argv, 1).data);
    }
    reply_free(argv);
    return 0;
}

static inline void on_changed(void *arg, const struct change *c, struct span claims)
{
    struct fixture *x = arg;
    say(x, "%c%.*s%llu", c->online ? '+' : '-', (int)c->user.len, c->user.data, (unsigned long long)c->rev);
    if (claims.len) {
        bytes_append_char(&x->said, '(');
        write_claims(&x->said, claims);
        bytes_append_char(&x->said, ')');
    }
    bytes_append_char(&x->said, ' ');
}

static inline void on_restarted(void *arg, uint64_t rev)
{
    say(arg, "r%llu ", (unsigned long long)rev);
}

static inline void on_ready(void *arg)
{
    say(arg, "! ");
}

static inline void on_set_changed(void *arg, struct group *group, const struct span *users, size_t count)
{
    for (size_t i = 0; i < count; i++)
        say(arg, "~%.*s:%.*s ", (int)group_name(group).len, group_name(group).data, (int)users[i].len,
            users[i].data);
}

static inline void on_regrouped(void *arg, struct span user, struct span before, struct span now)
{
    struct fixture *x = arg;
    say(x, "~%.*s(", (int)user.len, user.data);
    write_claims(&x->said, before);
    bytes_append_char(&x->said, '>');
    write_claims(&x->said, now);
    bytes_append_text(&x->said, ") ");
}

static inline void on_control(void *arg, const struct control *control)
{
    say(arg, "ctl ");
}

static const struct roster_sync_hooks hooks = {
    .send = on_send,
    .changed = on_changed,
    .restarted = on_restarted,
    .ready = on_ready,
    .set_changed = on_set_changed,
    .regrouped = on_regrouped,
    .control = on_control,
};

static inline void setup(struct fixture *x)
{
    memset(x, 0, sizeof(*x));
    x->store = (struct store){.prefix = "presence:", .log_max = 1000};
    x->now_ms = 1000;
    redis_time_sample(&x->time, 1000, 1000, 5000);
    recovery_init(&x->recovery);
    roster_sync_init(&x->roster_sync, &x->store, &x->time, &x->recovery, "g.{group}.u", &hooks, x);
}

static inline void teardown(struct fixture *x)
{
    roster_sync_finish(&x->roster_sync);
    recovery_finish(&x->recovery);
    bytes_finish(&x->said);
}

static inline void answer(struct fixture *x, struct store_request *request, struct bytes *text)
{
    struct redisReply *reply = answer_read(bytes_span(text));
    store_request_answered(request, reply, x->now_ms);
    reply_free(reply);
}

static inline uint64_t number(struct span text)
{
    uint64_t value;
    assert_int_equal(span_to_u64(text, UINT64_MAX, &value), 0);
    return value;
}

static inline void write_list(struct bytes *out, struct span names)
{
    bytes_append_char(out, '[');
    for (bool first = true; names.len; first = false) {
        bytes_append_text(out, first ? "\"" : ",\"");
        bytes_append_span(out, span_split(&names, ':'));
        bytes_append_char(out, '"');
    }
    bytes_append_char(out, ']');
}

/* "X 5 0 a1 b2(x:y)": epoch, rev, next cursor, users by transition, with claims. */
static inline void answer_load(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto users = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ','), cursor = span_split(&what, ',');
    size_t count = 0;

    for (; what.len; count++) {
        struct span user = span_split(&what, ','), claims;
        struct span id = {user.data, 1}, transition;
        user = (struct span){user.data + 1, user.len - 1};
        transition = span_split(&user, '(');
        claims = span_split(&user, ')');
        bytes_auto list = BYTES_INIT;
        if (claims.len)
            write_list(&list, claims);
        answer_text(&users, id);
        answer_text(&users, SPAN("77"));
        answer_text(&users, SPAN("d"));
        answer_text(&users, transition);
        answer_text(&users, bytes_span(&list));
    }
    answer_array(&out, 5);
    answer_number(&out, 5000);
    answer_text(&out, epoch);
    answer_text(&out, rev);
    answer_text(&out, cursor);
    answer_array(&out, 5 * count);
    bytes_append_span(&out, bytes_span(&users));
    answer(x, &x->roster_sync.load, &out);
}

/* "X:8+a(x:y)": epoch, transition, claims. */
static inline void write_event(struct bytes *out, struct span epoch, struct span what)
{
    size_t sign = 0;
    while (what.data[sign] != '+' && what.data[sign] != '-')
        sign++;
    struct span rest = {what.data + sign + 2, what.len - sign - 2};
    span_split(&rest, '(');
    struct span claims = span_split(&rest, ')');
    bytes_printf(out,
                 "{\"userId\":\"%c\",\"status\":\"%s\",\"timestamp\":5,\"lastSeen\":4,\"deviceId\":null,",
                 what.data[sign + 1], what.data[sign] == '+' ? "online" : "offline");
    bytes_printf(out, "\"rev\":%.*s,\"epoch\":\"%.*s\",\"db\":0,\"reason\":\"r\",\"node\":\"n\"", (int)sign,
                 what.data, (int)epoch.len, epoch.data);
    if (claims.len) {
        bytes_append_text(out, ",\"groups\":");
        write_list(out, claims);
    }
    bytes_append_char(out, '}');
}

/* "X,8+a,9-b", or only an epoch: nothing is there. */
static inline void answer_log(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto entries = BYTES_INIT;
    struct span epoch = span_split(&what, ',');
    size_t count = 0;

    for (; what.len; count++) {
        struct span entry = span_split(&what, ',');
        bytes_auto event = BYTES_INIT;
        bytes_auto id = BYTES_INIT;
        size_t digits = strspn(entry.data, "0123456789");
        write_event(&event, epoch, entry);
        bytes_printf(&id, "%.*s-0", (int)digits, entry.data);
        answer_array(&entries, 2);
        answer_text(&entries, bytes_span(&id));
        answer_array(&entries, 2);
        answer_text(&entries, SPAN("event"));
        answer_text(&entries, bytes_span(&event));
    }
    answer_array(&out, count);
    bytes_append_span(&out, bytes_span(&entries));
    answer(x, &x->roster_sync.log, &out);
}

static inline void answer_error(struct fixture *x, struct store_request *request, const char *error)
{
    bytes_auto out = BYTES_INIT;

    bytes_printf(&out, "-%s\r\n", error);
    answer(x, request, &out);
}

static inline void answer_set(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto members = BYTES_INIT;
    size_t count = 0;

    for (; what.len; count++)
        answer_text(&members, span_split(&what, ','));
    answer_array(&out, count);
    bytes_append_span(&out, bytes_span(&members));
    answer(x, &x->roster_sync.group, &out);
}

/* "X,9,a=X,b=": the state, and the servers with the epoch in which they have asserted. */
static inline void answer_node(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto nodes = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ',');
    struct node_answer node;
    size_t count = 0;

    for (; what.len; count++) {
        struct span entry = span_split(&what, ','), name = span_split(&entry, '=');
        bytes_auto json = BYTES_INIT;
        bytes_printf(
            &json,
            "{\"program\":\"presence-ws\",\"address\":\"\",\"seen\":5000,\"offset\":0,\"asserted\":\"%.*s\"}",
            (int)entry.len, entry.len ? entry.data : "");
        answer_text(&nodes, name);
        answer_text(&nodes, bytes_span(&json));
    }
    answer_array(&out, 8);
    answer_number(&out, 5000);
    answer_text(&out, epoch);
    answer_text(&out, rev);
    answer_text(&out, SPAN("1"));
    answer_text(&out, SPAN("0"));
    answer_text(&out, SPAN("0"));
    answer_array(&out, 2 * count);
    bytes_append_span(&out, bytes_span(&nodes));
    answer_number(&out, 0);
    struct redisReply *reply = answer_read(bytes_span(&out));
    assert_int_equal(store_read_node(reply, &node), 0);
    roster_sync_state(&x->roster_sync, &node.state, x->now_ms);
    node_registry_hear_peers(&x->recovery, &node, 0, x->now_ms);
    roster_sync_nodes(&x->roster_sync, &node, x->now_ms);
    reply_free(reply);
}

static inline void publish(struct fixture *x, struct span what)
{
    bytes_auto event = BYTES_INIT;
    struct span epoch = span_split(&what, ',');

    write_event(&event, epoch, what);
    roster_sync_message(&x->roster_sync, SPAN("updates"), bytes_span(&event), x->now_ms);
}

static inline void publish_groups(struct fixture *x, struct span what)
{
    bytes_auto text = BYTES_INIT;
    struct span user = span_split(&what, ',');
    struct span rev = memchr(user.data, '@', user.len) ? span_split(&user, '@') : SPAN("0");

    bytes_printf(&text, "{\"cmd\":\"groups\",\"userId\":\"%.*s\",\"groups\":", (int)user.len, user.data);
    write_list(&text, what);
    bytes_printf(&text, ",\"rev\":%.*s,\"epoch\":\"X\",\"db\":0}", (int)rev.len, rev.data);
    roster_sync_message(&x->roster_sync, SPAN("control"), bytes_span(&text), x->now_ms);
}

static inline void hold(struct fixture *x, struct span name)
{
    struct group *group = groups_hold(&x->roster_sync.groups, name);
    group_queue_ask(&x->roster_sync.groups.queue, SPAN("v"), group, x->now_ms);
    roster_sync_read_groups(&x->roster_sync, x->now_ms);
}

static inline void tick_until(struct fixture *x, int64_t until_ms)
{
    while (x->now_ms < until_ms) {
        x->now_ms += until_ms - x->now_ms < 50 ? until_ms - x->now_ms : 50;
        roster_sync_tick(&x->roster_sync, x->now_ms);
    }
}

/* Words: want, con, lost, sub, unsub, @2000 (ticks until then), | (a mark), refuse, take, hold=x, and what
 * comes in: load=X,5,0,a1  load!ERR  log=X,8+a  log!ERR  set=a,b  set!ERR  node=X,9,n=X  pub=X,8+a  hand={…}
 * groups=a,x:y (groups=6@a,x of that revision)  state=X,9 */
static inline void tell(struct fixture *x, struct span word)
{
    struct roster_sync *f = &x->roster_sync;
    struct span rest = word, verb = span_split(&rest, '='), error = word;
    span_split(&error, '!');
    if (span_equal(word, SPAN("|")))
        say(x, "| ");
    else if (span_equal(word, SPAN("want")))
        roster_sync_want(f, x->now_ms);
    else if (span_equal(word, SPAN("con")) || span_equal(word, SPAN("lost")))
        roster_sync_connected(f, word.len == 3, x->now_ms);
    else if (span_equal(word, SPAN("sub")) || span_equal(word, SPAN("unsub")))
        roster_sync_subscribed(f, word.len == 3, x->now_ms);
    else if (span_equal(word, SPAN("refuse")) || span_equal(word, SPAN("take")))
        x->refuses = word.len == 6;
    else if (word.data[0] == '@')
        tick_until(x, (int64_t)number((struct span){word.data + 1, word.len - 1}));
    else if (span_equal(verb, SPAN("load")))
        answer_load(x, rest);
    else if (span_equal(verb, SPAN("log")))
        answer_log(x, rest);
    else if (span_equal(verb, SPAN("set")))
        answer_set(x, rest);
    else if (span_equal(verb, SPAN("node")))
        answer_node(x, rest);
    else if (span_equal(verb, SPAN("pub")))
        publish(x, rest);
    else if (span_equal(verb, SPAN("hand")))
        roster_sync_message(f, SPAN("updates"), rest, x->now_ms);
    else if (span_equal(verb, SPAN("groups")))
        publish_groups(x, rest);
    else if (span_equal(verb, SPAN("hold")))
        hold(x, rest);
    else if (error.len)
        answer_error(x,
                     word.data[1] == 'o' && word.data[2] == 'a' ? &f->load
                     : word.data[0] == 'l'                      ? &f->log
                                                                : &f->group,
                     error.data);
    else
        fail_msg("no such word: %.*s", (int)word.len, word.data);
}

static inline void tell_all(struct fixture *x, const char *words)
{
    struct span rest = span_of(words);
    while (rest.len) {
        struct span word = span_split(&rest, ' ');
        if (word.len)
            tell(x, word);
    }
}

#define READY "con sub want load=X,5,0,a1,b2 "
#define SAID  "load:0 r5 ! "

#endif
