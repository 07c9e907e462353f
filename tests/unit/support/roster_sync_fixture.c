/* SPDX-License-Identifier: MIT */
#include "roster_sync_fixture.h"
#include "answer.h"
#include "asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void write_claims(struct bytes *out, struct span claims)
{
    while (claims.len) {
        bytes_append_span(out, span_split(&claims, '\n'));
        bytes_append_char(out, ',');
    }
}

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct roster_sync_fixture *x = arg;
    struct redisReply *argv;
    if (x->refuses)
        return -1;
    argv = asked_read(command);
    if (request == &x->roster_sync.load) {
        assert_true(asked_is_script(argv, SCRIPT_LOAD));
        story_say(&x->story, "load:%s ", asked_arg(argv, SCRIPT_ARGS).data);
    } else if (request == &x->roster_sync.log) {
        assert_true(span_equal(asked_arg(argv, 0), SPAN("XRANGE")));
        story_say(&x->story, "log:%s ", asked_arg(argv, 2).data);
    } else {
        assert_true(span_equal(asked_arg(argv, 0), SPAN("SMEMBERS")));
        story_say(&x->story, "set:%s ", asked_arg(argv, 1).data);
    }
    reply_free(argv);
    return 0;
}

static void on_changed(void *arg, const struct change *c, struct span claims)
{
    struct roster_sync_fixture *x = arg;
    story_say(&x->story, "%c%.*s%llu", c->online ? '+' : '-', (int)c->user.len, c->user.data,
              (unsigned long long)c->rev);
    if (claims.len) {
        bytes_append_char(&x->story.said, '(');
        write_claims(&x->story.said, claims);
        bytes_append_char(&x->story.said, ')');
    }
    bytes_append_char(&x->story.said, ' ');
}

static void on_restarted(void *arg, uint64_t rev)
{
    story_say(&((struct roster_sync_fixture *)arg)->story, "r%llu ", (unsigned long long)rev);
}

static void on_ready(void *arg)
{
    story_say(&((struct roster_sync_fixture *)arg)->story, "! ");
}

static void on_set_changed(void *arg, struct group *group, const struct span *users, size_t count)
{
    struct roster_sync_fixture *x = arg;
    for (size_t i = 0; i < count; i++)
        story_say(&x->story, "~%.*s:%.*s ", (int)group_name(group).len, group_name(group).data,
                  (int)users[i].len, users[i].data);
}

static void on_regrouped(void *arg, struct span user, struct span before, struct span now)
{
    struct roster_sync_fixture *x = arg;
    story_say(&x->story, "~%.*s(", (int)user.len, user.data);
    write_claims(&x->story.said, before);
    bytes_append_char(&x->story.said, '>');
    write_claims(&x->story.said, now);
    bytes_append_text(&x->story.said, ") ");
}

static void on_control(void *arg, const struct control *control)
{
    story_say(&((struct roster_sync_fixture *)arg)->story, "ctl ");
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

void roster_sync_fixture_answer(struct roster_sync_fixture *x, struct store_request *request,
                                const struct bytes *text)
{
    struct redisReply *reply = answer_read(bytes_span(text));
    store_request_answered(request, reply, x->now_ms);
    reply_free(reply);
}

static void write_list(struct bytes *out, struct span names)
{
    bytes_append_char(out, '[');
    for (bool first = true; names.len; first = false) {
        bytes_append_text(out, first ? "\"" : ",\"");
        bytes_append_span(out, span_split(&names, ':'));
        bytes_append_char(out, '"');
    }
    bytes_append_char(out, ']');
}

/* "X,5,0,a1,b2(x:y)": epoch, rev, next cursor, users by transition, with claims. */
static void tell_load(void *machine, struct span word, struct span what)
{
    struct roster_sync_fixture *x = machine;
    bytes_auto out = BYTES_INIT, users = BYTES_INIT;
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
    roster_sync_fixture_answer(x, &x->roster_sync.load, &out);
}

/* "8+a(x:y)": transition, claims. */
static void write_event(struct bytes *out, struct span epoch, struct span what)
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
static void tell_log(void *machine, struct span word, struct span what)
{
    struct roster_sync_fixture *x = machine;
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
    roster_sync_fixture_answer(x, &x->roster_sync.log, &out);
}

static void tell_set(void *machine, struct span word, struct span what)
{
    struct roster_sync_fixture *x = machine;
    bytes_auto out = BYTES_INIT;
    bytes_auto members = BYTES_INIT;
    size_t count = 0;

    for (; what.len; count++)
        answer_text(&members, span_split(&what, ','));
    answer_array(&out, count);
    bytes_append_span(&out, bytes_span(&members));
    roster_sync_fixture_answer(x, &x->roster_sync.group, &out);
}

/* "X,9,a=X,b=": the state, and the servers with the epoch in which they have asserted. */
static void tell_node(void *machine, struct span word, struct span what)
{
    struct roster_sync_fixture *x = machine;
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

static void tell_want(void *machine, struct span word, struct span rest)
{
    struct roster_sync_fixture *x = machine;
    roster_sync_want(&x->roster_sync, x->now_ms);
}

static void tell_connected(void *machine, struct span word, struct span rest)
{
    struct roster_sync_fixture *x = machine;
    roster_sync_connected(&x->roster_sync, word.data[0] == 'c', x->now_ms);
}

static void tell_subscribed(void *machine, struct span word, struct span rest)
{
    struct roster_sync_fixture *x = machine;
    roster_sync_subscribed(&x->roster_sync, word.data[0] == 's', x->now_ms);
}

static void tell_refuses(void *machine, struct span word, struct span rest)
{
    struct roster_sync_fixture *x = machine;
    x->refuses = word.data[0] == 'r';
}

static void tell_error(void *machine, struct span word, struct span error)
{
    struct roster_sync_fixture *x = machine;
    bytes_auto out = BYTES_INIT;
    bytes_printf(&out, "-%.*s is what Redis said\r\n", (int)error.len, error.data);
    roster_sync_fixture_answer(x,
                               word.data[0] == 's'                          ? &x->roster_sync.group
                               : word.data[1] == 'o' && word.data[2] == 'a' ? &x->roster_sync.load
                                                                            : &x->roster_sync.log,
                               &out);
}

static void tell_published(void *machine, struct span word, struct span what)
{
    struct roster_sync_fixture *x = machine;
    bytes_auto event = BYTES_INIT;
    struct span epoch = span_split(&what, ',');

    write_event(&event, epoch, what);
    roster_sync_message(&x->roster_sync, SPAN("updates"), bytes_span(&event), x->now_ms);
}

static void tell_by_hand(void *machine, struct span word, struct span text)
{
    struct roster_sync_fixture *x = machine;
    roster_sync_message(&x->roster_sync, SPAN("updates"), text, x->now_ms);
}

static void tell_groups(void *machine, struct span word, struct span what)
{
    struct roster_sync_fixture *x = machine;
    bytes_auto text = BYTES_INIT;
    struct span user = span_split(&what, ',');
    struct span rev = memchr(user.data, '@', user.len) ? span_split(&user, '@') : SPAN("0");

    bytes_printf(&text, "{\"cmd\":\"groups\",\"userId\":\"%.*s\",\"groups\":", (int)user.len, user.data);
    write_list(&text, what);
    bytes_printf(&text, ",\"rev\":%.*s,\"epoch\":\"X\",\"db\":0}", (int)rev.len, rev.data);
    roster_sync_message(&x->roster_sync, SPAN("control"), bytes_span(&text), x->now_ms);
}

static void tell_hold(void *machine, struct span word, struct span name)
{
    struct roster_sync_fixture *x = machine;
    struct group *group = groups_hold(&x->roster_sync.groups, name);
    group_queue_ask(&x->roster_sync.groups.queue, SPAN("v"), group, x->now_ms);
    roster_sync_read_groups(&x->roster_sync, x->now_ms);
}

static void pass(void *machine, int64_t until_ms)
{
    struct roster_sync_fixture *x = machine;
    while (x->now_ms < until_ms) {
        x->now_ms += until_ms - x->now_ms < 50 ? until_ms - x->now_ms : 50;
        roster_sync_tick(&x->roster_sync, x->now_ms);
    }
}

static const struct story_verb verbs[] = {
    {"want", tell_want},        {"con", tell_connected},  {"lost", tell_connected}, {"sub", tell_subscribed},
    {"unsub", tell_subscribed}, {"refuse", tell_refuses}, {"take", tell_refuses},   {"load=", tell_load},
    {"log=", tell_log},         {"set=", tell_set},       {"node=", tell_node},     {"load!", tell_error},
    {"log!", tell_error},       {"set!", tell_error},     {"pub=", tell_published}, {"hand=", tell_by_hand},
    {"groups=", tell_groups},   {"hold=", tell_hold},
};
static const struct story_table table = {STORY_VERBS(verbs), .pass = pass};

void roster_sync_fixture_setup(struct roster_sync_fixture *x, const char *name)
{
    memset(x, 0, sizeof(*x));
    x->store = (struct store){.prefix = "presence:", .log_max = 1000};
    x->now_ms = 1000;
    redis_time_sample(&x->time, 1000, 1000, 5000);
    recovery_init(&x->recovery);
    roster_sync_init(&x->roster_sync, &x->store, &x->time, &x->recovery, "g.{group}.u", &hooks, x);
    story_init(&x->story, name, &table, x);
}

void roster_sync_fixture_teardown(struct roster_sync_fixture *x)
{
    roster_sync_finish(&x->roster_sync);
    recovery_finish(&x->recovery);
    story_finish(&x->story);
}
